// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/histogram.h"

#include <cmath>

namespace pinion::cli {

Histogram Histogram::Since(const Histogram& earlier) const {
  Histogram since;
  for (size_t bucket = 0; bucket < counts_.size(); ++bucket) {
    const uint64_t count = counts_[bucket] - earlier.counts_[bucket];
    if (count == 0) continue;
    since.Add(bucket, count);
    since.max_ = std::min(max_, Buckets::LastOf(bucket));
  }
  since.sum_ = sum_ - earlier.sum_;
  return since;
}

double Histogram::StandardDeviation() const {
  if (total_ == 0) return 0;
  double squares = 0;
  for (size_t bucket = 0; bucket < counts_.size(); ++bucket) {
    if (counts_[bucket] == 0) continue;
    const double middle = (static_cast<double>(Buckets::FirstOf(bucket)) +
                           static_cast<double>(Buckets::LastOf(bucket))) /
                          2;
    squares += static_cast<double>(counts_[bucket]) * (middle - mean()) *
               (middle - mean());
  }
  return std::sqrt(squares / static_cast<double>(total_));
}

int64_t Histogram::AtPercentile(double percentile) const {
  if (total_ == 0) return 0;
  // A little less, so that 99.9 percent of 1000, which is not quite 999 in
  // binary, is not the thousandth.
  const double exact = percentile / 100 * static_cast<double>(total_);
  const auto rank = std::clamp<uint64_t>(
      static_cast<uint64_t>(std::ceil(exact * (1 - 1e-12))), 1, total_);
  uint64_t passed = 0;
  for (size_t bucket = 0; bucket < counts_.size(); ++bucket) {
    passed += counts_[bucket];
    if (passed >= rank) return std::min(Buckets::LastOf(bucket), max_);
  }
  return max_;
}

}  // namespace pinion::cli
