// SPDX-License-Identifier: Apache-2.0
//
// Inside: counts the calls that are inside the server, until it is closed and
//         the last of them has left.
//
// Threads: any thread.
// Example: if (!inside.Enter()) return refusals::ServerStopping();
//          ...                  // When the call's answer has left:
//          inside.Leave();
//
//          inside.Close();      // In a stop.
//          bool empty = inside.AwaitEmpty(grace);
#ifndef PINION_SERVER_DOOR_INSIDE_H_
#define PINION_SERVER_DOOR_INSIDE_H_

#include <atomic>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "pinion/core/base/mutex.h"

namespace pinion {

class Inside {
 public:
  Inside() = default;
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

  // Counts `calls` calls, and returns true. Once it is closed, returns false:
  // they are not inside, and must not leave.
  [[nodiscard]] bool Enter(int64_t calls = 1) {
    // One word, so that a call is either counted before the close, or sees it.
    if (word_.fetch_add(calls * kOne, std::memory_order_acq_rel) & kClosed) {
      Leave(calls);
      return false;
    }
    return true;
  }

  // `calls` calls inside have left. Once for each call.
  void Leave(int64_t calls = 1);

  // Lets no call in from now on.
  void Close();

  // After Close(): waits until no call is inside, `timeout` has passed, or
  // GiveUpWaiting() is called. Returns whether no call is inside.
  bool AwaitEmpty(absl::Duration timeout);

  // Ends the waiting in AwaitEmpty(), now and later.
  void GiveUpWaiting();

  // Whether it lets no call in any more.
  bool closed() const {
    return (word_.load(std::memory_order_relaxed) & kClosed) != 0;
  }

  // The number of calls inside, a moment ago.
  int64_t count() const {
    return static_cast<int64_t>(word_.load(std::memory_order_relaxed) / kOne);
  }

 private:
  // The word: whether it is closed (1 bit), and the number of calls inside.
  static constexpr uint64_t kClosed = 1;
  static constexpr uint64_t kOne = 2;

  bool Empty() const {
    // Acquire, with the release in Leave(): the thread that sees the last call
    // leave sees what all of them have done.
    return word_.load(std::memory_order_acquire) == kClosed;
  }

  // Held to notify the waiting thread.
  Mutex mutex_;
  CondVar changed_;
  bool given_up_ ABSL_GUARDED_BY(mutex_) = false;

  std::atomic<uint64_t> word_{0};
};

}  // namespace pinion

#endif  // PINION_SERVER_DOOR_INSIDE_H_
