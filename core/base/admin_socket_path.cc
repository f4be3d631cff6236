// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/base/admin_socket_path.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "pinion/core/base/file_kind.h"
#include "pinion/core/base/unix_probe.h"

namespace pinion {
namespace {

constexpr char kSuffix[] = ".admin";
constexpr size_t kLongestPath = sizeof(sockaddr_un::sun_path) - 1;

std::string Environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string InTemporary(const AdminSocketPlaces& places) {
  return absl::StrCat(places.temporary, "/pinion-", places.user);
}

std::string PathIn(absl::string_view folder, pid_t process) {
  return absl::StrCat(folder, "/", process, kSuffix);
}

// The process that made a file of this name; none if it is no admin socket's.
std::optional<pid_t> ProcessOf(absl::string_view name) {
  pid_t process;
  if (!absl::ConsumeSuffix(&name, kSuffix) ||
      !absl::SimpleAtoi(name, &process) || process <= 0 ||
      name != absl::StrCat(process)) {
    return std::nullopt;
  }
  return process;
}

// Why a socket in this folder may not be its user's; empty if it can be
// trusted.
std::string WhyNotTrusted(const AdminSocketPlaces& places,
                          const std::string& folder) {
  struct stat found;
  // The service's manager may have made a link; nobody else can have.
  const bool follow = folder == places.runtime_directory;
  if ((follow ? stat : lstat)(folder.c_str(), &found) != 0) {
    return std::strerror(errno);
  }
  if (!S_ISDIR(found.st_mode)) {
    return absl::StrCat("is ", FileKind(found.st_mode));
  }
  // Root may look at the servers of others, but for where anybody can write.
  const bool any_owner = places.user == 0 && folder != InTemporary(places);
  if (found.st_uid != places.user && !any_owner) {
    return absl::StrCat("belongs to the user ", found.st_uid);
  }
  if ((found.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return "others may write in it";
  }
  return "";
}

// As above, of the folder for our own socket.
std::string WhyNotOurs(const AdminSocketPlaces& places,
                       const std::string& folder) {
  if (mkdir(folder.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    return absl::StrCat("cannot be made: ", std::strerror(errno));
  }
  if (!CheckAdminSocketPath(PathIn(folder, places.process)).ok()) {
    return "is too long a path";
  }
  struct stat found;
  if (stat(folder.c_str(), &found) == 0 && found.st_uid != places.user) {
    return absl::StrCat("belongs to the user ", found.st_uid);
  }
  const std::string reason = WhyNotTrusted(places, folder);
  if (!reason.empty()) return reason;
  // Its mode, or that of its file system, may forbid it.
  if (faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    return absl::StrCat("we may not write in it: ", std::strerror(errno));
  }
  return "";
}

bool IsSocket(const std::string& path) {
  struct stat found;
  return lstat(path.c_str(), &found) == 0 && S_ISSOCK(found.st_mode);
}

// The admin sockets in a folder, live or not.
std::vector<LiveAdminSocket> SocketsIn(const std::string& folder) {
  std::vector<LiveAdminSocket> sockets;
  const std::unique_ptr<DIR, int (*)(DIR*)> opened(opendir(folder.c_str()),
                                                   closedir);
  if (opened == nullptr) return sockets;
  while (const dirent* const entry = readdir(opened.get())) {
    const std::optional<pid_t> process = ProcessOf(entry->d_name);
    std::string path = absl::StrCat(folder, "/", entry->d_name);
    if (process.has_value() && IsSocket(path)) {
      sockets.push_back({.path = std::move(path), .process = *process});
    }
  }
  return sockets;
}

// A server binds its socket under another name, and renames it once it listens;
// so a socket of this name that refuses has no process any more.
void RemoveStale(const std::string& folder) {
  for (const LiveAdminSocket& socket : SocketsIn(folder)) {
    if (ProbeUnixSocket(socket.path) == ECONNREFUSED) {
      unlink(socket.path.c_str());
    }
  }
}

}  // namespace

AdminSocketPlaces AdminSocketPlaces::Ours() {
  const std::string runtime = Environment("RUNTIME_DIRECTORY");
  return {// Of several the first.
          .runtime_directory = runtime.substr(0, runtime.find(':')),
          .xdg_runtime_dir = Environment("XDG_RUNTIME_DIR"),
          .user = geteuid(),
          .process = getpid()};
}

std::vector<std::string> AdminSocketFolders(const AdminSocketPlaces& places) {
  std::vector<std::string> folders;
  if (!places.runtime_directory.empty()) {
    folders.push_back(places.runtime_directory);
  }
  if (!places.xdg_runtime_dir.empty()) {
    folders.push_back(absl::StrCat(places.xdg_runtime_dir, "/pinion"));
  }
  folders.push_back(InTemporary(places));
  return folders;
}

std::vector<std::string> FoldersWithAdminSockets(
    const AdminSocketPlaces& places) {
  std::vector<std::string> folders = AdminSocketFolders(places);
  if (std::find(folders.begin(), folders.end(), places.service) ==
      folders.end()) {
    folders.push_back(places.service);
  }
  return folders;
}

absl::StatusOr<std::string> MakeAdminSocketPath(
    const AdminSocketPlaces& places) {
  std::vector<std::string> reasons;
  for (const std::string& folder : AdminSocketFolders(places)) {
    const std::string reason = WhyNotOurs(places, folder);
    if (reason.empty()) {
      RemoveStale(folder);
      return PathIn(folder, places.process);
    }
    reasons.push_back(absl::StrCat(folder, ": ", reason));
  }
  return absl::FailedPreconditionError(
      absl::StrCat("there is no folder for the admin socket: ",
                   absl::StrJoin(reasons, "; ")));
}

absl::Status CheckAdminSocketPath(absl::string_view path) {
  if (path.empty()) {
    return absl::InvalidArgumentError("the path of the admin socket is empty");
  }
  if (path.size() <= kLongestPath) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the path of the admin socket has ", path.size(),
                   " bytes; at most ", kLongestPath, " are possible"));
}

std::vector<LiveAdminSocket> LiveAdminSockets(const AdminSocketPlaces& places) {
  std::vector<LiveAdminSocket> live;
  for (const std::string& folder : FoldersWithAdminSockets(places)) {
    if (!WhyNotTrusted(places, folder).empty()) continue;
    for (LiveAdminSocket& socket : SocketsIn(folder)) {
      // Its process id proves little: it may be another process's by now, or be
      // one of another container.
      if (ProbeUnixSocket(socket.path) == 0) live.push_back(std::move(socket));
    }
  }
  std::sort(live.begin(), live.end(),
            [](const LiveAdminSocket& a, const LiveAdminSocket& b) {
              return a.process < b.process;
            });
  return live;
}

}  // namespace pinion
