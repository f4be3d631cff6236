// SPDX-License-Identifier: Apache-2.0
//
// CallFigures: what a benchmark tells of calls to one server. CallMeter: takes
// them.
//
// Threads: the owner's alone.
// Example: CallMeter meter(server);         // From now
//          const int64_t calls = Call();
//          meter.Stop(calls);               // until now.
//          return meter.Figures(latencies_ns);
#ifndef PINION_TESTS_BENCH_SUPPORT_CALL_FIGURES_H_
#define PINION_TESTS_BENCH_SUPPORT_CALL_FIGURES_H_

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "pinion/tests/bench/support/child_process.h"

namespace pinion::bench {

struct CallFigures {
  double rps;
  double p50_us;
  double p99_us;
  double worst_us;
  double cpu_us_per_call;     // The server's, user and system.
  double client_us_per_call;  // The same of this process.
};

class CallMeter {
 public:
  // `server` outlives it.
  explicit CallMeter(const ChildProcess& server);

  // So many calls were answered meanwhile.
  void Stop(int64_t calls);

  // After Stop(); reorders the latencies.
  CallFigures Figures(std::vector<int64_t>& latencies_ns) const;

 private:
  // What has been used of the clock and of CPU times, until now or between two
  // moments.
  struct Usage {
    int64_t nanos;
    absl::Duration server;
    absl::Duration client;
  };
  Usage Now() const;

  const ChildProcess& server_;
  Usage usage_;  // Until the begin; after Stop(), since.
  int64_t calls_ = 0;
};

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_SUPPORT_CALL_FIGURES_H_
