// SPDX-License-Identifier: Apache-2.0
//
// purse_server: keeps the coins of a game's players, until SIGTERM.
//
//   purse_server [HOST:PORT]
#include "pinion/server/server.h"
#include "purses.h"

int main(int argc, char** argv) {
  pinion::Server server({.listen = argc > 1 ? argv[1] : "127.0.0.1:50051"});
  HostPurses(server);
  return server.Run();  // until SIGTERM; drains; exit code
}
