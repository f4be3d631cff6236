// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/echo/echo_servers.h"

#include <cstdlib>
#include <optional>

#include "tests/bench/support/child_process.h"
#include "tools/command_line.h"

namespace pinion::bench {

std::vector<std::string> NamesOf(const EchoServers& servers) {
  std::vector<std::string> names;
  for (const EchoServer& server : servers) names.push_back(server.name);
  return names;
}

void ServeIfChild(int argc, char** argv, const EchoServers& servers) {
  const std::optional<std::string> role = ChildRole(argc, argv);
  if (!role.has_value()) return;
  for (const EchoServer& server : servers) {
    if (server.name == *role) ServeAt(server.start());
  }
  std::exit(kUsageError);
}

}  // namespace pinion::bench
