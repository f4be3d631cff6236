// SPDX-License-Identifier: Apache-2.0
//
// Credit: how many calls, and bytes of theirs, one place may hold; and does.
//
// Threads: anyone.
// Example: switch (credit.Reserve(1, bytes)) {
//            case Credit::Grant::kGranted: ...      // and, once, in the end:
//          credit.Return(1, bytes);
#ifndef PINION_SERVER_CREDIT_H_
#define PINION_SERVER_CREDIT_H_

#include <atomic>
#include <cstdint>

namespace pinion {

// One word holds both numbers, so that both bounds are exact at once.
class Credit {
 public:
  static constexpr int64_t kMaxCalls = (int64_t{1} << 24) - 1;
  static constexpr int64_t kMaxBytes = (int64_t{1} << 39) - 1;  // 512 GiB.

  enum class Grant {
    kGranted,
    kTooManyCalls,
    kTooManyBytes,
  };

  // At most 1 to kMaxCalls calls, with 1 to kMaxBytes bytes in all.
  Credit(int64_t most_calls, int64_t most_bytes)
      : most_calls_(most_calls), most_bytes_(most_bytes) {}
  Credit(const Credit&) = delete;
  Credit& operator=(const Credit&) = delete;

  // Reserves places for `calls` with `bytes` in all, or for none of them.
  Grant Reserve(int64_t calls, int64_t bytes) {
    uint64_t word = word_.load(std::memory_order_relaxed);
    do {
      if (Calls(word) + calls > most_calls_) return Grant::kTooManyCalls;
      if (Bytes(word) + bytes > most_bytes_) return Grant::kTooManyBytes;
      // Relaxed: the numbers are all there is; nothing is handed over by them.
    } while (!word_.compare_exchange_weak(word, word + Word(calls, bytes),
                                          std::memory_order_relaxed));
    return Grant::kGranted;
  }

  // Counts `bytes` that are there already, over the bound if need be: they keep
  // others out.
  void Charge(int64_t bytes) {
    word_.fetch_add(Word(0, bytes), std::memory_order_relaxed);
  }

  // Counts one call more, likewise. For at most as many at a time as were
  // reserved, and where most_calls() is at most half of kMaxCalls.
  void ChargeCall() { word_.fetch_add(Word(1, 0), std::memory_order_relaxed); }

  // Gives back what was reserved or charged.
  void Return(int64_t calls, int64_t bytes) {
    word_.fetch_sub(Word(calls, bytes), std::memory_order_relaxed);
  }

  // What is held, a moment ago.
  int64_t calls() const { return Calls(word_.load(std::memory_order_relaxed)); }
  int64_t bytes() const { return Bytes(word_.load(std::memory_order_relaxed)); }

  int64_t most_calls() const { return most_calls_; }
  int64_t most_bytes() const { return most_bytes_; }

 private:
  // The word: calls (24 bits), bytes (40 bits, twice what may be reserved, for
  // what is charged beside).
  static constexpr int kByteBits = 40;

  static uint64_t Word(int64_t calls, int64_t bytes) {
    return (static_cast<uint64_t>(calls) << kByteBits) +
           static_cast<uint64_t>(bytes);
  }
  static int64_t Calls(uint64_t word) {
    return static_cast<int64_t>(word >> kByteBits);
  }
  static int64_t Bytes(uint64_t word) {
    return static_cast<int64_t>(word & ((uint64_t{1} << kByteBits) - 1));
  }

  // Shared.
  std::atomic<uint64_t> word_{0};
  // Fixed at construction; anyone may read.
  const int64_t most_calls_;
  const int64_t most_bytes_;
};

}  // namespace pinion

#endif  // PINION_SERVER_CREDIT_H_
