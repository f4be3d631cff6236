// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/load_counts.h"

namespace pinion::cli {
namespace {

constexpr int kUnknown = 2;  // The status code.

}  // namespace

LoadCounts::LoadCounts() : shards_(kShards) {}

LoadCounts::~LoadCounts() = default;

void LoadCounts::Failed(int64_t latency_ns, ErrorKind kind) {
  Shard& shard = Mine();
  shard.failed.Record(latency_ns, IsAlone());
  const auto code = static_cast<size_t>(kind.code);
  const auto reason = static_cast<size_t>(kind.reason);
  Add(uint64_t{1}, IsAlone(),
      shard.errors[code < kCodes ? code : kUnknown]
                  [reason < kReasons ? reason : 0]);
}

void LoadCounts::Recorder::AddTo(Histogram& histogram) const {
  if (!used.load(std::memory_order_relaxed)) return;
  for (size_t bucket = 0; bucket < counts.size(); ++bucket) {
    const uint64_t count = counts[bucket].load(std::memory_order_relaxed);
    if (count > 0) histogram.Add(bucket, count);
  }
  histogram.AddSumAndMax(
      static_cast<double>(sum.load(std::memory_order_relaxed)),
      max.load(std::memory_order_relaxed));
}

LoadCounts::State LoadCounts::Look() const {
  State state;
  for (const Shard& shard : shards_) {
    shard.succeeded.AddTo(state.succeeded);
    shard.failed.AddTo(state.failed);
    for (size_t code = 0; code < kCodes; ++code) {
      for (size_t reason = 0; reason < kReasons; ++reason) {
        const uint64_t count =
            shard.errors[code][reason].load(std::memory_order_relaxed);
        if (count == 0) continue;
        state.errors[{static_cast<int>(code), static_cast<int>(reason)}] +=
            count;
      }
    }
    state.within_time += shard.within_time.load(std::memory_order_relaxed);
    shard.first_messages.AddTo(state.first_messages);
    state.messages += shard.messages.load(std::memory_order_relaxed);
  }
  return state;
}

}  // namespace pinion::cli
