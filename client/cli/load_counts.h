// SPDX-License-Identifier: Apache-2.0
//
// LoadCounts: counts the answers that arrive on many threads.
//
// Threads: any thread may record, and any thread may look meanwhile.
// Cost:    recording takes no lock and no memory: three additions to counters
//          that each thread has of its own, if there are enough (8).
// Example: counts.Succeeded(latency_ns);
//          counts.Failed(latency_ns, {.code = 14, .reason = 5});
//          counts.Look().succeeded.AtPercentile(99);
#ifndef PINION_CLIENT_CLI_LOAD_COUNTS_H_
#define PINION_CLIENT_CLI_LOAD_COUNTS_H_

#include <array>
#include <atomic>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "pinion/client/cli/histogram.h"

namespace pinion::cli {

// A kind of error: a gRPC status code, and a v1::Reason or 0.
struct ErrorKind {
  int code = 0;
  int reason = 0;

  auto operator<=>(const ErrorKind&) const = default;
};

class LoadCounts {
 public:
  // The answers so far.
  struct State {
    Histogram succeeded;  // Their latencies.
    Histogram failed;
    std::map<ErrorKind, uint64_t> errors;
    // How many of the successes came within the measured time.
    uint64_t within_time = 0;
    // Of streams: how long each took until its first message, and how many
    // messages came within the measured time.
    Histogram first_messages;
    uint64_t messages = 0;
  };

  LoadCounts();
  ~LoadCounts();
  LoadCounts(const LoadCounts&) = delete;
  LoadCounts& operator=(const LoadCounts&) = delete;

  void Succeeded(int64_t latency_ns) { Mine().succeeded.Record(latency_ns); }
  // A kind that cannot be counted counts as UNKNOWN, or as without a reason.
  void Failed(int64_t latency_ns, ErrorKind kind);
  // A success that came during the measured time, whenever the call was
  // started.
  void WithinTime() {
    Mine().within_time.fetch_add(1, std::memory_order_relaxed);
  }

  // Of a stream: its first message; and any message that came during the
  // measured time, whenever the stream was opened.
  void FirstMessage(int64_t latency_ns) {
    Mine().first_messages.Record(latency_ns);
  }
  void MessageWithinTime() {
    Mine().messages.fetch_add(1, std::memory_order_relaxed);
  }

  State Look() const;

 private:
  static constexpr size_t kShards = 8;
  static constexpr size_t kCodes = 17;
  static constexpr size_t kReasons = 64;

  // These counters order nothing; a reader sees each one separately.
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
    Recorder first_messages;
    std::atomic<uint64_t> messages{0};
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

#endif  // PINION_CLIENT_CLI_LOAD_COUNTS_H_
