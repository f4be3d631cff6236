// SPDX-License-Identifier: Apache-2.0
//
// CounterClient: keeps a number of calls in flight to one server of
// CounterService, checks each answer, and measures.
//
// Threads: the owner's alone. Made after all ChildProcesses were started.
// Example: CounterClient client(*child, CounterClient::Way::kUnary);
//          auto figures = client.Measure(load, 64, absl::Seconds(1));
#ifndef PINION_TESTS_BENCH_COUNTER_COUNTER_CLIENT_H_
#define PINION_TESTS_BENCH_COUNTER_COUNTER_CLIENT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "pinion/client/client.h"
#include "pinion/tests/bench/counter/counter_asker.h"
#include "pinion/tests/bench/support/call_figures.h"
#include "pinion/tests/bench/support/child_process.h"
#include "pinion/tests/bench/support/connections.h"
#include "tests/bench/counter/counter.grpc.pb.h"

namespace pinion::bench {

class CounterClient {
 public:
  enum class Way {
    kUnary,    // Of any server.
    kSession,  // Through a pinion::Client, as it comes.
  };

  // `server` outlives the client, and no other client calls it.
  CounterClient(const ChildProcess& server, Way way);

  // Calls for `length`, and for a moment before, which is not measured. An
  // error if a call fails, brings a value that cannot be, or is not answered
  // for long.
  absl::StatusOr<CallFigures> Measure(const CounterLoad& load, int in_flight,
                                      absl::Duration length);

 private:
  const ChildProcess& server_;
  std::unique_ptr<Connections<CounterService>> unary_;  // Or else:
  std::unique_ptr<Client> session_;
  std::unique_ptr<CounterAsker> asker_ = std::make_unique<CounterAsker>();
};

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_COUNTER_COUNTER_CLIENT_H_
