// SPDX-License-Identifier: Apache-2.0
//
// Mutex, MutexLock: std::mutex with the annotations that Clang checks.
//
// Threads: anyone. Never held while running other people's code.
// Why not absl::Mutex: it is not built for ThreadSanitizer here, and core is
//          meant to be clean under it without a list of exceptions.
// Example: MutexLock lock(mutex_);
#ifndef PINION_CORE_MUTEX_H_
#define PINION_CORE_MUTEX_H_

#include <mutex>

#include "absl/base/thread_annotations.h"

namespace pinion {

class ABSL_LOCKABLE Mutex {
 public:
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.lock(); }
  void Unlock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }

 private:
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

}  // namespace pinion

#endif  // PINION_CORE_MUTEX_H_
