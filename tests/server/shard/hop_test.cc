// SPDX-License-Identifier: Apache-2.0
//
// Functions that go from lane to lane, in orders that a seed decides.
#include "pinion/server/hop.h"

#include <chrono>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

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
using ::testing::UnorderedElementsAre;

constexpr int kSeeds = 200;

void TellWhere(ShardWorld& world, WorldShard& shard) {
  EXPECT_EQ(Scheduler::CurrentWorker(), shard.info.worker());
  world.Tell(absl::StrCat("on ", shard.info.worker()));
}

TEST(HopTest, RunsTheFunctionWithTheShardOfTheWorkerItIsPostedTo) {
  ShardWorld world(3, 10);
  world.on_call = [&](WorldShard&, CallContext& context) {
    context.TakeHop().Post<WorldShard>(
        2, [&](WorldShard& there) { TellWhere(world, there); });
  };
  world.Open();
  ASSERT_TRUE(world.Send(0).ok());
  world.Run();
  EXPECT_THAT(world.told, ElementsAre("on 2"));
}

TEST(HopTest, GoesToTheWorkerThatOwnsAKey) {
  ShardWorld world(3, 10);
  world.on_call = [&](WorldShard& shard, CallContext& context) {
    const int owner = shard.info.OwnerOf("alice");
    EXPECT_EQ(owner, shard.info.OwnerOf(Key::FromBytes("alice")));
    context.TakeHop().PostToKey<WorldShard>(
        "alice", [&world, owner](WorldShard& there) {
          EXPECT_EQ(there.info.worker(), owner);
          TellWhere(world, there);
        });
  };
  world.Open();
  for (int worker = 0; worker < 3; ++worker) {
    ASSERT_TRUE(world.Send(worker).ok());
  }
  world.Run();
  EXPECT_EQ(world.told.size(), 3u);
}

// A → B → A.
TEST(HopTest, GoesThereAndBackThoughAllLanesAreFull) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    ShardWorld world(2, /*lane_calls=*/1);
    world.on_call = [&](WorldShard& shard, CallContext& context) {
      const int home = shard.info.worker();
      context.TakeHop().Post<WorldShard>(
          1 - home, [&, home](WorldShard& there, Hop hop) {
            EXPECT_EQ(there.info.worker(), 1 - home);
            // Its lane is full, of itself.
            EXPECT_FALSE(world.Send(home).ok());
            std::move(hop).Post<WorldShard>(
                home, [&](WorldShard& back) { TellWhere(world, back); });
          });
    };
    world.Open();
    for (int worker : {0, 1}) {
      ASSERT_TRUE(world.Send(worker).ok());
      EXPECT_FALSE(world.Send(worker).ok());
    }
    world.Run(seed);
    EXPECT_EQ(world.answered, 2);
    EXPECT_THAT(world.told, UnorderedElementsAre("on 0", "on 1"))
        << "seed " << seed;
    EXPECT_EQ(world.used(0), 0);
    EXPECT_EQ(world.used(1), 0);
  }
}

TEST(HopTest, GoesRoundManyLanesInAnyOrderAndNoneIsLost) {
  constexpr int kWorkers = 3, kRounds = 10;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    ShardWorld world(kWorkers, /*lane_calls=*/2);
    int hops = 0;
    std::function<void(WorldShard&, Hop, int)> go = [&](WorldShard& shard,
                                                        Hop hop, int left) {
      ++hops;
      if (left == 0) return;
      std::move(hop).Post<WorldShard>((shard.info.worker() + left) % kWorkers,
                                      [&go, left](WorldShard& there, Hop hop) {
                                        go(there, std::move(hop), left - 1);
                                      });
    };
    world.on_call = [&](WorldShard& shard, CallContext& context) {
      go(shard, context.TakeHop(), kRounds);
    };
    world.Open();
    int sent = 0;
    for (int i = 0; i < 4 * kWorkers; ++i) {
      sent += world.Send(i % kWorkers).ok();
    }
    EXPECT_EQ(sent, 2 * kWorkers);
    world.Run(seed);
    EXPECT_EQ(hops, sent * (kRounds + 1)) << "seed " << seed;
  }
}

TEST(HopTest, HoldsAPlaceInItsCallsLaneUntilItIsLetGo) {
  ShardWorld world(2, /*lane_calls=*/1);
  world.on_call = [&](WorldShard&, CallContext& context) {
    context.TakeHop().Post<WorldShard>(1, [](WorldShard& there, Hop hop) {
      there.held = std::make_shared<Hop>(std::move(hop));
    });
  };
  world.Open();
  ASSERT_TRUE(world.Send(0).ok());
  world.Run();
  EXPECT_EQ(world.answered, 1);
  EXPECT_EQ(world.used(0), 1);
  EXPECT_EQ(world.Send(0).code(), absl::StatusCode::kResourceExhausted);
  world.shards[1]->held.reset();
  EXPECT_EQ(world.used(0), 0);
  EXPECT_TRUE(world.Send(0).ok());
  world.Run();
}

TEST(HopTest, IsServedBeforeTheCallsThatWaitInTheLane) {
  ShardWorld world(2, 10);
  int calls = 0;
  world.on_call = [&](WorldShard& shard, CallContext& context) {
    if (shard.info.worker() == 1) {
      context.TakeHop().Post<WorldShard>(
          0, [&](WorldShard&) { world.Tell("hop"); });
      return;
    }
    world.Tell(absl::StrCat("call ", calls++));
    if (calls != 2) return;
    // Meanwhile the other worker posts.
    ASSERT_TRUE(world.Send(1).ok());
    world.Step(1);
  };
  world.Open();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(world.SendUrgent(0).ok());
  world.Run();
  EXPECT_THAT(world.told, ElementsAre("call 0", "call 1", "hop", "call 2"));
}

TEST(HopTest, RunsWhatOneWorkerPostsToAnotherInOrder) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    ShardWorld world(2, 10);
    int calls = 0;
    world.on_call = [&](WorldShard&, CallContext& context) {
      context.TakeHop().Post<WorldShard>(1, [&, call = calls++](WorldShard&) {
        world.Tell(absl::StrCat(call));
      });
    };
    world.Open();
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(world.Send(0).ok());
    world.Run(seed);
    EXPECT_THAT(world.told, ElementsAre("0", "1", "2", "3"));
  }
}

TEST(HopTest, AShardHasOneOfItsOwnThatCanBeTakenAgainWhenItIsLetGo) {
  ShardWorld world(2, 10);
  world.Open();
  WorldShard& shard = *world.shards[0];
  shard.info.Post(TaskClass::kNormal, [&] {
    std::optional<Hop> hop = shard.info.TakeHop();
    ASSERT_TRUE(hop.has_value());
    EXPECT_FALSE(shard.info.TakeHop().has_value());
    std::move(*hop).Post<WorldShard>(
        1, [&](WorldShard& there) { TellWhere(world, there); });
    EXPECT_FALSE(shard.info.TakeHop().has_value());
  });
  world.Step(0);
  EXPECT_FALSE(shard.info.TakeHop().has_value());
  world.Run();
  EXPECT_THAT(world.told, ElementsAre("on 1"));
  EXPECT_TRUE(shard.info.TakeHop().has_value());
}

TEST(HopTest, WaitsUntilAllShardsAreMade) {
  ShardWorld world(2, 10);
  world.on_made = [&](WorldShard& shard) {
    std::move(*shard.info.TakeHop())
        .Post<WorldShard>(1 - shard.info.worker(), [&](WorldShard& there) {
          for (const WorldShard* shard : world.shards) {
            EXPECT_NE(shard, nullptr);
          }
          TellWhere(world, there);
        });
  };
  world.Open();
  world.Run();
  EXPECT_THAT(world.told, UnorderedElementsAre("on 0", "on 1"));
}

TEST(HopTest, AtAStopThoseOfCallsAllRunHoweverOftenTheyArePassedOn) {
  constexpr int kTimes = 1000;
  ShardWorld world(2, 10);
  int left = kTimes;
  std::function<void(WorldShard&, Hop)> go = [&](WorldShard& shard, Hop hop) {
    if (--left == 0) return;
    std::move(hop).Post<WorldShard>(1 - shard.info.worker(), go);
  };
  world.on_call = [&](WorldShard& shard, CallContext& context) {
    go(shard, context.TakeHop());
  };
  world.Open();
  ASSERT_TRUE(world.Send(0).ok());
  world.Step(0);
  EXPECT_EQ(left, kTimes - 1);
  world.Close();
  EXPECT_EQ(left, 0);
}

TEST(HopTest, AtAStopAShardsOwnIsDroppedWithItsFunction) {
  ShardWorld world(2, 10);
  const auto token = std::make_shared<int>();
  std::function<void(WorldShard&, Hop)> go = [&, token](WorldShard& shard,
                                                        Hop hop) {
    world.Tell("ran");
    std::move(hop).Post<WorldShard>(1 - shard.info.worker(), go);
  };
  world.Open();
  world.shards[0]->info.Post(TaskClass::kNormal, [&] {
    go(*world.shards[0], *world.shards[0]->info.TakeHop());
  });
  world.Step(0);
  EXPECT_EQ(token.use_count(), 3);  // Here, in `go`, and on its way.
  world.Close();
  EXPECT_THAT(world.told, ElementsAre("ran"));
  EXPECT_EQ(token.use_count(), 2);
}

TEST(HopTest, MayBeLeftWithAShardThatIsDestroyed) {
  ShardWorld world(2, 10);
  world.on_call = [](WorldShard& shard, CallContext& context) {
    shard.held = std::make_shared<Hop>(context.TakeHop());
  };
  world.Open();
  ASSERT_TRUE(world.Send(0).ok());
  world.Run();
  world.Close();  // Finds all places returned.
}

// Posts its hop when it goes.
struct Farewell {
  explicit Farewell(Hop hop) : hop(std::move(hop)) {}
  ~Farewell() {
    std::move(hop).Post<WorldShard>(0, [](WorldShard&) { ADD_FAILURE(); });
  }
  Hop hop;
};

// Each world's Close() finds all places returned.
TEST(HopTest, IsDroppedWhenAShardPostsItAsItGoes) {
  ShardWorld world(2, 10);
  world.on_call = [](WorldShard& shard, CallContext& context) {
    shard.held = std::make_shared<Farewell>(context.TakeHop());
  };
  world.Open();
  ASSERT_TRUE(world.Send(1).ok());
  world.Run();
  world.Close();
}

TEST(HopTest, IsDroppedWhenOwnWorkPostsItThatNeverRan) {
  ShardWorld world(2, 10);
  world.on_call = [&](WorldShard& shard, CallContext& context) {
    shard.info.Post(TaskClass::kBulk,
                    [f = std::make_shared<Farewell>(context.TakeHop())] {});
    world.EndBackgroundWork();
  };
  world.Open();
  ASSERT_TRUE(world.Send(1).ok());
  world.Run();
  world.Close();
}

TEST(HopTest, GoesWithOwnWorkThatAShardPostsAsItGoes) {
  struct LastWork {
    ~LastWork() {
      info.Post(TaskClass::kBulk,
                [hop = std::make_shared<Hop>(std::move(hop))] {});
    }
    const ShardInfo& info;
    Hop hop;
  };
  ShardWorld world(2, 10);
  world.on_call = [](WorldShard& shard, CallContext& context) {
    shard.held = std::shared_ptr<LastWork>(
        new LastWork{.info = shard.info, .hop = context.TakeHop()});
  };
  world.Open();
  ASSERT_TRUE(world.Send(1).ok());
  world.Run();
  world.Close();
}

// The number may be a client's: it must not end the program.
TEST(HopTest, ToAWorkerThatDoesNotExistIsDroppedWithALineInTheLog) {
  for (const int worker : {-1, 2, std::numeric_limits<int>::max()}) {
    ShardWorld world(2, 10);
    const auto token = std::make_shared<int>();
    world.on_call = [&](WorldShard&, CallContext& context) {
      context.TakeHop().Post<WorldShard>(
          worker, [token](WorldShard&) { ADD_FAILURE(); });
      EXPECT_EQ(token.use_count(), 1);
    };
    world.Open();
    ASSERT_TRUE(world.Send(0).ok());
    world.Run();
    EXPECT_EQ(world.answered, 1);
    EXPECT_EQ(world.used(0), 0);
    EXPECT_THAT(
        world.logged,
        ElementsAre(absl::StrCat(
            "pinion.test.LanesModelService: a hop was posted to worker ",
            worker,
            ", which does not exist; there are 0 to 1, so its function did not "
            "run")));
  }
}

TEST(HopTest, AShardsOwnCanBeTakenAgainAfterItWentToNoWorker) {
  ShardWorld world(2, 10);
  world.Open();
  WorldShard& shard = *world.shards[0];
  shard.info.Post(TaskClass::kNormal, [&] {
    std::move(*shard.info.TakeHop()).Post<WorldShard>(2, [](WorldShard&) {
      ADD_FAILURE();
    });
    EXPECT_TRUE(shard.info.TakeHop().has_value());
  });
  world.Run();
  EXPECT_EQ(world.logged.size(), 1u);
}

using HopDeathTest = ::testing::Test;

TEST(HopDeathTest, StopsAtASecondHopOfOneCall) {
  ShardWorld world(1, 10);
  world.on_call = [](WorldShard&, CallContext& context) {
    const Hop hop = context.TakeHop();
    EXPECT_DEATH(context.TakeHop(), "LanesModelService/Bulk was taken twice");
  };
  world.Open();
  ASSERT_TRUE(world.Send(0).ok());
  world.Run();
  EXPECT_EQ(world.answered, 1);
}

TEST(HopDeathTest, StopsAtAShardOfAnotherClass) {
  ShardWorld world(1, 10);
  world.on_call = [](WorldShard&, CallContext& context) {
    Hop hop = context.TakeHop();
    EXPECT_DEATH(std::move(hop).Post<std::string>(0, [](std::string&) {}),
                 "another class");
  };
  world.Open();
  ASSERT_TRUE(world.Send(0).ok());
  world.Run();
}

}  // namespace
}  // namespace pinion
