// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/echo/echo_shard.h"
#include "pinion/server/server.h"
#include "pinion/tests/bench/echo/echo_servers.h"
#include "pinion/tests/bench/support/serve_on_loopback.h"

namespace pinion::bench {
namespace {

void HostEcho(Server& server) { echo::HostEcho(server); }

}  // namespace

std::string StartPinion() { return ServeOnLoopback({}, HostEcho); }

std::string StartPinionWithTwoWorkers() {
  return ServeOnLoopback({.workers = 2}, HostEcho);
}

}  // namespace pinion::bench
