// SPDX-License-Identifier: Apache-2.0
//
// Tally: counts the answers that come on many threads.
//
// Threads: anyone records; anyone looks meanwhile.
// Cost:    recording takes no lock and no memory: three additions to counters
//          of which each thread has its own, as far as there are enough (8).
// Example: tally.Succeeded(latency_ns);
//          tally.Failed(latency_ns, {.code = 14, .reason = 5});
//          tally.Look().succeeded.AtPercentile(99);
#ifndef PINION_CLIENT_CLI_TALLY_H_
#define PINION_CLIENT_CLI_TALLY_H_

#include <array>
#include <atomic>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "client/cli/histogram.h"

namespace pinion::cli {

// What kind of error: a gRPC status code, and a v1::Reason or 0.
struct ErrorKind {
  int code = 0;
  int reason = 0;

  auto operator<=>(const ErrorKind&) const = default;
};

class Tally {
 public:
  // The answers so far.
  struct State {
    Histogram succeeded;  // Their latencies.
    Histogram failed;
    std::map<ErrorKind, uint64_t> errors;
    // How many of those that succeeded were counted as within the time.
    uint64_t within_time = 0;
  };

  Tally();
  ~Tally();
  Tally(const Tally&) = delete;
  Tally& operator=(const Tally&) = delete;

  void Succeeded(int64_t latency_ns) { Mine().succeeded.Record(latency_ns); }
  // A kind that cannot be counted counts as UNKNOWN, or as without a reason.
  void Failed(int64_t latency_ns, ErrorKind kind);
  // A success that came while the measured time lasted, whenever it was begun.
  void WithinTime() {
    Mine().within_time.fetch_add(1, std::memory_order_relaxed);
  }

  State Look() const;

 private:
  static constexpr size_t kShards = 8;
  static constexpr size_t kCodes = 17;
  static constexpr size_t kReasons = 64;

  // Nothing is ordered by these counters; who looks sees each by itself.
  struct Recorder {
    void Record(int64_t nanos) {
      counts[Buckets::Of(nanos)].fetch_add(1, std::memory_order_relaxed);
      sum.fetch_add(nanos, std::memory_order_relaxed);
      int64_t before = max.load(std::memory_order_relaxed);
      while (nanos > before && !max.compare_exchange_weak(
                                   before, nanos, std::memory_order_relaxed)) {
      }
    }
    void AddTo(Histogram& histogram) const;

    std::array<std::atomic<uint64_t>, Buckets::kCount> counts{};
    std::atomic<int64_t> sum{0};
    std::atomic<int64_t> max{0};
  };
  struct alignas(64) Shard {
    Recorder succeeded;
    Recorder failed;
    std::array<std::array<std::atomic<uint64_t>, kReasons>, kCodes> errors{};
    std::atomic<uint64_t> within_time{0};
  };

  Shard& Mine() {
    static std::atomic<size_t> threads{0};
    thread_local const size_t mine =
        threads.fetch_add(1, std::memory_order_relaxed) % kShards;
    return shards_[mine];
  }

  std::vector<Shard> shards_;
};

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_TALLY_H_
