// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/hdr_text.h"

#include <cmath>
#include <cstdint>

#include "absl/strings/str_format.h"

namespace pinion::cli {
namespace {

constexpr int kLinesPerHalving = 5;

double Milliseconds(double nanos) { return nanos / 1e6; }

// How many values are in the buckets up to that of `nanos`.
uint64_t CountUpTo(const Histogram& histogram, int64_t nanos) {
  const size_t last = Buckets::Of(nanos);
  uint64_t count = 0;
  for (size_t bucket = 0; bucket <= last; ++bucket) {
    count += histogram.counts()[bucket];
  }
  return count;
}

// The next percentile that has a line.
double After(double percentile) {
  const double halvings = std::floor(std::log2(100 / (100 - percentile)));
  return percentile + 100 / (kLinesPerHalving * std::exp2(halvings + 1));
}

}  // namespace

std::string HdrText(const Histogram& histogram) {
  std::string text =
      absl::StrFormat("%12s %14s %10s %14s\n\n", "Value", "Percentile",
                      "TotalCount", "1/(1-Percentile)");
  for (double percentile = 0; histogram.total() > 0;
       percentile = After(percentile)) {
    const int64_t nanos = histogram.AtPercentile(percentile);
    const uint64_t count = CountUpTo(histogram, nanos);
    if (count == histogram.total()) break;
    absl::StrAppendFormat(&text, "%12.6f %14.12f %10d %14.2f\n",
                          Milliseconds(static_cast<double>(nanos)),
                          percentile / 100, count, 100 / (100 - percentile));
  }
  if (histogram.total() > 0) {
    absl::StrAppendFormat(&text, "%12.6f %14.12f %10d\n",
                          Milliseconds(static_cast<double>(histogram.max())),
                          1.0, histogram.total());
  }
  absl::StrAppendFormat(&text, "#[Mean    = %12.6f, StdDeviation   = %12.6f]\n",
                        Milliseconds(histogram.mean()),
                        Milliseconds(histogram.StandardDeviation()));
  absl::StrAppendFormat(&text, "#[Max     = %12.6f, Total count    = %12d]\n",
                        Milliseconds(static_cast<double>(histogram.max())),
                        histogram.total());
  absl::StrAppendFormat(&text, "#[Buckets = %12d, SubBuckets     = %12d]\n",
                        Buckets::kLongestBits - Buckets::kBits,
                        2 << Buckets::kBits);
  return text;
}

}  // namespace pinion::cli
