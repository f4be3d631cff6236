// SPDX-License-Identifier: Apache-2.0
//
// ChannelGuard: keeps calls off an in-process channel whose server stops.
//
// Threads: any thread.
// Why:     in gRPC 1.51, starting a call on such a channel after the server was
//          shut down crashes, and a call whose answer is on its way at that
//          time loses the answer. So close the guard before you stop the
//          server. The client then answers UNAVAILABLE to new calls. Then wait
//          for the open calls.
// Example: auto guard = std::make_shared<ChannelGuard>();
//          Client client(server.InProcessChannel(), guard); ...
//          guard->Close(); server.Drain(); guard->AwaitCalls(); server.Stop();
#ifndef PINION_CLIENT_CHANNEL_GUARD_H_
#define PINION_CLIENT_CHANNEL_GUARD_H_

#include <condition_variable>
#include <mutex>

#include "absl/functional/function_ref.h"

namespace pinion {

class ChannelGuard {
 public:
  // Runs `begin`, which starts a call, unless the guard is closed. False if it
  // is.
  bool Begin(absl::FunctionRef<void()> begin) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return false;
      ++open_calls_;
    }
    begin();
    return true;
  }

  // Says that a started call has got its answer.
  void End() {
    const std::lock_guard lock(mutex_);
    if (--open_calls_ == 0) changed_.notify_all();
  }

  // Lets no further calls start.
  void Close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }

  // Waits until each started call has got its answer.
  void AwaitCalls() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return open_calls_ == 0; });
  }

 private:
  // Guards the rest. (It is not Abseil's mutex, which ThreadSanitizer does not
  // see here.)
  std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;
  int open_calls_ = 0;
};

}  // namespace pinion

#endif  // PINION_CLIENT_CHANNEL_GUARD_H_
