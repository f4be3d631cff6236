// SPDX-License-Identifier: Apache-2.0
//
// SpinAdvice: whether a worker without work should spin for a short time before
//             it sleeps.
//
// Threads: its worker only.
// Example: if (advice.worthwhile()) ... ; advice.Learn(/*came_soon=*/true);
#ifndef PINION_CORE_SPIN_H_
#define PINION_CORE_SPIN_H_

#include <chrono>

namespace pinion {

enum class SpinPolicy {
  kNever,
  kAdaptive,  // While most recent waits were shorter than the limit.
  kAlways,    // Before each sleep.
};

struct SpinOptions {
  SpinPolicy policy = SpinPolicy::kAdaptive;
  // The longest spin before each sleep. It is about the cost of a sleep and its
  // wake, so that a useless spin costs no more than a useful one saves. Perfect
  // foresight could save at most half (Karlin and others, "Empirical studies of
  // competitive spinning for a shared-memory multiprocessor", 1991).
  std::chrono::nanoseconds limit = std::chrono::microseconds(50);
};

class SpinAdvice {
 public:
  explicit SpinAdvice(SpinPolicy policy) : policy_(policy) {}

  bool worthwhile() const {
    return policy_ == SpinPolicy::kAlways ||
           (policy_ == SpinPolicy::kAdaptive && score_ > kHighest / 2);
  }

  // A wait has ended, spinning or asleep. `came_soon`: it took less than the
  // limit.
  void Learn(bool came_soon) {
    if (came_soon && score_ < kHighest) ++score_;
    if (!came_soon && score_ > 0) --score_;
  }

 private:
  // The advice follows a change of the load after half as many waits: late
  // enough that one unusual wait changes nothing.
  static constexpr int kHighest = 16;

  const SpinPolicy policy_;
  int score_ = 0;
};

}  // namespace pinion

#endif  // PINION_CORE_SPIN_H_
