// SPDX-License-Identifier: Apache-2.0
//
// SpinAdvice: whether a worker without work should look on for a little while
// before it sleeps.
//
// Threads: its worker's alone.
// Example: if (advice.worthwhile()) ... ; advice.Learn(/*came_soon=*/true);
#ifndef PINION_CORE_SPIN_H_
#define PINION_CORE_SPIN_H_

#include <chrono>

namespace pinion {

enum class SpinPolicy {
  kNever,
  kAdaptive,  // While most of the last waits were shorter than the limit.
  kAlways,    // Before each sleep.
};

struct SpinOptions {
  SpinPolicy policy = SpinPolicy::kAdaptive;
  // How long at most, before each sleep. About what a sleep and its wake cost,
  // so that a spin in vain costs no more than what a good one saves; whoever
  // knew what comes could save half at best (Karlin and others, "Empirical
  // studies of competitive spinning for a shared-memory multiprocessor", 1991).
  std::chrono::nanoseconds limit = std::chrono::microseconds(50);
};

class SpinAdvice {
 public:
  explicit SpinAdvice(SpinPolicy policy) : policy_(policy) {}

  bool worthwhile() const {
    return policy_ == SpinPolicy::kAlways ||
           (policy_ == SpinPolicy::kAdaptive && score_ > kHighest / 2);
  }

  // A wait is over, spun or slept; `came_soon`: it took less than the limit.
  void Learn(bool came_soon) {
    if (came_soon && score_ < kHighest) ++score_;
    if (!came_soon && score_ > 0) --score_;
  }

 private:
  // A change of the load is followed after half as many waits: late enough that
  // one odd wait changes nothing.
  static constexpr int kHighest = 16;

  const SpinPolicy policy_;
  int score_ = 0;
};

}  // namespace pinion

#endif  // PINION_CORE_SPIN_H_
