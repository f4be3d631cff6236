// SPDX-License-Identifier: Apache-2.0
//
// Servers of pinion.echo.v1.EchoService/Echo, Pinion's and gRPC's own, to be
// compared.
//
// Threads: each is started once, in a process of its own, and serves until that
//          process ends.
// Example: const BenchServers servers = {{"pinion", StartPinion},
//                                        {"sync", StartSync}};
//          ... StartContenders(NamesOf(servers)) ...
//
// All listen on a free port of 127.0.0.1 and take messages up to the same size.
// gRPC's own have no workers: they leave the metadata pinion-worker aside and
// say that worker 0 answered.
#ifndef PINION_TESTS_BENCH_ECHO_ECHO_SERVERS_H_
#define PINION_TESTS_BENCH_ECHO_ECHO_SERVERS_H_

#include <string>

namespace pinion::bench {

// All return the address.

// pinion::Server as it comes: threads as many as it chooses itself.
std::string StartPinion();

// pinion::Server with two workers.
std::string StartPinionWithTwoWorkers();

// pinion::Server as it comes, but it watches when calls of Echo, with an
// EchoStamp, are begun. EchoKeyed, whatever the key, has for its payload what
// it has seen since the last such call: BegunCalls. A call counts as begun late
// by 2 ms or more: gRPC tells deadlines no closer.
std::string StartWatchfulPinion();

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
