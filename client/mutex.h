// SPDX-License-Identifier: Apache-2.0
//
// Mutex, MutexLock, CondVar: the standard ones with the annotations that Clang
// checks.
//
// Threads: anyone. Never held while a callback of the user's runs.
// Why its own: the core has the same, and the client knows nothing of the core;
//          absl::Mutex is not built for ThreadSanitizer here.
// Example: MutexLock lock(mutex_);
#ifndef PINION_CLIENT_MUTEX_H_
#define PINION_CLIENT_MUTEX_H_

#include <condition_variable>
#include <mutex>

#include "absl/base/thread_annotations.h"

namespace pinion::client_internal {

class ABSL_LOCKABLE Mutex {
 public:
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.lock(); }
  void Unlock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex)
      : mutex_(mutex) {
    mutex_.Lock();
  }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

class CondVar {
 public:
  void NotifyAll() { changed_.notify_all(); }

  // Waits for a notification, which may also come for nothing.
  void Wait(Mutex& mutex) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    std::unique_lock lock(mutex.mutex_, std::adopt_lock);
    changed_.wait(lock);
    lock.release();
  }

 private:
  std::condition_variable changed_;
};

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_MUTEX_H_
