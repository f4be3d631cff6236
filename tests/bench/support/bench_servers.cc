// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/bench/support/bench_servers.h"

#include <cstdlib>
#include <optional>
#include <utility>

#include "pinion/tools/command_line.h"

namespace pinion::bench {

std::vector<std::string> NamesOf(const BenchServers& servers) {
  std::vector<std::string> names;
  for (const BenchServer& server : servers) names.push_back(server.name);
  return names;
}

void ServeIfChild(int argc, char** argv, const BenchServers& servers) {
  const std::optional<std::string> role = ChildRole(argc, argv);
  if (!role.has_value()) return;
  for (const BenchServer& server : servers) {
    if (server.name == *role) ServeAt(server.start());
  }
  std::exit(kUsageError);
}

absl::StatusOr<std::vector<std::unique_ptr<ChildProcess>>> StartProcesses(
    const std::vector<std::string>& names) {
  std::vector<std::unique_ptr<ChildProcess>> processes;
  for (const std::string& name : names) {
    auto process = ChildProcess::Start(name);
    if (!process.ok()) return process.status();
    processes.push_back(*std::move(process));
  }
  return processes;
}

}  // namespace pinion::bench
