// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/admin_target.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "pinion/core/base/file_kind.h"
#include "pinion/core/base/unix_probe.h"

namespace pinion::cli {
namespace {

std::string TargetOf(absl::string_view path) {
  return absl::StrCat("unix:", path);
}

// OK if somebody listens there.
absl::Status CheckGiven(const std::string& path) {
  if (const absl::Status valid = CheckAdminSocketPath(path); !valid.ok()) {
    return valid;
  }
  struct stat found;
  if (stat(path.c_str(), &found) == 0 && !S_ISSOCK(found.st_mode)) {
    return absl::UnavailableError(
        absl::StrCat(path, " is ", FileKind(found.st_mode),
                     ", not a server's admin socket"));
  }
  switch (const int error = ProbeUnixSocket(path)) {
    case 0:
      return absl::OkStatus();
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(absl::StrCat(
          path, ": ", std::strerror(error),
          "; an admin socket is for the user of its server: run the command as "
          "that user, or as root"));
    case ECONNREFUSED:
      return absl::UnavailableError(absl::StrCat("no server listens on ", path,
                                                 " any more; it has ended"));
    default:
      return absl::UnavailableError(absl::StrCat("no server listens on ", path,
                                                 ": ", std::strerror(error)));
  }
}

// Why no server was found there.
std::string WhyNone(const std::string& folder) {
  DIR* const opened = opendir(folder.c_str());
  if (opened == nullptr) return std::strerror(errno);
  closedir(opened);
  return "no server listens there";
}

// `what` was not found.
absl::Status NoServer(absl::string_view what, const AdminSocketPlaces& places) {
  std::vector<std::string> looked;
  for (const std::string& folder : FoldersWithAdminSockets(places)) {
    looked.push_back(absl::StrCat(folder, " (", WhyNone(folder), ")"));
  }
  return absl::UnavailableError(absl::StrCat(
      what, ". Looked in ", absl::StrJoin(looked, ", "),
      ". A pinion-server makes one when it starts, unless it has "
      "--admin_socket=off; if it is elsewhere, pass --admin=PATH, and if the "
      "server is another user's, run the command as that user, or as root"));
}

// The socket that the server with this process id has made.
absl::StatusOr<std::string> TargetOfProcess(pid_t process,
                                            const AdminSocketPlaces& places) {
  for (const LiveAdminSocket& socket : LiveAdminSockets(places)) {
    if (socket.process == process) return TargetOf(socket.path);
  }
  return NoServer(absl::StrCat("no server is process ", process), places);
}

}  // namespace

absl::StatusOr<std::string> AdminTarget(absl::string_view given,
                                        const AdminSocketPlaces& places) {
  if (pid_t process = 0; absl::SimpleAtoi(given, &process)) {
    return TargetOfProcess(process, places);
  }
  if (!given.empty()) {
    if (absl::ConsumePrefix(&given, "unix:")) absl::ConsumePrefix(&given, "//");
    const absl::Status reached = CheckGiven(std::string(given));
    if (!reached.ok()) return reached;
    return TargetOf(given);
  }
  const std::vector<LiveAdminSocket> live = LiveAdminSockets(places);
  if (live.empty()) {
    return NoServer("no server with an admin socket was found", places);
  }
  if (live.size() == 1) return TargetOf(live[0].path);
  return absl::InvalidArgumentError(absl::StrCat(
      "there are ", live.size(), " servers: ",
      absl::StrJoin(live, ", ",
                    [](std::string* text, const LiveAdminSocket& socket) {
                      absl::StrAppend(text, "process ", socket.process, " at ",
                                      socket.path);
                    }),
      "; pass --admin=PID to say which one"));
}

}  // namespace pinion::cli
