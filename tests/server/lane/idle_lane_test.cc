// SPDX-License-Identifier: Apache-2.0
//
// What a lane remembers of a slow time, and for how long; under the test's
// clock.
#include <chrono>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "pinion/server/hop.h"
#include "pinion/tests/server/support/shard_world.h"

namespace pinion::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

class IdleLaneTest : public ::testing::Test {
 protected:
  IdleLaneTest() {
    world_.on_call = [this](WorldShard&, CallContext&) {
      world_.time.Advance(takes_);
    };
    world_.Open();
  }

  // Has a call keep a second place of the lane, for as long as the test likes:
  // as a stream that is open, or a call that is answered later.
  void HoldAPlace() {
    world_.on_call = [this](WorldShard& shard, CallContext& context) {
      shard.held = std::make_shared<Hop>(context.TakeHop());
      world_.time.Advance(std::chrono::hours(1));  // The first of all.
      world_.on_call = [this](WorldShard&, CallContext&) {
        world_.time.Advance(takes_);
      };
    };
    EXPECT_TRUE(world_.Send(0).ok());
    world_.Run();
    EXPECT_EQ(world_.used(0), 1);
  }
  void LetGoOfPlace() { world_.shards[0]->held.reset(); }

  // As many calls as the lane needs to know it, one after the other.
  void BeSlow(nanoseconds takes, int calls = 50) {
    takes_ = takes;
    for (int i = 0; i < calls; ++i) {
      EXPECT_TRUE(world_.SendDue(0, seconds(1000)).ok());
      world_.Run();
    }
    takes_ = nanoseconds(0);
  }

  // How many of so many calls, that come at once and have `left`, are let in;
  // then they are run.
  int SendAtOnce(int calls, nanoseconds left) {
    int admitted = 0;
    for (int i = 0; i < calls; ++i) admitted += world_.SendDue(0, left).ok();
    world_.Run();
    return admitted;
  }

  ShardWorld world_{/*workers=*/1, /*lane_calls=*/1000};
  nanoseconds takes_{0};
};

TEST_F(IdleLaneTest, LetsACallInThatFindsNoneWaitingWhateverIsHeldThere) {
  HoldAPlace();
  BeSlow(milliseconds(100));
  for (int i = 0; i < 100; ++i) {
    const absl::Status sent = world_.SendDue(0, milliseconds(50));
    ASSERT_TRUE(sent.ok()) << "call " << i << ": " << sent;
    world_.Run();
  }
  LetGoOfPlace();
}

// As the test before, but that each finds another one before it.
TEST_F(IdleLaneTest, LearnsThatItIsQuickerFromTheCallsThatItLetsIn) {
  HoldAPlace();
  BeSlow(milliseconds(100));
  EXPECT_EQ(SendAtOnce(10, milliseconds(50)), 1);
  for (int i = 0; i < 50; ++i) SendAtOnce(10, milliseconds(50));
  EXPECT_EQ(SendAtOnce(10, milliseconds(50)), 10);
  LetGoOfPlace();
}

TEST_F(IdleLaneTest, ServesAllAgainASecondAfterASlowTimeWhateverIsHeldThere) {
  HoldAPlace();
  BeSlow(seconds(30));
  world_.Pass(seconds(1));
  EXPECT_EQ(SendAtOnce(100, milliseconds(50)), 100);
  LetGoOfPlace();
}

// Clients that go on asking do not keep it from getting over it.
TEST_F(IdleLaneTest, ServesAllAgainWithinASecondWhileItRefusesOthers) {
  BeSlow(milliseconds(100));
  for (int i = 0; i < 10; ++i) {
    EXPECT_GE(SendAtOnce(5, milliseconds(50)), 1);
    world_.Pass(milliseconds(100));
  }
  EXPECT_EQ(SendAtOnce(100, milliseconds(50)), 100);
}

TEST_F(IdleLaneTest, IsNotJudgedByItsFirstCall) {
  BeSlow(milliseconds(900), 1);
  EXPECT_EQ(SendAtOnce(200, seconds(1)), 200);
}

TEST_F(IdleLaneTest, IsNotJudgedByItsFirstCallAfterAQuietTimeEither) {
  BeSlow(milliseconds(900), 1);
  world_.Pass(seconds(30));
  EXPECT_EQ(SendAtOnce(200, seconds(1)), 200);
  world_.Pass(seconds(30));
  BeSlow(milliseconds(900), 1);
  EXPECT_EQ(SendAtOnce(200, seconds(1)), 200);
}

TEST_F(IdleLaneTest, OneThatIsSlowStillRefusesAtOnceWhatItCannotDo) {
  BeSlow(milliseconds(10));
  EXPECT_EQ(SendAtOnce(20, milliseconds(100)), 8) << "four fifths of 100 ms";
}

TEST_F(IdleLaneTest, SaysThatItIsDoneWhenNothingWaitsThere) {
  HoldAPlace();
  BeSlow(milliseconds(10));
  EXPECT_EQ(world_.DrainTime(0), nanoseconds(0));
  EXPECT_TRUE(world_.Send(0).ok());
  EXPECT_EQ(world_.DrainTime(0), milliseconds(10));
  LetGoOfPlace();
}

}  // namespace
}  // namespace pinion::testing
