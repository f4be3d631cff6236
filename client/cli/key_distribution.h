// SPDX-License-Identifier: Apache-2.0
//
// KeyDistribution: which of N keys a call uses.
//
// Threads: any thread, each with its own Random.
// Cost:    no table, however large N is; zipf draws in constant time.
// Example: const auto keys = KeyDistribution::Zipf(1'000'000, 0.99);
//          keys.Draw(random);   // 0 is the most frequent
#ifndef PINION_CLIENT_CLI_KEY_DISTRIBUTION_H_
#define PINION_CLIENT_CLI_KEY_DISTRIBUTION_H_

#include <cstdint>

#include "pinion/client/cli/random.h"

namespace pinion::cli {

class KeyDistribution {
 public:
  // `keys` is at least 1.

  // All keys equally often.
  static KeyDistribution Uniform(uint64_t keys);

  // Key k, from 0, in proportion to (k + 1) ^ -exponent. The exponent is above
  // 0, and may be 1 or less.
  static KeyDistribution Zipf(uint64_t keys, double exponent);

  // Key 0 only.
  static KeyDistribution One(uint64_t keys);

  uint64_t Draw(Random& random) const;

  // The number of keys; each drawn key is less.
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
  // For zipf; DrawZipf() explains them.
  double exponent_ = 0;
  double area_from_ = 0;
  double area_to_ = 0;
  double always_within_ = 0;
};

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_KEY_DISTRIBUTION_H_
