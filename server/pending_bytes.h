// SPDX-License-Identifier: Apache-2.0
//
// PendingBytes: how much one stream has sent that has not left, its bound, and
//               whether it takes any more.
//
// Threads: anyone.
// Example: if (pending.Add(bytes) == PendingBytes::Grant::kGranted) ...
//          pending.Return(bytes);               // once, in the end
//
// One word holds both, so that whoever closes it knows all that was let in
// before: when that has been returned, nothing more will come.
#ifndef PINION_SERVER_PENDING_BYTES_H_
#define PINION_SERVER_PENDING_BYTES_H_

#include <atomic>
#include <cstdint>

namespace pinion {

class PendingBytes {
 public:
  enum class Grant { kGranted, kTooMany, kClosed };

  // At most `most`, above 0, or what is added while it is writable, or to none.
  explicit PendingBytes(int64_t most) : most_(most) {}
  PendingBytes(const PendingBytes&) = delete;
  PendingBytes& operator=(const PendingBytes&) = delete;

  // `bytes` is above 0.
  Grant Add(int64_t bytes) {
    // Acquire, with the release in Close(): who is turned away sees why.
    uint64_t word = word_.load(std::memory_order_acquire);
    do {
      if ((word & kClosed) != 0) return Grant::kClosed;
      const int64_t before = BytesOf(word);
      if (before > 0 && !IsWritable(before) && before + bytes > most_) {
        return Grant::kTooMany;
      }
    } while (!word_.compare_exchange_weak(word, word + WordOf(bytes),
                                          std::memory_order_acquire));
    return Grant::kGranted;
  }

  // Gives back what was added. True if it got writable by this.
  bool Return(int64_t bytes) {
    // Relaxed: the number is all there is; what was sent is handed over
    // elsewhere.
    const int64_t before =
        BytesOf(word_.fetch_sub(WordOf(bytes), std::memory_order_relaxed));
    return !IsWritable(before) && IsWritable(before - bytes);
  }

  // From now on it grants nothing.
  void Close() { word_.fetch_or(kClosed, std::memory_order_release); }

  int64_t bytes() const {
    return BytesOf(word_.load(std::memory_order_relaxed));
  }
  int64_t most() const { return most_; }

  // Whether less than half of what may be is pending: the other half is for
  // what is sent until the next look.
  bool writable() const { return IsWritable(bytes()); }

 private:
  // The word: whether it is closed (1 bit), and the bytes.
  static constexpr uint64_t kClosed = 1;
  static uint64_t WordOf(int64_t bytes) {
    return static_cast<uint64_t>(bytes) << 1;
  }
  static int64_t BytesOf(uint64_t word) {
    return static_cast<int64_t>(word >> 1);
  }
  bool IsWritable(int64_t bytes) const { return bytes < most_ / 2; }

  std::atomic<uint64_t> word_{0};
  const int64_t most_;
};

}  // namespace pinion

#endif  // PINION_SERVER_PENDING_BYTES_H_
