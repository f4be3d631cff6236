// SPDX-License-Identifier: Apache-2.0
//
// EchoConnections: several connections to one echo server; see connections.h.
//
// Threads: the owner's alone. Made after all ChildProcesses were started.
// Example: EchoConnections connections(*child);
//          connections.Next().AsyncEcho(...);
#ifndef PINION_TESTS_BENCH_ECHO_ECHO_CONNECTIONS_H_
#define PINION_TESTS_BENCH_ECHO_ECHO_CONNECTIONS_H_

#include "pinion/echo/v1/echo.grpc.pb.h"
#include "pinion/tests/bench/support/connections.h"

namespace pinion::bench {

using EchoConnections = Connections<echo::v1::EchoService>;

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_ECHO_ECHO_CONNECTIONS_H_
