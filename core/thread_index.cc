// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/thread_index.h"

#include <pthread.h>

#include <functional>
#include <queue>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "pinion/core/base/check.h"
#include "pinion/core/base/mutex.h"

namespace pinion {
namespace {

// The numbers that no thread has.
class FreeIndexes {
 public:
  // A number goes from thread to thread under the mutex, and with it all that
  // was done before it was given back.
  int Take() {
    MutexLock lock(mutex_);
    if (given_back_.empty()) return never_taken_++;
    const int lowest = given_back_.top();
    given_back_.pop();
    return lowest;
  }
  void GiveBack(int index) {
    MutexLock lock(mutex_);
    given_back_.push(index);
  }

 private:
  Mutex mutex_;
  // This one and all above.
  int never_taken_ ABSL_GUARDED_BY(mutex_) = 0;
  std::priority_queue<int, std::vector<int>, std::greater<int>> given_back_
      ABSL_GUARDED_BY(mutex_);
};

FreeIndexes& Indexes() {
  // Never destroyed: threads may end after main() has.
  static auto* indexes = new FreeIndexes;
  return *indexes;
}

// A thread's number is given back by a key of the thread and not by a
// thread_local's destructor: others of those may want the number later, and a
// key's turn comes after them all. Who wants it later still takes one anew, for
// which the key has another turn.
void GiveBack(void* indexes) {
  static_cast<FreeIndexes*>(indexes)->GiveBack(internal::thread_index);
  internal::thread_index = -1;
}

pthread_key_t MakeKey() {
  pthread_key_t key;
  const int error = pthread_key_create(&key, GiveBack);
  PINION_CHECK(error == 0, "no key for the ends of threads: error ", error);
  return key;
}

}  // namespace

int internal::TakeThreadIndex() {
  static const pthread_key_t key = MakeKey();
  const int error = pthread_setspecific(key, &Indexes());
  PINION_CHECK(error == 0, "no value for the end of this thread: error ",
               error);
  return thread_index = Indexes().Take();
}

}  // namespace pinion
