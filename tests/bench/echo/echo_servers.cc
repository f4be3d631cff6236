// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/echo/echo_servers.h"

namespace pinion::bench {

const std::vector<EchoServer>& EchoServers() {
  static const auto* const servers = new std::vector<EchoServer>{
      {"pinion", StartPinion},
      {"callback_inline", StartCallbackInline},
      {"callback_mutex_queue", StartCallbackMutexQueue},
      {"sync", StartSync},
      {"cq", StartCq},
  };
  return *servers;
}

const EchoServer* FindEchoServer(absl::string_view name) {
  for (const EchoServer& server : EchoServers()) {
    if (server.name == name) return &server;
  }
  return nullptr;
}

}  // namespace pinion::bench
