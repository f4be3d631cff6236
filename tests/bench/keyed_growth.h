// SPDX-License-Identifier: Apache-2.0
//
// The growth part of //tests/bench:keyed: maps that grow from nothing to many
// entries, and shrink to none. What a map does at once now and then, its
// callers wait for: so each operation is timed alone, and the longest counts.
//
// Threads: plain function; main's thread.
// Example: Report report = GrowthReport();
//          MeasureGrowth({"keyed"}, 10'000'000, /*key_bytes=*/12, report);
#ifndef PINION_TESTS_BENCH_KEYED_GROWTH_H_
#define PINION_TESTS_BENCH_KEYED_GROWTH_H_

#include <string>
#include <vector>

#include "pinion/tests/bench/support/report.h"

namespace pinion::bench {

// The maps there are.
const std::vector<std::string>& GrowingMaps();

// The report that MeasureGrowth() adds to.
Report GrowthReport();

// Measures these maps, each three times, up to 300,000 entries. If `entries`,
// at most 100,000,000, is more, it then measures those of Keyed up to it, each
// once: three times, and flat_hash_map, would take minutes. Says on standard
// error how far it is, at each million. A key has 8 bytes or more.
void MeasureGrowth(const std::vector<std::string>& maps, int entries,
                   int key_bytes, Report& report);

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_KEYED_GROWTH_H_
