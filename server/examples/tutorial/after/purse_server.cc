// SPDX-License-Identifier: Apache-2.0
#include "purses.h"
#include "server/server.h"

int main() {
  pinion::Server server({.listen = "127.0.0.1:50051"});
  HostPurses(server);
  return server.Run();  // until SIGTERM; drains; exit code
}
