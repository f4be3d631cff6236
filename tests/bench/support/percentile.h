// SPDX-License-Identifier: Apache-2.0
//
// Percentile: of measured times, one that a given part of them does not exceed.
//
// Threads: plain function; any thread.
// Example: const double p99_us = Percentile(0.99, latencies_ns) / 1e3;
#ifndef PINION_TESTS_BENCH_SUPPORT_PERCENTILE_H_
#define PINION_TESTS_BENCH_SUPPORT_PERCENTILE_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pinion::bench {

// `rank` is from 0 to 1, the least to the greatest. Reorders the values; not a
// number if there are none.
inline double Percentile(double rank, std::vector<int64_t>& values) {
  if (values.empty()) return std::nan("");
  const auto at =
      values.begin() +
      static_cast<ptrdiff_t>(rank * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return static_cast<double>(*at);
}

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_SUPPORT_PERCENTILE_H_
