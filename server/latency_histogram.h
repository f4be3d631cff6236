// SPDX-License-Identifier: Apache-2.0
//
// LatencyHistogram: how often each latency occurred, to within one part in 32.
//
// Threads: one thread records; any thread may add it to a LatencySummary
//          meanwhile.
// Cost:    two plain additions for each recording; 9 KiB of memory.
// Example: histogram.Record(nanos);                  // the worker
//          LatencySummary all; all.Add(histogram);   // whoever looks
//          all.Percentile(0.99);
//
// After Gil Tene's HdrHistogram: 32 buckets of equal width for each power of
// two. (There is none for C++ among the packages that Pinion builds with.)
#ifndef PINION_SERVER_LATENCY_HISTOGRAM_H_
#define PINION_SERVER_LATENCY_HISTOGRAM_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "pinion/core/tally.h"
#include "pinion/third_party/cpp20.h"

namespace pinion {

namespace internal {

// Of() returns the bucket for a number of nanoseconds, LastOf() the largest
// number in a bucket. A number beyond the last bucket counts in that bucket.
struct LatencyBuckets {
  static constexpr int kBits = 5;
  static constexpr int kLongestBits = 40;  // 18 minutes.
  static constexpr size_t kCount = (kLongestBits - kBits + 1) << kBits;

  static constexpr size_t Of(uint64_t nanos) {
    const int shift =
        std::max(0, static_cast<int>(std::bit_width(nanos)) - kBits - 1);
    const uint64_t bucket =
        (static_cast<uint64_t>(shift) << kBits) + (nanos >> shift);
    return static_cast<size_t>(std::min<uint64_t>(bucket, kCount - 1));
  }
  static constexpr uint64_t LastOf(size_t bucket) {
    const auto shift =
        static_cast<int>(std::max<size_t>(1, bucket >> kBits)) - 1;
    const uint64_t first = bucket - (static_cast<uint64_t>(shift) << kBits);
    return ((first + 1) << shift) - 1;
  }
};

}  // namespace internal

class LatencyHistogram {
 public:
  void Record(uint64_t nanos) {
    buckets_[internal::LatencyBuckets::Of(nanos)].Add(1);
    sum_.Add(nanos);
  }
  // Record(0), for less.
  void RecordNone() { buckets_[0].Add(1); }

 private:
  friend class LatencySummary;

  std::array<Tally, internal::LatencyBuckets::kCount> buckets_;
  Tally sum_;
};

// The sum of several histograms, as they were when they were added.
class LatencySummary {
 public:
  void Add(const LatencyHistogram& histogram) {
    for (size_t i = 0; i < buckets_.size(); ++i) {
      const uint64_t times = histogram.buckets_[i].value();
      buckets_[i] += times;
      count_ += times;
    }
    sum_ns_ += histogram.sum_.value();
  }

  uint64_t count() const { return count_; }

  // The sum of all that was recorded, in nanoseconds.
  uint64_t sum_ns() const { return sum_ns_; }

  // How many recordings took `nanos` or less. Those of the bucket in which
  // `nanos` lies count only if it is the bucket's largest: of the others it is
  // not known.
  uint64_t CountUpTo(uint64_t nanos) const {
    uint64_t times = 0;
    for (size_t i = 0; i < buckets_.size(); ++i) {
      if (internal::LatencyBuckets::LastOf(i) > nanos) break;
      times += buckets_[i];
    }
    return times;
  }

  // The mean, in nanoseconds; 0 if nothing was recorded.
  double mean_ns() const {
    return count_ == 0 ? 0 : static_cast<double>(sum_ns_) / count_;
  }

  // The latency, in nanoseconds, that the share `rank`, 0 to 1, of all
  // recordings did not exceed, rounded up to the end of its bucket.
  // Percentile(1) is the longest. 0 if nothing was recorded.
  uint64_t Percentile(double rank) const {
    const auto wanted = static_cast<uint64_t>(rank * count_);
    uint64_t seen = 0;
    for (size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (buckets_[i] > 0 && (seen > wanted || seen == count_)) {
        return internal::LatencyBuckets::LastOf(i);
      }
    }
    return 0;
  }

 private:
  std::array<uint64_t, internal::LatencyBuckets::kCount> buckets_ = {};
  uint64_t count_ = 0;
  uint64_t sum_ns_ = 0;
};

}  // namespace pinion

#endif  // PINION_SERVER_LATENCY_HISTOGRAM_H_
