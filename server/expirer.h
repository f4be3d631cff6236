// SPDX-License-Identifier: Apache-2.0
//
// Expirer: the one thread that answers calls whose deadline has passed.
//
// Threads: anyone may Arm() and Disarm(); the owner starts and stops it. Items
//          come due on the expirer's own thread, "pinion-expirer", which is not
//          pinned: so however long a worker is kept, deadlines hold.
// Cost:    it sleeps until the next deadline. Each of its wheels has a lock of
//          its own; an I/O thread that keeps to one is alone there but for the
//          expirer's looks.
// Example: Expirer expirer(clock, io_threads);
//          expirer.Start();
//          expirer.Arm(io, *call, deadline); ... expirer.Disarm(io, *call);
#ifndef PINION_SERVER_EXPIRER_H_
#define PINION_SERVER_EXPIRER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "core/clock.h"
#include "core/mutex.h"
#include "server/deadline_wheel.h"

namespace pinion {

class Expirer {
 public:
  Expirer(const Clock& clock, int wheels);
  ~Expirer() { Stop(); }
  Expirer(const Expirer&) = delete;
  Expirer& operator=(const Expirer&) = delete;

  const Clock& clock() const { return clock_; }

  // Starts the thread. A test with a clock of its own calls RunDue() instead.
  void Start();

  // Ends the thread; what is armed stays so. May be called again.
  void Stop();

  // See DeadlineWheel. `wheel`, from 0, is the same for both.
  void Arm(int wheel, DeadlineWheel::Item& item, Moment at);
  bool Disarm(int wheel, DeadlineWheel::Item& item) {
    return wheels_[wheel]->Disarm(item);
  }

  // Calls OnDue() of all items that are due now.
  void RunDue();

 private:
  void Loop();
  // When something may next come due.
  std::optional<Moment> Next() const;
  // Waits until then, or until something may be due earlier; false if stopped.
  bool Await(std::optional<Moment> next);
  void WakeAt(Moment at) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  static constexpr int64_t kForever = INT64_MAX;

  // Fixed at construction; anyone may read.
  const Clock clock_;
  const Moment start_;
  std::vector<std::unique_ptr<DeadlineWheel>> wheels_;

  // The owner's: Start() and Stop().
  std::thread thread_;

  // Shared. Up to when the thread sleeps, in nanoseconds since the start; while
  // it looks at the wheels, forever.
  std::atomic<int64_t> sleeps_until_{kForever};

  Mutex mutex_;
  CondVar changed_;
  // When to look at the wheels next. It stays when what was armed is disarmed,
  // so that a call that is quickly answered wakes nobody.
  std::optional<Moment> wake_at_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace pinion

#endif  // PINION_SERVER_EXPIRER_H_
