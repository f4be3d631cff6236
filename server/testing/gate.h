// SPDX-License-Identifier: Apache-2.0
//
// Gate: holds threads at a known point until the test opens it.
//
// Threads: any thread may call anything.
// Example: gate.Pass();            // On the worker.
//          gate.AwaitArrivals(1);  // In the test, then ...
//          gate.Open();
#ifndef PINION_SERVER_TESTING_GATE_H_
#define PINION_SERVER_TESTING_GATE_H_

#include <condition_variable>
#include <mutex>

namespace pinion::testing {

class Gate {
 public:
  // Waits until the gate is open.
  void Pass() {
    std::unique_lock lock(mutex_);
    ++arrivals_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }

  // Lets all threads pass, from now on.
  void Open() {
    std::unique_lock lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

  // Waits until `count` threads have arrived since the gate was made.
  void AwaitArrivals(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return arrivals_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int arrivals_ = 0;
  bool open_ = false;
};

}  // namespace pinion::testing

#endif  // PINION_SERVER_TESTING_GATE_H_
