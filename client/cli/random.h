// SPDX-License-Identifier: Apache-2.0
//
// Random: a small, fast source of numbers that are the same for one seed on
//         every machine (SplitMix64).
//
// Threads: the owner's only.
// Example: Random random(seed); random.Below(100);
#ifndef PINION_CLIENT_CLI_RANDOM_H_
#define PINION_CLIENT_CLI_RANDOM_H_

#include <cstdint>

namespace pinion::cli {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15;
    uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
  }

  // From 0 to `bound` - 1, all equally likely to within one part in 2^64 /
  // `bound`.
  uint64_t Below(uint64_t bound) {
    return static_cast<uint64_t>(
        (static_cast<unsigned __int128>(Next()) * bound) >> 64);
  }

  // From 0, inclusive, to 1, exclusive.
  double Fraction() { return static_cast<double>(Next() >> 11) * 0x1p-53; }

 private:
  uint64_t state_;
};

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_RANDOM_H_
