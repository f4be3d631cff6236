// SPDX-License-Identifier: Apache-2.0
//
// Histogram: how often each time was measured, to three significant digits.
//
// Threads: the owner's only; for many threads use a LoadCounts (load_counts.h).
// Example: Histogram latencies; latencies.Record(nanos);
//          latencies.AtPercentile(99.9);   // nanoseconds
//
// After Gil Tene's HdrHistogram: 1024 buckets of equal width for each power of
// two, and one for each nanosecond below 2048 ns. It reports a time as the
// longest in its bucket, so it is never too short, and at most one part in 1024
// too long. (There is no such package for C or C++ among those that Pinion
// builds with.)
#ifndef PINION_CLIENT_CLI_HISTOGRAM_H_
#define PINION_CLIENT_CLI_HISTOGRAM_H_

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "pinion/third_party/cpp20.h"

namespace pinion::cli {

// The bucket of a number of nanoseconds, and the first and the last number in a
// bucket. A number beyond the last bucket counts in that bucket.
struct Buckets {
  static constexpr int kBits = 10;
  static constexpr int kLongestBits = 43;  // Over two hours.
  static constexpr size_t kCount = size_t{kLongestBits - kBits + 1} << kBits;

  static constexpr size_t Of(int64_t nanos) {
    const auto value = static_cast<uint64_t>(
        std::clamp<int64_t>(nanos, 0, (int64_t{1} << kLongestBits) - 1));
    const int shift =
        std::max(0, static_cast<int>(std::bit_width(value)) - kBits - 1);
    return (static_cast<size_t>(shift) << kBits) + (value >> shift);
  }
  static constexpr int64_t FirstOf(size_t bucket) {
    const int shift = ShiftOf(bucket);
    return static_cast<int64_t>((bucket - (static_cast<size_t>(shift) << kBits))
                                << shift);
  }
  static constexpr int64_t LastOf(size_t bucket) {
    return FirstOf(bucket) + (int64_t{1} << ShiftOf(bucket)) - 1;
  }

 private:
  static constexpr int ShiftOf(size_t bucket) {
    return std::max(1, static_cast<int>(bucket >> kBits)) - 1;
  }
};

class Histogram {
 public:
  Histogram() : counts_(Buckets::kCount) {}

  void Record(int64_t nanos) {
    Add(Buckets::Of(nanos), 1);
    sum_ += static_cast<double>(nanos);
    max_ = std::max(max_, nanos);
  }

  // Adds what was counted elsewhere: times of one bucket, then their sum and
  // the longest of them.
  void Add(size_t bucket, uint64_t count) {
    counts_[bucket] += count;
    total_ += count;
  }
  void AddSumAndMax(double sum, int64_t max) {
    sum_ += sum;
    max_ = std::max(max_, max);
  }

  // The recordings since `earlier`, a state of this histogram. The longest of
  // them is known only to its bucket.
  Histogram Since(const Histogram& earlier) const;

  uint64_t total() const { return total_; }
  int64_t max() const { return max_; }  // 0 if there is none, as below.
  double mean() const {
    return total_ == 0 ? 0 : sum_ / static_cast<double>(total_);
  }
  // To the width of the buckets.
  double StandardDeviation() const;

  // The time that `percentile`, 0 to 100, of all recordings did not exceed.
  int64_t AtPercentile(double percentile) const;

  // The count of each bucket, from the shortest.
  const std::vector<uint64_t>& counts() const { return counts_; }

 private:
  std::vector<uint64_t> counts_;
  uint64_t total_ = 0;
  double sum_ = 0;
  int64_t max_ = 0;
};

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_HISTOGRAM_H_
