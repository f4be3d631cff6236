// SPDX-License-Identifier: Apache-2.0
//
// LargestAnswer: the largest recent answer of one method, so that room can be
//                reserved before its handler runs.
//
// Threads: any thread.
// Example: LargestAnswer largest(/*largest_possible=*/4 << 20);
//          credit.Reserve(0, largest.expected());  // before the handler
//          largest.Learn(answer.Bytes(), now);     // after it
#ifndef PINION_SERVER_INTERNAL_LARGEST_ANSWER_H_
#define PINION_SERVER_INTERNAL_LARGEST_ANSWER_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "pinion/core/clock.h"

namespace pinion {

class LargestAnswer {
 public:
  explicit LargestAnswer(int64_t largest_possible)
      : largest_possible_(largest_possible) {}
  LargestAnswer(LargestAnswer&& other) noexcept
      : largest_possible_(other.largest_possible_) {}

  // The largest answer of this period and the one before. Until an answer is
  // known, a part of the largest possible one: a worker makes only one larger
  // answer at a time.
  int64_t expected() const {
    const int64_t known = Known();
    return known != kNone ? known : largest_possible_ / kUnknownPart;
  }

  // The same, for one of several answers that are made together.
  int64_t expected_of_each() const {
    const int64_t known = Known();
    return known != kNone ? known : largest_possible_;
  }

  void Learn(int64_t bytes, Moment now) {
    // All of it is relaxed: an estimate guards no other data. Two threads that
    // begin a period together may forget a large answer too early.
    const int64_t largest = largest_.load(std::memory_order_relaxed);
    const auto age = now - Moment(begun_.load(std::memory_order_relaxed));
    if (largest == kNone || age >= kSpan) {
      begun_.store(now.nanos(), std::memory_order_relaxed);
      largest_before_.store(age < 2 * kSpan ? largest : kNone,
                            std::memory_order_relaxed);
      largest_.store(bytes, std::memory_order_relaxed);
    } else if (bytes > largest) {
      largest_.store(bytes, std::memory_order_relaxed);
    }
  }

 private:
  static constexpr int64_t kNone = -1;
  // Small enough that many calls may be kept for long before the first one is
  // answered; large enough for most answers.
  static constexpr int64_t kUnknownPart = 64;
  // Long enough to expect a large answer of a method that seldom gives one;
  // short enough that a burst of them does not limit the server for long.
  static constexpr std::chrono::nanoseconds kSpan = std::chrono::seconds(10);

  int64_t Known() const {
    return std::max(largest_.load(std::memory_order_relaxed),
                    largest_before_.load(std::memory_order_relaxed));
  }

  const int64_t largest_possible_;
  std::atomic<uint64_t> begun_{0};  // A Moment's nanoseconds.
  std::atomic<int64_t> largest_{kNone};
  std::atomic<int64_t> largest_before_{kNone};
};

}  // namespace pinion

#endif  // PINION_SERVER_INTERNAL_LARGEST_ANSWER_H_
