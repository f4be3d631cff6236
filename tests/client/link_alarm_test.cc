// SPDX-License-Identifier: Apache-2.0
//
// The alarm is gRPC's; what the time is when it has gone off, the test says.
#include "pinion/client/internal/link_alarm.h"

#include <chrono>

#include "absl/base/thread_annotations.h"
#include "gtest/gtest.h"
#include "pinion/core/base/mutex.h"

namespace pinion::client_internal {
namespace {

using std::chrono::hours;
using std::chrono::steady_clock;

class LinkAlarmTest : public testing::Test {
 protected:
  ~LinkAlarmTest() override {
    MutexLock lock(mutex_);
    alarm_.Close();
    while (alarm_.is_set()) AwaitWentOff(steady_clock::now());
  }

  // Waits until the alarm goes off, and says that it is `now` then. Whether
  // what it was set for is due.
  bool AwaitWentOff(SteadyTime now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    while (went_off_ == 0) changed_.Wait(mutex_);
    --went_off_;
    return alarm_.WentOff(now);
  }

  Mutex mutex_;
  CondVar changed_;
  int went_off_ ABSL_GUARDED_BY(mutex_) = 0;
  LinkAlarm alarm_ ABSL_GUARDED_BY(mutex_){[this](bool) {
    MutexLock lock(mutex_);
    ++went_off_;
    changed_.NotifyAll();
  }};
  const SteadyTime begin_ = steady_clock::now();
};

TEST_F(LinkAlarmTest, GoesOffOnceAtItsTime) {
  MutexLock lock(mutex_);
  EXPECT_FALSE(alarm_.is_set());
  alarm_.WakeAt(begin_);
  EXPECT_TRUE(alarm_.is_set());
  EXPECT_TRUE(AwaitWentOff(begin_));
  EXPECT_FALSE(alarm_.is_set());
}

TEST_F(LinkAlarmTest, AnEarlierTimeTakesThePlaceOfALaterOne) {
  MutexLock lock(mutex_);
  alarm_.WakeAt(begin_ + hours(2));
  alarm_.WakeAt(begin_);
  EXPECT_TRUE(AwaitWentOff(begin_));  // It was cancelled.
  EXPECT_FALSE(alarm_.is_set());
}

TEST_F(LinkAlarmTest, ALaterTimeChangesNothing) {
  MutexLock lock(mutex_);
  alarm_.WakeAt(begin_);
  alarm_.WakeAt(begin_ + hours(2));
  EXPECT_TRUE(AwaitWentOff(begin_));
  EXPECT_FALSE(alarm_.is_set());
}

TEST_F(LinkAlarmTest, IsSetAnewIfItGoesOffBeforeItsTime) {
  MutexLock lock(mutex_);
  alarm_.WakeAt(begin_ + hours(2));
  alarm_.WakeAt(begin_ + hours(1));  // Cancels it.
  EXPECT_FALSE(AwaitWentOff(begin_));
  EXPECT_TRUE(alarm_.is_set());
}

TEST_F(LinkAlarmTest, GoesOffWhenItIsClosedAndIsNotSetAgain) {
  MutexLock lock(mutex_);
  alarm_.WakeAt(begin_ + hours(1));
  alarm_.Close();
  EXPECT_TRUE(alarm_.is_set());
  EXPECT_FALSE(AwaitWentOff(begin_ + hours(2)));
  EXPECT_FALSE(alarm_.is_set());
  alarm_.WakeAt(begin_);
  EXPECT_FALSE(alarm_.is_set());
}

TEST_F(LinkAlarmTest, TakesADeadlineBeyondGrpcsClock) {
  MutexLock lock(mutex_);
  alarm_.WakeAt(kNever - std::chrono::nanoseconds(1));
  EXPECT_TRUE(alarm_.is_set());
  alarm_.WakeAt(begin_);
  EXPECT_TRUE(AwaitWentOff(begin_));
}

}  // namespace
}  // namespace pinion::client_internal
