// SPDX-License-Identifier: Apache-2.0
//
// What shards do without being called, under the test's own clock.
#include "pinion/server/shard_timer.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/scheduler.h"
#include "pinion/tests/server/support/shard_world.h"

namespace pinion {
namespace {

using ::pinion::testing::ShardWorld;
using ::pinion::testing::WorldShard;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr auto kMilli = std::chrono::milliseconds(1);
constexpr auto kNano = std::chrono::nanoseconds(1);

class ShardTimerTest : public ::testing::Test {
 protected:
  ShardTimerTest() { world_.Open(); }

  const ShardInfo& info() { return world_.shards[0]->info; }

  // A timer that tells its name.
  std::unique_ptr<ShardTimer> Named(std::string name,
                                    TaskClass task_class = TaskClass::kNormal) {
    return std::make_unique<ShardTimer>(
        info(), task_class, [this, name = std::move(name)] {
          EXPECT_EQ(Scheduler::CurrentWorker(), 0);
          world_.Tell(name);
        });
  }

  ShardWorld world_{2, 10};
};

TEST_F(ShardTimerTest, RunsOnceAtItsTimeAndNotEarlier) {
  const auto timer = Named("timer");
  timer->StartAfter(5 * kMilli);
  EXPECT_TRUE(timer->started());
  world_.Pass(5 * kMilli - kNano);
  EXPECT_THAT(world_.told, IsEmpty());
  world_.Pass(kNano);
  EXPECT_THAT(world_.told, ElementsAre("timer"));
  EXPECT_FALSE(timer->started());
  world_.Pass(std::chrono::hours(1));
  EXPECT_EQ(world_.told.size(), 1u);
}

TEST_F(ShardTimerTest, RunsAtAMomentAndAtOnceIfThatHasPassed) {
  const auto later = Named("later"), passed = Named("passed");
  later->StartAt(info().clock().Now() + kMilli);
  passed->StartAt(info().clock().Now() + -kMilli);
  world_.Run();
  EXPECT_THAT(world_.told, ElementsAre("passed"));
  world_.Pass(kMilli);
  EXPECT_THAT(world_.told, ElementsAre("passed", "later"));
}

TEST_F(ShardTimerTest, TakesTheLastTimeItWasGiven) {
  const auto timer = Named("timer");
  timer->StartAfter(kMilli);
  timer->StartAfter(3 * kMilli);
  world_.Pass(2 * kMilli);
  EXPECT_THAT(world_.told, IsEmpty());
  timer->StartAfter(kNano);
  world_.Pass(kNano);
  world_.Pass(3 * kMilli);
  EXPECT_THAT(world_.told, ElementsAre("timer"));
}

TEST_F(ShardTimerTest, ManyRunInTheOrderOfTheirTimes) {
  std::vector<std::unique_ptr<ShardTimer>> timers;
  for (int i = 9; i >= 0; --i) {
    timers.push_back(Named(absl::StrCat(i)));
    timers.back()->StartAfter((i + 1) * kMilli);
  }
  world_.Pass(20 * kMilli);
  EXPECT_THAT(world_.told,
              ElementsAre("0", "1", "2", "3", "4", "5", "6", "7", "8", "9"));
}

TEST_F(ShardTimerTest, DoesNotRunWhenCancelledOrDestroyedThoughItIsDue) {
  auto cancelled = Named("cancelled"), destroyed = Named("destroyed");
  cancelled->StartAfter(kMilli);
  destroyed->StartAfter(kMilli);
  world_.time.Advance(kMilli);
  cancelled->Cancel();
  destroyed.reset();
  world_.Run();
  EXPECT_FALSE(cancelled->started());
  EXPECT_THAT(world_.told, IsEmpty());
}

TEST_F(ShardTimerTest, RunsEachPeriodAndLeavesOutWhatHasPassed) {
  const auto timer = Named("tick");
  timer->StartEvery(10 * kMilli);
  for (int i = 0; i < 30; ++i) world_.Pass(kMilli);
  EXPECT_EQ(world_.told.size(), 3u);
  world_.Pass(35 * kMilli);  // Late: once, at 65, and in step again at 70.
  EXPECT_EQ(world_.told.size(), 4u);
  world_.Pass(5 * kMilli - kNano);
  EXPECT_EQ(world_.told.size(), 4u);
  world_.Pass(kNano);
  EXPECT_EQ(world_.told.size(), 5u);
  timer->Cancel();
  world_.Pass(std::chrono::hours(1));
  EXPECT_EQ(world_.told.size(), 5u);
}

TEST_F(ShardTimerTest, MayCancelStartAndDestroyItselfInItsFunction) {
  int runs = 0;
  std::optional<ShardTimer> timer;
  timer.emplace(info(), TaskClass::kNormal, [&, text = std::string(100, 'x')] {
    switch (++runs) {
      case 1:
        EXPECT_TRUE(timer->started());  // By its period.
        timer->Cancel();
        return timer->StartAfter(kMilli);
      case 2:
        EXPECT_FALSE(timer->started());
        return timer->StartEvery(kMilli);
      default:
        timer.reset();
        EXPECT_EQ(text.size(), 100u);
    }
  });
  timer->StartEvery(kMilli);
  for (int i = 0; i < 10; ++i) world_.Pass(kMilli);
  EXPECT_EQ(runs, 3);
}

TEST_F(ShardTimerTest, RunsInItsClass) {
  const auto bulk = Named("bulk", TaskClass::kBulk);
  const auto normal = Named("normal", TaskClass::kNormal);
  const auto urgent = Named("urgent", TaskClass::kUrgent);
  for (const auto* timer : {&bulk, &normal, &urgent}) {
    (*timer)->StartAfter(kMilli);
  }
  world_.Pass(kMilli);
  EXPECT_THAT(world_.told, ElementsAre("urgent", "normal", "bulk"));
}

TEST_F(ShardTimerTest, PostedFunctionsRunInTheirClassInOrder) {
  for (const auto& [name, task_class] : {std::pair("bulk", TaskClass::kBulk),
                                         {"normal", TaskClass::kNormal},
                                         {"normal 2", TaskClass::kNormal},
                                         {"urgent", TaskClass::kUrgent}}) {
    info().Post(task_class, [this, name = name] { world_.Tell(name); });
  }
  world_.Run();
  EXPECT_THAT(world_.told, ElementsAre("urgent", "normal", "normal 2", "bulk"));
}

TEST_F(ShardTimerTest, WorkThatPostsItselfOnDoesNotKeepCallsFromRunning) {
  bool called = false;
  int steps = 0;
  world_.on_call = [&](WorldShard&, CallContext&) { called = true; };
  std::function<void()> step = [&] {
    ++steps;
    if (!called) info().Post(TaskClass::kNormal, step);
  };
  info().Post(TaskClass::kNormal, step);
  world_.Step(0);
  EXPECT_GE(steps, 2);
  ASSERT_TRUE(world_.Send(0).ok());
  world_.Run();
  EXPECT_TRUE(called);
}

TEST_F(ShardTimerTest, NoneBeginsOnceTheShardsOwnWorkHasEnded) {
  const auto token = std::make_shared<int>();
  std::shared_ptr<ShardTimer> timer = Named("timer");
  timer->StartAfter(kMilli);
  info().Post(TaskClass::kNormal, [this, token] { world_.Tell("posted"); });
  world_.EndBackgroundWork();
  world_.Pass(kMilli);
  EXPECT_THAT(world_.told, IsEmpty());
  // What was posted goes before the shard; and this goes with it.
  world_.shards[0]->held =
      std::shared_ptr<void>(nullptr, [&token, timer = std::move(timer)](void*) {
        EXPECT_EQ(token.use_count(), 1);
      });
  world_.Close();
  EXPECT_EQ(token.use_count(), 1);
}

TEST(ShardTimerBeginTest, NoneRunsBeforeAllShardsAreMade) {
  ShardWorld world(2, 10);
  std::vector<std::unique_ptr<ShardTimer>> timers;
  world.on_made = [&](WorldShard& shard) {
    const auto told = [&world] {
      for (const WorldShard* shard : world.shards) EXPECT_NE(shard, nullptr);
      world.Tell("ran");
    };
    timers.push_back(
        std::make_unique<ShardTimer>(shard.info, TaskClass::kUrgent, told));
    timers.back()->StartAfter(std::chrono::nanoseconds(0));
    shard.info.Post(TaskClass::kUrgent, told);
  };
  world.Open();
  world.Run();
  EXPECT_EQ(world.told.size(), 4u);
  timers.clear();
}

}  // namespace
}  // namespace pinion
