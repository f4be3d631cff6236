// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/systemd/inherited_sockets.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace pinion {
namespace {

// systemd's rule: the first comes after the standard descriptors.
constexpr int kFirst = 3;

// More than a service has: a number beyond it is a mistake.
constexpr int kMost = 1024;

constexpr char kPid[] = "LISTEN_PID";
constexpr char kCount[] = "LISTEN_FDS";
constexpr char kNames[] = "LISTEN_FDNAMES";

// What was handed over to this process.
struct Inherited {
  absl::Status mistake;
  std::vector<InheritedSocket> left;
};

Inherited ReadAndForget() {
  auto sockets = ReadInherited({.pid = std::getenv(kPid),
                                .count = std::getenv(kCount),
                                .names = std::getenv(kNames)},
                               getpid());
  for (const char* name : {kPid, kCount, kNames}) unsetenv(name);
  if (!sockets.ok()) return {.mistake = sockets.status(), .left = {}};
  for (const InheritedSocket& socket : *sockets) {
    fcntl(socket.descriptor, F_SETFD, FD_CLOEXEC);
  }
  return {.mistake = absl::OkStatus(), .left = *std::move(sockets)};
}

Inherited& OfThisProcess() {
  static Inherited* const inherited = new Inherited(ReadAndForget());
  return *inherited;
}

absl::Status NoneIsNamed(absl::string_view name,
                         const std::vector<InheritedSocket>& left) {
  if (left.empty()) {
    return absl::InvalidArgumentError(
        "no socket was handed over to this process (LISTEN_FDS and LISTEN_PID "
        "say so): start it by its socket unit, or listen on an address");
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "no socket was handed over with the name \"", name, "\", but with: ",
      absl::StrJoin(left, ", ",
                    [](std::string* out, const InheritedSocket& socket) {
                      absl::StrAppend(out, "\"", socket.name, "\"");
                    }),
      "; FileDescriptorName in the socket unit sets it"));
}

}  // namespace

absl::StatusOr<std::vector<InheritedSocket>> ReadInherited(
    const InheritedEnvironment& environment, pid_t self) {
  std::vector<InheritedSocket> sockets;
  if (environment.count == nullptr || environment.pid == nullptr) {
    return sockets;
  }
  pid_t pid;
  if (!absl::SimpleAtoi(environment.pid, &pid) || pid <= 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        kPid, " is \"", environment.pid, "\", which is no process's number"));
  }
  if (pid != self) return sockets;
  int count;
  if (!absl::SimpleAtoi(environment.count, &count) || count < 0 ||
      count > kMost) {
    return absl::InvalidArgumentError(
        absl::StrCat(kCount, " is \"", environment.count,
                     "\"; a number of sockets is 0 to ", kMost));
  }
  std::vector<std::string> names(static_cast<size_t>(count));
  if (environment.names != nullptr && count > 0) {
    names = absl::StrSplit(environment.names, ':');
  }
  if (names.size() != static_cast<size_t>(count)) {
    return absl::InvalidArgumentError(
        absl::StrCat(kNames, " has ", names.size(), " names, and ", kCount,
                     " says that there are ", count, " sockets"));
  }
  for (int i = 0; i < count; ++i) {
    sockets.push_back({.descriptor = kFirst + i, .name = names[i]});
  }
  return sockets;
}

void ReadInheritedSockets() { OfThisProcess(); }

absl::StatusOr<std::vector<int>> TakeInheritedSockets(absl::string_view name) {
  Inherited& inherited = OfThisProcess();
  if (!inherited.mistake.ok()) return inherited.mistake;
  std::vector<int> taken;
  std::vector<InheritedSocket> left;
  for (const InheritedSocket& socket : inherited.left) {
    if (name.empty() || socket.name == name) {
      taken.push_back(socket.descriptor);
    } else {
      left.push_back(socket);
    }
  }
  if (taken.empty()) return NoneIsNamed(name, inherited.left);
  inherited.left = std::move(left);
  return taken;
}

std::vector<InheritedSocket> LeftInheritedSockets() {
  return OfThisProcess().left;
}

}  // namespace pinion
