// SPDX-License-Identifier: Apache-2.0
//
// RunOptions: what Server::Run() says, and what it calls.
//
// Threads: plain data.
// Example: return server.Run({.announce = false});
#ifndef PINION_SERVER_RUN_OPTIONS_H_
#define PINION_SERVER_RUN_OPTIONS_H_

#include <functional>

namespace pinion {

class Server;

struct RunOptions {
  // Whether Run() prints on standard output, once it serves, the address, the
  // numbers of threads, their CPUs, and the hosted services with their methods
  // and keys. The first line is "listening on HOST:PORT; ...". Set it to false
  // when standard output is for something else.
  bool announce = true;

  // Whether Run() writes a line to HostingOptions::log at its end: what became
  // of the calls, refusals by reason, and peaks (summary.h). Set it to false
  // when your own metrics have them.
  bool account = true;

  // Whether that account is a table on standard output, with a row for each
  // method, in place of the line. Set it to true to see which method failed.
  bool summary = false;

  // Called once the server serves, after it has announced that.
  std::function<void(const Server& server)> started = {};
};

}  // namespace pinion

#endif  // PINION_SERVER_RUN_OPTIONS_H_
