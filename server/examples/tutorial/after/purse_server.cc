// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/server.h"
#include "purses.h"

int main() {
  pinion::Server server({.listen = "127.0.0.1:50051"});
  HostPurses(server);
  return server.Run();  // until SIGTERM; drains; exit code
}
