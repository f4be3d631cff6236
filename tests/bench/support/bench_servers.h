// SPDX-License-Identifier: Apache-2.0
//
// BenchServer: a server that a benchmark measures, by name: this program once
// more, in a process of its own.
//
// Threads: each is started once, in a process of its own, and serves until that
//          process ends. The rest is main's.
// Example: const BenchServers servers = {{"pinion", StartPinion},
//                                        {"sync", StartSync}};
//          int main(int argc, char** argv) {
//            ServeIfChild(argc, argv, servers);
//            ... StartProcesses(NamesOf(servers)) ...
#ifndef PINION_TESTS_BENCH_SUPPORT_BENCH_SERVERS_H_
#define PINION_TESTS_BENCH_SUPPORT_BENCH_SERVERS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "pinion/tests/bench/support/child_process.h"

namespace pinion::bench {

struct BenchServer {
  std::string name;
  std::string (*start)();  // Returns the address.
};

using BenchServers = std::vector<BenchServer>;

std::vector<std::string> NamesOf(const BenchServers& servers);

// If this process is a child, serves in its role, which is one of these names.
// To be called first of all in main().
void ServeIfChild(int argc, char** argv, const BenchServers& servers);

// One process for each name. All of them at once, before the program has a
// second thread: a process that has threads should not fork.
absl::StatusOr<std::vector<std::unique_ptr<ChildProcess>>> StartProcesses(
    const std::vector<std::string>& names);

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_SUPPORT_BENCH_SERVERS_H_
