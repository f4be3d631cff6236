// SPDX-License-Identifier: Apache-2.0
//
// Holding: how many calls and bytes a party or a place holds, both in one word,
//          so that they change and are seen together.
//
// Threads: any thread.
// Example: holding.Add(1, bytes);
//          ...
//          holding.Remove(1, bytes);
//
// All orders are relaxed: the numbers guard no other data.
#ifndef PINION_SERVER_INTERNAL_HOLDING_H_
#define PINION_SERVER_INTERNAL_HOLDING_H_

#include <atomic>
#include <cstdint>

namespace pinion {

class Holding {
 public:
  // The numbers at one moment.
  class Held {
   public:
    explicit Held(uint64_t word) : word_(word) {}
    int64_t calls() const { return static_cast<int64_t>(word_ >> kByteBits); }
    int64_t bytes() const {
      return static_cast<int64_t>(word_ & ((uint64_t{1} << kByteBits) - 1));
    }

   private:
    friend class Holding;
    uint64_t word_;
  };

  Holding() = default;
  Holding(const Holding&) = delete;
  Holding& operator=(const Holding&) = delete;

  void Add(int64_t calls, int64_t bytes) {
    word_.fetch_add(Word(calls, bytes), std::memory_order_relaxed);
  }
  void Remove(int64_t calls, int64_t bytes) {
    word_.fetch_sub(Word(calls, bytes), std::memory_order_relaxed);
  }

  // Adds if it still holds `expected`; otherwise updates `expected`.
  bool AddIf(Held& expected, int64_t calls, int64_t bytes) {
    return word_.compare_exchange_weak(expected.word_,
                                       expected.word_ + Word(calls, bytes),
                                       std::memory_order_relaxed);
  }

  Held Look() const { return Held(word_.load(std::memory_order_relaxed)); }

 private:
  // The word: calls (24 bits), bytes (40 bits).
  static constexpr int kByteBits = 40;

  static uint64_t Word(int64_t calls, int64_t bytes) {
    return (static_cast<uint64_t>(calls) << kByteBits) +
           static_cast<uint64_t>(bytes);
  }

  std::atomic<uint64_t> word_{0};
};

}  // namespace pinion

#endif  // PINION_SERVER_INTERNAL_HOLDING_H_
