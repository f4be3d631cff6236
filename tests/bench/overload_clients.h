// SPDX-License-Identifier: Apache-2.0
//
// OverloadClients: what makes the calls of //tests/bench:overload, in a session
// or unary.
//
// Threads: the owner's alone. Made after all ChildProcesses were started.
// Example: OverloadClients clients(*child, /*unary=*/false);
//          const auto outcomes = clients.Run({.per_second = 1000, ...});
//          const auto begun = clients.AskBegun();
#ifndef PINION_TESTS_BENCH_OVERLOAD_CLIENTS_H_
#define PINION_TESTS_BENCH_OVERLOAD_CLIENTS_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "pinion/client/client.h"
#include "pinion/tests/bench/echo/async_echo.h"
#include "pinion/tests/bench/echo/begun_calls.h"
#include "pinion/tests/bench/echo/echo_client.h"
#include "pinion/tests/bench/echo/open_loop.h"
#include "pinion/tests/bench/support/child_process.h"

namespace pinion::bench {

class OverloadClients {
 public:
  // `server` is a StartWatchfulPinion() and outlives this.
  OverloadClients(const ChildProcess& server, bool unary);

  // Runs the load alone; where it goes is filled in.
  absl::StatusOr<std::vector<Outcome>> Run(Load load);

  // How many such calls the server can run in a second.
  absl::StatusOr<double> PeakRps(const EchoAsk& ask);

  // What the server has seen since it was last asked.
  absl::StatusOr<BegunCalls> AskBegun();

 private:
  const ChildProcess& server_;
  EchoClient unary_;
  std::unique_ptr<Client> sessions_;  // None: calls are unary.
};

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_OVERLOAD_CLIENTS_H_
