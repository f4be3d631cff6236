// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/key_distribution.h"

#include <algorithm>
#include <cmath>

namespace pinion::cli {
namespace {

// (e^t - 1) / t and log(1 + t) / t, also where t is 0 or nearly so.
double ExpRatio(double t) { return t == 0 ? 1 : std::expm1(t) / t; }
double LogRatio(double t) { return t == 0 ? 1 : std::log1p(t) / t; }

}  // namespace

KeyDistribution KeyDistribution::Uniform(uint64_t keys) {
  return KeyDistribution(Kind::kUniform, keys);
}

KeyDistribution KeyDistribution::One(uint64_t keys) {
  return KeyDistribution(Kind::kOne, keys);
}

KeyDistribution KeyDistribution::Zipf(uint64_t keys, double exponent) {
  KeyDistribution zipf(Kind::kZipf, keys);
  zipf.exponent_ = exponent;
  zipf.area_from_ = zipf.Area(1.5) - 1;
  zipf.area_to_ = zipf.Area(static_cast<double>(keys) + 0.5);
  zipf.always_within_ = 2 - zipf.AreaInverse(zipf.Area(2.5) - zipf.Height(2));
  return zipf;
}

uint64_t KeyDistribution::Draw(Random& random) const {
  switch (kind_) {
    case Kind::kUniform:
      return random.Below(keys_);
    case Kind::kZipf:
      return DrawZipf(random);
    case Kind::kOne:
      return 0;
  }
  return 0;
}

// Rejection-inversion (Hoermann and Derflinger, 1996). Rank k, from 1, shall
// come as often as Height(k) = k^-exponent says. The area under that curve from
// k - 1/2 to k + 1/2 is a little more, as the curve is convex. So a point is
// drawn by its area, which its inverse turns into a place on the curve and the
// rank next to it; and it is drawn again if it falls into the part of the
// rank's area that is too much. For rank 1 the area is cut to be Height(1)
// exactly, and a place within `always_within_` below its rank needs no test.
uint64_t KeyDistribution::DrawZipf(Random& random) const {
  while (true) {
    const double area = area_to_ + random.Fraction() * (area_from_ - area_to_);
    const double place = AreaInverse(area);
    const double rank =
        std::clamp(std::round(place), 1.0, static_cast<double>(keys_));
    if (rank - place <= always_within_ ||
        area >= Area(rank + 0.5) - Height(rank)) {
      return static_cast<uint64_t>(rank) - 1;
    }
  }
}

double KeyDistribution::Height(double x) const {
  return std::exp(-exponent_ * std::log(x));
}

// From 1 to x: (x^(1-exponent) - 1) / (1-exponent), and log(x) at exponent 1.
double KeyDistribution::Area(double x) const {
  const double log_x = std::log(x);
  return log_x * ExpRatio((1 - exponent_) * log_x);
}

double KeyDistribution::AreaInverse(double area) const {
  // -1 is where x would be infinite; rounding may lead beyond.
  const double t = std::max((1 - exponent_) * area, -1.0);
  return std::exp(area * LogRatio(t));
}

}  // namespace pinion::cli
