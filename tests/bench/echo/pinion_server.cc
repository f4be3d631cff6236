// SPDX-License-Identifier: Apache-2.0
#include "core/check.h"
#include "server/echo/echo_shard.h"
#include "server/server.h"
#include "tests/bench/echo/echo_servers.h"

namespace pinion::bench {

std::string StartPinion() {
  auto* const server = new Server({.listen = "127.0.0.1:0"});
  echo::HostEcho(*server);
  const absl::Status status = server->Start();
  PINION_CHECK(status.ok(), status.message());
  return server->address();
}

}  // namespace pinion::bench
