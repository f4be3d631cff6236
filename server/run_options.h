// SPDX-License-Identifier: Apache-2.0
//
// RunOptions: what Server::Run() says, and what it calls.
//
// Threads: plain data.
// Example: return server.Run({.announce = false});
#ifndef PINION_SERVER_RUN_OPTIONS_H_
#define PINION_SERVER_RUN_OPTIONS_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "pinion/server/admin_options.h"

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

  // The address of a plain HTTP listener that answers /healthz, /readyz and
  // /startupz (probes.h): "host:port" or "unix:/path". Empty: there is none.
  // Set it when an orchestrator or a load balancer should watch this server by
  // HTTP. It listens before the server starts.
  std::string probe_listen = {};

  // Where an operator asks what the server does: the Unix socket for the tool
  // `pinion`, which there is by default, and a page, which there is not. They
  // listen before the server starts, and until it has stopped.
  AdminOptions admin = {};

  // Called once the server serves, after it has announced that.
  std::function<void(const Server& server)> started = {};

  // Called on each SIGHUP until the stop begins, on the thread that called
  // Run(). It may call Server::Reload(), and change `account` and `summary` of
  // `options`. Returns what has changed, or an error that says why nothing has,
  // in one line for the log and for systemd. While it runs, the server serves,
  // but SIGTERM waits. Empty: SIGHUP does what it did before Run(), which is
  // mostly to end the process. Set it when the server has options that are
  // worth reading again.
  std::function<absl::StatusOr<std::string>(Server& server,
                                            RunOptions& options)>
      reload = {};
};

}  // namespace pinion

#endif  // PINION_SERVER_RUN_OPTIONS_H_
