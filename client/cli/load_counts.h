// SPDX-License-Identifier: Apache-2.0
//
// LoadCounts: counts the answers that arrive on many threads.
//
// Threads: any thread may record, and any thread may look meanwhile.
// Cost:    recording takes no lock and no memory: three additions to counters
//          that the thread alone has, as the first 7 do; further ones share
//          theirs.
// Example: counts.Succeeded(latency_ns);
//          counts.Failed(latency_ns, {.code = 14, .reason = 5});
//          counts.Look().succeeded.AtPercentile(99);
#ifndef PINION_CLIENT_CLI_LOAD_COUNTS_H_
#define PINION_CLIENT_CLI_LOAD_COUNTS_H_

#include <algorithm>
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

  void Succeeded(int64_t latency_ns) {
    Mine().succeeded.Record(latency_ns, IsAlone());
  }
  // A kind that cannot be counted counts as UNKNOWN, or as without a reason.
  void Failed(int64_t latency_ns, ErrorKind kind);
  // A success that came during the measured time, whenever the call was
  // started.
  void WithinTime() { Add(uint64_t{1}, IsAlone(), Mine().within_time); }

  // Of a stream: its first message; and any message that came during the
  // measured time, whenever the stream was opened.
  void FirstMessage(int64_t latency_ns) {
    Mine().first_messages.Record(latency_ns, IsAlone());
  }
  void MessageWithinTime() { Add(uint64_t{1}, IsAlone(), Mine().messages); }

  State Look() const;

 private:
  static constexpr size_t kShards = 8;
  static constexpr size_t kCodes = 17;
  static constexpr size_t kReasons = 64;

  // These counters order nothing; a reader sees each one separately. A thread
  // that is alone spares the machine's lock.
  template <typename Number>
  static void Add(Number more, bool alone, std::atomic<Number>& to) {
    if (alone) {
      to.store(to.load(std::memory_order_relaxed) + more,
               std::memory_order_relaxed);
    } else {
      to.fetch_add(more, std::memory_order_relaxed);
    }
  }

  struct Recorder {
    void Record(int64_t nanos, bool alone) {
      used.store(true, std::memory_order_relaxed);
      Add(uint64_t{1}, alone, counts[Buckets::Of(nanos)]);
      Add(nanos, alone, sum);
      int64_t before = max.load(std::memory_order_relaxed);
      while (nanos > before && !max.compare_exchange_weak(
                                   before, nanos, std::memory_order_relaxed)) {
      }
    }
    void AddTo(Histogram& histogram) const;

    std::atomic<bool> used{false};  // Or else all others are 0.
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

  // This thread's, of any LoadCounts. The last is for all who find no other.
  static size_t Index() {
    static std::atomic<size_t> threads{0};
    static thread_local const size_t index =
        std::min(threads.fetch_add(1, std::memory_order_relaxed), kShards - 1);
    return index;
  }
  static bool IsAlone() { return Index() < kShards - 1; }
  Shard& Mine() { return shards_[Index()]; }

  std::vector<Shard> shards_;
};

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_LOAD_COUNTS_H_
