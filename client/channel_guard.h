// SPDX-License-Identifier: Apache-2.0
//
// ChannelGuard: keeps calls off an in-process channel whose server stops.
//
// Threads: anyone.
// Why:     in gRPC 1.51 a call that is begun on such a channel after the server
//          was shut down crashes, and one whose answer is on its way then loses
//          it. Who stops the server closes the guard first, from when on a
//          client answers UNAVAILABLE by itself; and waits for the calls.
// Example: auto guard = std::make_shared<ChannelGuard>();
//          Client client(server.InProcessChannel(), guard); ...
//          guard->Close(); server.Drain(); guard->AwaitCalls(); server.Stop();
#ifndef PINION_CLIENT_CHANNEL_GUARD_H_
#define PINION_CLIENT_CHANNEL_GUARD_H_

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"

namespace pinion {

class ChannelGuard {
 public:
  // Runs `begin`, which begins a call, unless the guard is closed. False if it
  // is.
  bool Begin(absl::FunctionRef<void()> begin) {
    {
      absl::MutexLock lock(&mutex_);
      if (closed_) return false;
      ++open_calls_;
    }
    begin();
    return true;
  }

  // Says that a call that was begun has its answer.
  void End() {
    absl::MutexLock lock(&mutex_);
    --open_calls_;
  }

  // From now on no call is begun.
  void Close() {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
  }

  // Waits until each call that was begun has its answer.
  void AwaitCalls() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](int* open_calls) { return *open_calls == 0; }, &open_calls_));
  }

 private:
  absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  int open_calls_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace pinion

#endif  // PINION_CLIENT_CHANNEL_GUARD_H_
