// SPDX-License-Identifier: Apache-2.0
//
// EchoConnections: several connections to one server, since gRPC handles the
// calls of one connection one after the other.
//
// Threads: the owner's alone. Made after all ChildProcesses were started.
// Example: EchoConnections connections(*child);
//          connections.Next().AsyncEcho(...);
#ifndef PINION_TESTS_BENCH_ECHO_ECHO_CONNECTIONS_H_
#define PINION_TESTS_BENCH_ECHO_ECHO_CONNECTIONS_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "pinion/echo/v1/echo.grpc.pb.h"
#include "tests/bench/support/child_process.h"

namespace pinion::bench {

class EchoConnections {
 public:
  // `server` outlives this. Waits until all are connected; if that takes too
  // long, it is the calls that fail.
  explicit EchoConnections(const ChildProcess& server);

  const ChildProcess& server() const { return server_; }

  // Each in turn.
  echo::v1::EchoService::Stub& Next() {
    return *stubs_[next_++ % stubs_.size()];
  }

 private:
  const ChildProcess& server_;
  std::vector<std::unique_ptr<echo::v1::EchoService::Stub>> stubs_;
  size_t next_ = 0;
};

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_ECHO_ECHO_CONNECTIONS_H_
