// SPDX-License-Identifier: Apache-2.0
//
// EchoServers: the ways to serve pinion.echo.v1.EchoService/Echo that are
// compared: Pinion's, and gRPC's own.
//
// Threads: each is started once, in a process of its own, and serves until that
//          process ends.
// Example: ServeAt(FindEchoServer("sync")->start());
//
// All listen on a free port of 127.0.0.1 and take messages up to the same size.
// gRPC's own have no workers: they leave the metadata pinion-worker aside and
// say that worker 0 answered.
#ifndef PINION_TESTS_BENCH_ECHO_ECHO_SERVERS_H_
#define PINION_TESTS_BENCH_ECHO_ECHO_SERVERS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace pinion::bench {

struct EchoServer {
  std::string name;
  std::string (*start)();  // Returns the address.
};

// Pinion first.
const std::vector<EchoServer>& EchoServers();

// Null if there is none of that name.
const EchoServer* FindEchoServer(absl::string_view name);

// pinion::Server as it comes: threads as many as it chooses itself.
std::string StartPinion();

// gRPC's callback service; the handler itself answers.
std::string StartCallbackInline();

// gRPC's callback service; the handler hands the call to one thread, by a deque
// under a mutex with a condition variable, and that thread answers.
std::string StartCallbackMutexQueue();

// gRPC's synchronous service.
std::string StartSync();

// gRPC's asynchronous service: completion queues and threads of its own.
std::string StartCq();

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_ECHO_ECHO_SERVERS_H_
