// SPDX-License-Identifier: Apache-2.0
//
// KeyDistribution: which of N keys a call takes.
//
// Threads: anyone, each with a Random of its own.
// Cost:    no table, whatever N is; zipf draws in constant time.
// Example: const auto keys = KeyDistribution::Zipf(1'000'000, 0.99);
//          keys.Draw(random);   // 0 is the most frequent
#ifndef PINION_CLIENT_CLI_KEY_DISTRIBUTION_H_
#define PINION_CLIENT_CLI_KEY_DISTRIBUTION_H_

#include <cstdint>

#include "client/cli/random.h"

namespace pinion::cli {

class KeyDistribution {
 public:
  // `keys` is at least 1.

  // Each of the keys as often as any other.
  static KeyDistribution Uniform(uint64_t keys);

  // Key k, from 0, as often as is proportional to (k + 1) ^ -exponent; the
  // exponent is above 0, and may be 1 or less.
  static KeyDistribution Zipf(uint64_t keys, double exponent);

  // Key 0 alone.
  static KeyDistribution One(uint64_t keys);

  uint64_t Draw(Random& random) const;

  // How many keys there are; each that is drawn is less.
  uint64_t keys() const { return keys_; }

 private:
  enum class Kind { kUniform, kZipf, kOne };

  KeyDistribution(Kind kind, uint64_t keys) : kind_(kind), keys_(keys) {}

  uint64_t DrawZipf(Random& random) const;
  double Height(double x) const;
  double Area(double x) const;
  double AreaInverse(double area) const;

  Kind kind_;
  uint64_t keys_;
  // Of zipf, as DrawZipf() explains.
  double exponent_ = 0;
  double area_from_ = 0;
  double area_to_ = 0;
  double always_within_ = 0;
};

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_KEY_DISTRIBUTION_H_
