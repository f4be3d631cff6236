// SPDX-License-Identifier: Apache-2.0
//
// Where the admin sockets of servers are: the folders in which a server makes
// its own, and in which the tool looks for those that live.
//
// Threads: any thread. It reads the environment and folders, and may connect.
// The rule: a server makes PID.admin in the first of these folders that exists
//          or can be made, is owned by its user, and in which he and nobody
//          else may write:
//            $RUNTIME_DIRECTORY       systemd's for the service
//            $XDG_RUNTIME_DIR/pinion  the user's own, until the last logout
//            /tmp/pinion-UID          of everybody else
//          The tool looks in all of them, and in /run/pinion, which is that of
//          the service in deploy/systemd.
// Trust:   in /tmp anybody can make a folder with our name. So neither side
//          follows a link there, or uses another user's folder.
// Example: const auto path = MakeAdminSocketPath(AdminSocketPlaces::Ours());
//          for (const LiveAdminSocket& socket :
//               LiveAdminSockets(AdminSocketPlaces::Ours())) ...
#ifndef PINION_CORE_BASE_ADMIN_SOCKET_PATH_H_
#define PINION_CORE_BASE_ADMIN_SOCKET_PATH_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace pinion {

// What the rule depends on.
struct AdminSocketPlaces {
  std::string runtime_directory;  // $RUNTIME_DIRECTORY; empty if it is not set.
  std::string xdg_runtime_dir;    // $XDG_RUNTIME_DIR
  std::string temporary = "/tmp";
  std::string service = "/run/pinion";
  uid_t user = 0;
  pid_t process = 0;

  // Those of this process.
  static AdminSocketPlaces Ours();
};

// Where a server makes its socket, in the order in which it tries.
std::vector<std::string> AdminSocketFolders(const AdminSocketPlaces& places);

// Where the tool looks: the same, and that of the service; each once.
std::vector<std::string> FoldersWithAdminSockets(
    const AdminSocketPlaces& places);

// The path of this process's own socket. Makes its folder with mode 0700 if it
// is missing, and removes the sockets there that no process listens on any
// more. FAILED_PRECONDITION if no folder can be used; the message has each, and
// why.
absl::StatusOr<std::string> MakeAdminSocketPath(
    const AdminSocketPlaces& places);

// INVALID_ARGUMENT if `path` is empty, or too long for the address of a Unix
// socket.
absl::Status CheckAdminSocketPath(absl::string_view path);

struct LiveAdminSocket {
  std::string path;
  pid_t process;  // By the file's name.
};

// The sockets that accept a connection of this process, by process. They may be
// gone, and others come, when it returns.
std::vector<LiveAdminSocket> LiveAdminSockets(const AdminSocketPlaces& places);

}  // namespace pinion

#endif  // PINION_CORE_BASE_ADMIN_SOCKET_PATH_H_
