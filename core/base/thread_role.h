// SPDX-License-Identifier: Apache-2.0
//
// ThreadRole: lets Clang check "only on that thread".
//
// Threads: the one thread that takes the role calls Claim() first. A later
//          thread may take the role over with Claim(), once the earlier one is
//          done. Members marked ABSL_GUARDED_BY(role) and functions marked
//          ABSL_EXCLUSIVE_LOCKS_REQUIRED(role) then belong to it only.
// Cost:    nothing in an optimised build; Assert() checks the thread id in a
//          debug build.
// Example: ThreadRole worker_thread_;
//          uint64_t rounds_ ABSL_GUARDED_BY(worker_thread_) = 0;
#ifndef PINION_CORE_BASE_THREAD_ROLE_H_
#define PINION_CORE_BASE_THREAD_ROLE_H_

#include <atomic>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "pinion/core/base/check.h"

namespace pinion {

class ABSL_LOCKABLE ThreadRole {
 public:
  // Makes the calling thread the holder, instead of any earlier one.
  void Claim() ABSL_ASSERT_EXCLUSIVE_LOCK() {
    // Relaxed: a thread that reads another thread's id learns only that it is
    // not its own, and any other value says that, too.
    holder_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  }

  // Tells Clang that the calling thread is the holder, where it cannot see it
  // (inside a function object that only the holder calls).
  void Assert() const ABSL_ASSERT_EXCLUSIVE_LOCK() {
    PINION_DCHECK(
        holder_.load(std::memory_order_relaxed) == std::this_thread::get_id(),
        "called off its thread");
  }

 private:
  std::atomic<std::thread::id> holder_{};
};

}  // namespace pinion

#endif  // PINION_CORE_BASE_THREAD_ROLE_H_
