// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/expiry/expirer.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <random>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "pinion/core/clock.h"
#include "pinion/core/fake_clock.h"
#include "pinion/server/testing/gate.h"
#include "pinion/server/testing/seed.h"

namespace pinion {
namespace {

using ::pinion::testing::Gate;
using ::pinion::testing::Seed;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;

class Alarm final : public DeadlineWheel::Item {
 public:
  explicit Alarm(const Clock& clock) : clock_(clock) { due_.Open(); }

  Moment ArmedFor(Moment at) {
    at_ = at;
    return at;
  }
  void Hold() override { ++holds_; }
  void OnDue() override {
    was_early_ = was_early_ || clock_.Now() < at_;
    ++times_due_;
    due_.Pass();
  }

  // Waits until it has come due as often as that.
  void AwaitDue(int times) { due_.AwaitArrivals(times); }

  // To be asked when the expirer has stopped.
  int holds() const { return holds_; }
  int times_due() const { return times_due_; }
  bool was_early() const { return was_early_; }

 private:
  const Clock clock_;
  Moment at_;  // Fixed while it is armed.
  Gate due_;
  int holds_ = 0, times_due_ = 0;  // The expirer's.
  bool was_early_ = false;
};

TEST(ExpirerTest, WhatIsArmedBeforeAllElseComesDueThoughTheThreadSleepsLonger) {
  const Clock clock;
  Expirer expirer(clock, /*wheels=*/2);
  expirer.Start();
  Alarm far(clock), near(clock);
  expirer.Arm(0, far, clock.Now() + hours(1));
  for (int i = 1; i <= 50; ++i) {
    expirer.Arm(i % 2, near, near.ArmedFor(clock.Now() + microseconds(i * 50)));
    near.AwaitDue(i);
  }
  expirer.Disarm(0, far);
  expirer.Stop();
  EXPECT_FALSE(near.was_early());
  EXPECT_EQ(near.holds(), 50);
  EXPECT_EQ(far.times_due(), 0);
}

TEST(ExpirerTest, WhatWasDisarmedIsNotTold) {
  FakeClock time;
  Expirer expirer(time.clock(), /*wheels=*/1);
  Alarm disarmed(time.clock()), armed(time.clock());
  expirer.Arm(0, disarmed, time.Now() + milliseconds(1));
  expirer.Arm(0, armed, time.Now() + milliseconds(1));
  expirer.Disarm(0, disarmed);
  time.Advance(milliseconds(10));
  expirer.RunDue();
  EXPECT_EQ(disarmed.times_due(), 0);
  EXPECT_EQ(armed.times_due(), 1);
}

TEST(ExpirerTest, ADisarmedItemWakesTheThreadForNothingAndTheNextStillComes) {
  const Clock clock;
  Expirer expirer(clock, /*wheels=*/1);
  expirer.Start();
  Alarm disarmed(clock), later(clock);
  for (int i = 1; i <= 20; ++i) {
    expirer.Arm(0, disarmed, clock.Now() + hours(1));
    expirer.Arm(0, later, later.ArmedFor(clock.Now() + milliseconds(1)));
    expirer.Disarm(0, disarmed);
    later.AwaitDue(i);
  }
  expirer.Stop();
  EXPECT_EQ(disarmed.times_due(), 0);
  EXPECT_EQ(later.times_due(), 20);
}

// Arms many at a time on one wheel, and disarms some of them before they are
// due, and the others when they may be.
void ArmAndDisarm(Expirer& expirer, int wheel, uint64_t seed,
                  std::deque<Alarm>& alarms, size_t at_a_time) {
  std::mt19937_64 random(seed);
  const Clock& clock = expirer.clock();
  for (size_t first = 0; first < alarms.size(); first += at_a_time) {
    Alarm& last = alarms[first];
    for (size_t i = first + 1; i < first + at_a_time; ++i) {
      const Moment at = clock.Now() + microseconds(random() % 3000);
      expirer.Arm(wheel, alarms[i], alarms[i].ArmedFor(at));
      if (random() % 2 == 0) expirer.Disarm(wheel, alarms[i]);
    }
    expirer.Arm(wheel, last, last.ArmedFor(clock.Now() + milliseconds(1)));
    last.AwaitDue(1);
    for (size_t i = first + 1; i < first + at_a_time; ++i) {
      expirer.Disarm(wheel, alarms[i]);
    }
  }
}

TEST(ExpirerTest, OfManyThreadsThatArmAndDisarmEachHasItsOwn) {
  constexpr size_t kThreads = 4, kRounds = 20, kAtATime = 50;
  const Seed seed;
  const Clock clock;
  Expirer expirer(clock, /*wheels=*/2);
  expirer.Start();
  std::vector<std::deque<Alarm>> alarms(kThreads);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kThreads; ++i) {
    while (alarms[i].size() < kRounds * kAtATime) alarms[i].emplace_back(clock);
    threads.emplace_back([&, i] {
      ArmAndDisarm(expirer, i % 2, seed.value() + i, alarms[i], kAtATime);
    });
  }
  for (std::thread& thread : threads) thread.join();
  expirer.Stop();
  for (const auto& of_thread : alarms) {
    for (const Alarm& alarm : of_thread) {
      EXPECT_EQ(alarm.holds(), alarm.times_due());
      EXPECT_LE(alarm.times_due(), 1);
      EXPECT_FALSE(alarm.was_early());
    }
  }
}

TEST(ExpirerTest, StopsThoughSomethingIsArmedWhichStaysSo) {
  const Clock clock;
  Alarm alarm(clock);
  Expirer expirer(clock, /*wheels=*/1);
  expirer.Stop();  // It had not started.
  expirer.Start();
  expirer.Arm(0, alarm, clock.Now() + hours(1));
  expirer.Stop();
  expirer.Stop();
  expirer.Disarm(0, alarm);
  EXPECT_EQ(alarm.times_due(), 0);
}

}  // namespace
}  // namespace pinion
