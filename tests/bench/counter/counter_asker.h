// SPDX-License-Identifier: Apache-2.0
//
// CounterAsker: what calls ask of one server's counters, and whether each is
// answered as it must be: no addition is lost, and none counts twice.
//
// Threads: anyone may Ask() and Check(); Load() while no call is open.
// Life:    as long as its server, whose counters it knows from the begin.
// Example: asker.Load({.keys = DrawKeys("zipf"), .work_rounds = 500});
//          const CounterAsker::Asked asked = asker.Ask(request);
//          ... asker.Check(asked, response) ...
#ifndef PINION_TESTS_BENCH_COUNTER_COUNTER_ASKER_H_
#define PINION_TESTS_BENCH_COUNTER_COUNTER_ASKER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "tests/bench/counter/counter.pb.h"

namespace pinion::bench {

// So many counters there are.
inline constexpr uint32_t kCounters = 10'000;

// Which counters calls take, in the order of the calls; the same each time.
// `law` is "uniform", or "zipf" with the exponent 0.99, which YCSB has too:
// every tenth call takes the first of all.
std::vector<uint32_t> DrawKeys(absl::string_view law);

struct CounterLoad {
  const std::vector<uint32_t>* keys;  // From the start again when all are used.
  uint32_t work_rounds;
};

class CounterAsker {
 public:
  // An open call.
  struct Asked {
    uint32_t key;
    int64_t least;  // Its value is at least so much.
  };

  CounterAsker();

  // What is asked from now on; its keys live as long.
  void Load(const CounterLoad& load) { load_ = load; }

  // The next call.
  Asked Ask(AddRequest& request);

  // INTERNAL if that is not a value that the counter can have had.
  absl::Status Check(const Asked& asked, const AddResponse& response);

 private:
  struct Key {
    std::string name;  // Fixed at construction.
    // Relaxed: what a thread must have seen of them came to it by way of the
    // server.
    std::atomic<int64_t> begun{0};
    std::atomic<int64_t> answered{0};
  };

  CounterLoad load_ = {};
  std::atomic<size_t> next_{0};
  std::vector<Key> keys_{kCounters};
};

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_COUNTER_COUNTER_ASKER_H_
