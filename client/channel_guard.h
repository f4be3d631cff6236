// SPDX-License-Identifier: Apache-2.0
//
// ChannelGuard: keeps calls off a channel that must not be used any more.
//
// Threads: anyone.
// Why:     a call that is begun on an in-process channel after its server was
//          shut down crashes gRPC 1.51. Who stops the server closes the guard
//          first; from then on a client answers UNAVAILABLE by itself.
// Example: auto guard = std::make_shared<ChannelGuard>();
//          Client client(server.InProcessChannel(), guard);
//          guard->Close(); server.Stop();
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
    absl::ReaderMutexLock lock(&mutex_);
    if (closed_) return false;
    begin();
    return true;
  }

  // Returns when no call is being begun, and none will be.
  void Close() {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
  }

 private:
  absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace pinion

#endif  // PINION_CLIENT_CHANNEL_GUARD_H_
