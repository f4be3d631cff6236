// SPDX-License-Identifier: Apache-2.0
//
// Expirer: the one thread that answers calls whose deadline has passed.
//
// Threads: any thread may Arm() and Disarm(); the owner starts and stops it.
//          Items come due on the expirer's own thread, "pinion-expirer", which
//          is not pinned, so deadlines hold however long a worker is busy.
// Cost:    it sleeps until the next deadline. Each of its wheels has its own
//          lock. An I/O thread that keeps to one wheel shares it only with the
//          expirer.
// Example: Expirer expirer(clock, io_threads);
//          expirer.Start();
//          expirer.Arm(io, *call, deadline); ... expirer.Disarm(io, *call);
#ifndef PINION_SERVER_EXPIRY_EXPIRER_H_
#define PINION_SERVER_EXPIRY_EXPIRER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "pinion/core/base/mutex.h"
#include "pinion/core/clock.h"
#include "pinion/server/expiry/deadline_wheel.h"

namespace pinion {

class Expirer {
 public:
  Expirer(const Clock& clock, int wheels);
  ~Expirer() { Stop(); }
  Expirer(const Expirer&) = delete;
  Expirer& operator=(const Expirer&) = delete;

  const Clock& clock() const { return clock_; }

  // Starts the thread. A test with its own clock calls RunDue() instead.
  void Start();

  // Ends the thread; armed items stay armed. You may call it more than once.
  void Stop();

  // See DeadlineWheel. Use the same `wheel`, from 0, in both.
  void Arm(int wheel, DeadlineWheel::Item& item, Moment at);
  bool Disarm(int wheel, DeadlineWheel::Item& item) {
    return wheels_[wheel]->Disarm(item);
  }

  // Calls OnDue() of all items that are due now.
  void RunDue();

 private:
  void Loop();
  // When the next item may come due.
  std::optional<Moment> Next() const;
  // Waits until then, or until an item may be due earlier. False if stopped.
  bool Await(std::optional<Moment> next);
  void WakeAt(Moment at) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  static constexpr int64_t kForever = INT64_MAX;

  // Fixed at construction; any thread may read.
  const Clock clock_;
  const Moment start_;
  std::vector<std::unique_ptr<DeadlineWheel>> wheels_;

  // The owner's only: Start() and Stop().
  std::thread thread_;

  // Shared. The end of the thread's sleep, in nanoseconds since the start;
  // kForever while it looks at the wheels.
  std::atomic<int64_t> sleeps_until_{kForever};

  Mutex mutex_;
  CondVar changed_;
  // The next look at the wheels. It stays when items are disarmed, so that a
  // quickly answered call wakes nobody.
  std::optional<Moment> wake_at_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace pinion

#endif  // PINION_SERVER_EXPIRY_EXPIRER_H_
