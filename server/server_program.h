// SPDX-License-Identifier: Apache-2.0
//
// ServerProgram: what a program of ServerMain() (server_main.h) is, beside the
//                services that it hosts.
//
// Threads: plain data. ServerMain() calls its functions on its own thread.
// Example: pinion::ServerMain(argc, argv, {
//              .usage = "Keeps the carts of the shop until SIGTERM or SIGINT.",
//              .sections = {{"carts", &carts}},
//              .host = [&](Server& server) { HostCarts(server, carts); }});
#ifndef PINION_SERVER_SERVER_PROGRAM_H_
#define PINION_SERVER_SERVER_PROGRAM_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "pinion/server/config_section.h"
#include "pinion/server/log.h"

namespace pinion {

class Server;

struct ServerProgram {
  // What the program does, in words: the beginning of --help, below the line
  // "usage: NAME [flags]".
  std::string usage =
      "Serves gRPC calls on pinned worker threads until "
      "SIGTERM or SIGINT; a second one hurries the stop.";

  // For --version. Empty: there is no such flag.
  std::string version = {};

  // Sections of your own. Their messages have their values, defaults included,
  // when `check` and `host` are called.
  std::vector<ConfigSection> sections = {};

  // Returns what is wrong with your sections beyond what their fields say, in
  // one line; --check and the start tell it. On a reload it is called with the
  // new values, and refuses them with an error. Optional.
  std::function<absl::Status()> check = {};

  // Hosts your services on the server, which starts then. With --check and a
  // policy it is called for a server that never starts, so that the policy's
  // paths can be compared with your methods. Required.
  std::function<void(Server& server)> host = {};

  // Called when a SIGHUP has changed your sections, on the thread that called
  // ServerMain(), while the server runs: read what has changed, and post it to
  // your shards. Nobody else may read the sections' messages meanwhile, so
  // shards must have copies. Without it, each change of a section needs a
  // restart. With it, that of a field needs none if its setting says
  // `reloads: true`.
  std::function<void(Server& server)> reloaded = {};

  // The most bytes that your services may hold with so many workers, beside
  // what the server itself holds; --check adds them to the server's limits, and
  // warns if there is less memory. Optional.
  std::function<int64_t(int workers)> own_bytes = {};

  // HostingOptions::log, and RunOptions::started.
  LogFunction log = {};
  std::function<void(const Server& server)> started = {};
};

}  // namespace pinion

#endif  // PINION_SERVER_SERVER_PROGRAM_H_
