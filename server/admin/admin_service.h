// SPDX-License-Identifier: Apache-2.0
//
// AdminService: the admin socket of a server: gRPC on a Unix socket that only
//               the server's user and root may use. The tool `pinion` is its
//               client, and every other gRPC client can be.
//
// Threads: the owner starts and stops it. It answers on its own thread,
//          pinion-tool, which waits for no worker and no I/O thread: it answers
//          while all of them are stuck.
// Life:    stop it before the AdminSource ends.
// Bounds:  kMostConnections; a further one ends the one whose client was silent
//          for longest, whatever it waits for: nobody can keep an operator out.
//          What one connection may do: grpc_connection.h.
// Who:     the kernel says which user is at the other end. It must be root or
//          the server's own, whatever the file's mode has become.
// Example: AdminService service("/run/pinion/4242.admin", source);
//          absl::Status status = service.Start();
#ifndef PINION_SERVER_ADMIN_ADMIN_SERVICE_H_
#define PINION_SERVER_ADMIN_ADMIN_SERVICE_H_

#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "pinion/core/base/thread_role.h"
#include "pinion/core/clock.h"
#include "pinion/server/admin/admin_methods.h"
#include "pinion/server/admin/admin_socket.h"
#include "pinion/server/admin/admin_source.h"
#include "pinion/server/admin/grpc_connection.h"

namespace pinion {

class AdminService {
 public:
  static constexpr size_t kMostConnections = 16;

  // Will listen at `path`. `source` outlives it. `clock` is for tests.
  AdminService(std::string path, AdminSource& source, const Clock& clock = {});
  ~AdminService() { Stop(); }
  AdminService(const AdminService&) = delete;
  AdminService& operator=(const AdminService&) = delete;

  // Listens, and answers from now on. Call it once. INVALID_ARGUMENT if the
  // path is too long, UNAVAILABLE if it cannot listen there.
  absl::Status Start();

  // Closes the socket, removes its file, ends all connections and the thread.
  // You may call it more than once.
  void Stop();

  const std::string& path() const { return path_; }

 private:
  // Fewer than there may be: one that has just come is not ended before it was
  // listened to.
  static constexpr int kAcceptedAtOnce = 8;

  struct Connection {
    Connection(int descriptor, GrpcConnection::Methods methods,
               const Clock& clock)
        : descriptor(descriptor), grpc(std::move(methods), clock) {}
    const int descriptor;
    GrpcConnection grpc;
    uint64_t heard = 0;   // When its client was heard last, as turns_ counts.
    bool closed = false;  // It is removed with the next round.
  };
  using Connections = std::list<Connection>;

  void Run() ABSL_EXCLUSIVE_LOCKS_REQUIRED(thread_role_);
  // Returns false if the thread must end.
  bool Sleep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(thread_role_);
  // For poll(), in milliseconds; -1 for no limit.
  int SleepMillis() ABSL_EXCLUSIVE_LOCKS_REQUIRED(thread_role_);
  void Serve(Connection& connection, short events)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(thread_role_);
  void Read(Connection& connection) ABSL_EXCLUSIVE_LOCKS_REQUIRED(thread_role_);
  void Write(Connection& connection)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(thread_role_);
  void EndOverdue() ABSL_EXCLUSIVE_LOCKS_REQUIRED(thread_role_);
  void RemoveClosed() ABSL_EXCLUSIVE_LOCKS_REQUIRED(thread_role_);
  void Accept() ABSL_EXCLUSIVE_LOCKS_REQUIRED(thread_role_);
  void Add(int descriptor) ABSL_EXCLUSIVE_LOCKS_REQUIRED(thread_role_);
  // Ends the one whose client was silent for longest, if there is any.
  void EndMostSilent() ABSL_EXCLUSIVE_LOCKS_REQUIRED(thread_role_);

  const std::string path_;
  const Clock clock_;
  AdminMethods methods_;

  // The owner's only.
  AdminSocket socket_;
  int bell_ = -1;  // An eventfd, rung to end the thread.
  std::thread thread_;

  // The thread's only.
  ThreadRole thread_role_;
  Connections connections_ ABSL_GUARDED_BY(thread_role_);  // The oldest first.
  // Grows with each word of a client, so that no two are as silent.
  uint64_t turns_ ABSL_GUARDED_BY(thread_role_) = 0;
  std::vector<pollfd> polled_ ABSL_GUARDED_BY(thread_role_);
  // While it waits for descriptors.
  std::optional<Moment> paused_until_ ABSL_GUARDED_BY(thread_role_);
};

}  // namespace pinion

#endif  // PINION_SERVER_ADMIN_ADMIN_SERVICE_H_
