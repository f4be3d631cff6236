// SPDX-License-Identifier: Apache-2.0
//
// TokenBucket: how much more of something one party may have now: so much in
//              each second, and at most a burst at once.
//
// Threads: any thread may take at any time.
// Cost:    one word, and a compare-and-swap for what is taken together.
// Example: const TokenBucket::Rate rate = {.per_second = 100, .burst = 200};
//          const int64_t calls = bucket.Take(wanted, rate, clock.Now());
//
// The word is the moment at which the bucket is full again (GCRA, as in ATM
// Forum's Traffic Management 4.0). So it does not change while nothing is
// taken, and a rate that changes holds at once for what is left.
#ifndef PINION_SERVER_PARTY_TOKEN_BUCKET_H_
#define PINION_SERVER_PARTY_TOKEN_BUCKET_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "pinion/core/clock.h"

namespace pinion {

class TokenBucket {
 public:
  struct Rate {
    int64_t per_second;  // Above 0.
    int64_t burst;       // Above 0; of so many a full bucket consists.
  };

  // A full one.
  explicit TokenBucket(Moment now) : full_at_(now.nanos()) {}
  TokenBucket(const TokenBucket&) = delete;
  TokenBucket& operator=(const TokenBucket&) = delete;

  // Takes as many of `wanted` tokens as there are, and returns how many.
  int64_t Take(int64_t wanted, const Rate& rate, Moment now) {
    uint64_t before = full_at_.load(std::memory_order_relaxed);
    while (true) {
      const Moment full_at = std::max(Moment(before), now);
      const int64_t taken = std::min(wanted, LeftOf(rate, full_at - now));
      if (taken <= 0) return 0;
      if (Move(before, full_at + SpanOf(taken, rate))) return taken;
    }
  }

  // Takes all of `wanted` tokens if there is one, although it may then owe
  // some. Returns whether it did.
  bool TakeAll(int64_t wanted, const Rate& rate, Moment now) {
    uint64_t before = full_at_.load(std::memory_order_relaxed);
    while (true) {
      const Moment full_at = std::max(Moment(before), now);
      if (LeftOf(rate, full_at - now) <= 0) return false;
      if (Move(before, full_at + SpanOf(wanted, rate))) return true;
    }
  }

  // How long it takes until there is a token; 0 if there is one.
  std::chrono::nanoseconds UntilNext(const Rate& rate, Moment now) const {
    const Moment full_at = FullAt();
    const std::chrono::nanoseconds wait =
        full_at - now + SpanOf(1, rate) - SpanOf(rate.burst, rate);
    return std::max(wait, std::chrono::nanoseconds(0));
  }

  // Whether nothing is missing in it: a new one is as good.
  bool IsFull(Moment now) const { return FullAt() <= now; }

 private:
  static constexpr __int128 kSecond = 1'000'000'000;
  // Longer spans would come near to where moments wrap.
  static constexpr __int128 kLongest = __int128{86400} * 365 * kSecond;

  Moment FullAt() const {
    return Moment(full_at_.load(std::memory_order_relaxed));
  }
  // Relaxed: the word is all there is.
  bool Move(uint64_t& before, Moment to) {
    return full_at_.compare_exchange_weak(before, to.nanos(),
                                          std::memory_order_relaxed);
  }
  // How long it takes to fill in so many, rounded up.
  static std::chrono::nanoseconds SpanOf(int64_t tokens, const Rate& rate) {
    const __int128 span =
        (tokens * kSecond + rate.per_second - 1) / rate.per_second;
    return std::chrono::nanoseconds(
        static_cast<int64_t>(std::min(span, kLongest)));
  }
  // How many are left of a burst when it takes `missing` until it is full.
  static int64_t LeftOf(const Rate& rate, std::chrono::nanoseconds missing) {
    const __int128 left = (SpanOf(rate.burst, rate) - missing).count();
    return static_cast<int64_t>(left * rate.per_second / kSecond);
  }

  std::atomic<uint64_t> full_at_;  // A Moment's nanoseconds.
};

}  // namespace pinion

#endif  // PINION_SERVER_PARTY_TOKEN_BUCKET_H_
