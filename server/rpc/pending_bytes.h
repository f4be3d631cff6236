// SPDX-License-Identifier: Apache-2.0
//
// PendingBytes: the bytes that one stream has sent and that have not left,
//               their limit, and whether it takes more.
//
// Threads: any thread.
// Example: if (pending.Add(bytes) == PendingBytes::Grant::kGranted) ...
//          pending.Return(bytes);               // once, in the end
//
// One word holds both, so that the thread that closes it knows everything that
// was granted before: after that was returned, nothing more will come.
#ifndef PINION_SERVER_RPC_PENDING_BYTES_H_
#define PINION_SERVER_RPC_PENDING_BYTES_H_

#include <atomic>
#include <cstdint>

namespace pinion {

class PendingBytes {
 public:
  enum class Grant { kGranted, kTooMany, kClosed };

  // At most `max`, above 0, or more if it is added while writable, or if
  // nothing is pending.
  explicit PendingBytes(int64_t max) : max_(max) {}
  PendingBytes(const PendingBytes&) = delete;
  PendingBytes& operator=(const PendingBytes&) = delete;

  // `bytes` is above 0.
  Grant Add(int64_t bytes) {
    // Acquire, with the release in Close(): a refused thread sees the reason.
    uint64_t word = word_.load(std::memory_order_acquire);
    do {
      if ((word & kClosed) != 0) return Grant::kClosed;
      const int64_t before = BytesOf(word);
      if (before > 0 && !IsWritable(before) && before + bytes > max_) {
        return Grant::kTooMany;
      }
    } while (!word_.compare_exchange_weak(word, word + WordOf(bytes),
                                          std::memory_order_acquire));
    return Grant::kGranted;
  }

  // Releases what was added. True if the stream became writable by this.
  bool Return(int64_t bytes) {
    // Relaxed: the number guards no other data; what was sent is handed over
    // elsewhere.
    const int64_t before =
        BytesOf(word_.fetch_sub(WordOf(bytes), std::memory_order_relaxed));
    return !IsWritable(before) && IsWritable(before - bytes);
  }

  // Grants nothing from now on.
  void Close() { word_.fetch_or(kClosed, std::memory_order_release); }

  int64_t bytes() const {
    return BytesOf(word_.load(std::memory_order_relaxed));
  }
  int64_t max() const { return max_; }

  // Whether less than half of the limit is pending; the other half is for
  // messages sent until the next look.
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
  bool IsWritable(int64_t bytes) const { return bytes < max_ / 2; }

  std::atomic<uint64_t> word_{0};
  const int64_t max_;
};

}  // namespace pinion

#endif  // PINION_SERVER_RPC_PENDING_BYTES_H_
