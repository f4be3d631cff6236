// SPDX-License-Identifier: Apache-2.0
//
// Contender: an echo server in a process of its own, and what calls it.
//
// Threads: the owner's alone; started before the program has a second thread.
// Example: auto contenders = StartContenders({"pinion", "sync"});
//          for (Contender& one : *contenders) one.client.Measure(64, length);
#ifndef PINION_TESTS_BENCH_ECHO_CONTENDERS_H_
#define PINION_TESTS_BENCH_ECHO_CONTENDERS_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "pinion/tests/bench/echo/echo_client.h"
#include "pinion/tests/bench/support/child_process.h"

namespace pinion::bench {

struct Contender {
  explicit Contender(std::unique_ptr<ChildProcess> child)
      : server(std::move(child)), client(*server) {}

  const std::string& name() const { return server->role(); }

  std::unique_ptr<ChildProcess> server;
  EchoClient client;
};

// One for each role that ServeIfChild() knows; all have been called a while, so
// that they are warm.
absl::StatusOr<std::vector<Contender>> StartContenders(
    const std::vector<std::string>& roles);

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_ECHO_CONTENDERS_H_
