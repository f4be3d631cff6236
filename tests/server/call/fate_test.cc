// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/call/fate.h"

#include <atomic>
#include <functional>
#include <optional>
#include <thread>
#include <utility>

#include "gtest/gtest.h"

namespace pinion {
namespace {

using Was = Fate::Was;

constexpr RevokeReason kRevokeReasons[] = {
    RevokeReason::kExpired, RevokeReason::kCancelled, RevokeReason::kStopped};

TEST(FateTest, ACallThatIsRunIsAnsweredByItsHandler) {
  Fate fate;
  EXPECT_TRUE(fate.Claim());
  EXPECT_FALSE(fate.Claim());
  EXPECT_TRUE(fate.Finish());
  EXPECT_FALSE(fate.Finish());
  EXPECT_FALSE(fate.revoked());
  for (const RevokeReason reason : kRevokeReasons) {
    EXPECT_EQ(fate.Revoke(reason), Was::kAnswered);
  }
  EXPECT_FALSE(fate.revoked());
}

TEST(FateTest, ACallThatIsRevokedWhileItWaitsIsNeverClaimed) {
  for (const RevokeReason reason : kRevokeReasons) {
    Fate fate;
    EXPECT_EQ(fate.Revoke(reason), Was::kWaiting);
    EXPECT_TRUE(fate.revoked());
    EXPECT_FALSE(fate.Claim());
    EXPECT_FALSE(fate.Finish());
    EXPECT_EQ(fate.Revoke(RevokeReason::kStopped), Was::kAnswered);
  }
}

TEST(FateTest, TheResultOfACallThatIsRevokedWhileItRunsComesTooLate) {
  for (const RevokeReason reason : kRevokeReasons) {
    Fate fate;
    ASSERT_TRUE(fate.Claim());
    EXPECT_EQ(fate.Revoke(reason), Was::kRunning);
    EXPECT_TRUE(fate.revoked());
    EXPECT_FALSE(fate.Finish());
    EXPECT_EQ(fate.Revoke(RevokeReason::kStopped), Was::kAnswered);
  }
}

TEST(FateTest, AStreamThatIsLeftOpenIsAnsweredByItsHolder) {
  Fate fate;
  ASSERT_TRUE(fate.Claim());
  EXPECT_TRUE(fate.Hold());
  EXPECT_FALSE(fate.answered());
  EXPECT_FALSE(fate.Finish()) << "its worker is done with it";
  EXPECT_TRUE(fate.FinishHeld());
  EXPECT_TRUE(fate.answered());
  EXPECT_FALSE(fate.FinishHeld());
  EXPECT_EQ(fate.Revoke(RevokeReason::kExpired), Was::kAnswered);
}

TEST(FateTest, OfAStreamThatIsRevokedWhileItIsOpenTheWorkerIsDone) {
  for (const RevokeReason reason : kRevokeReasons) {
    Fate fate;
    ASSERT_TRUE(fate.Claim());
    ASSERT_TRUE(fate.Hold());
    EXPECT_FALSE(fate.worker_is_done());
    EXPECT_EQ(fate.Revoke(reason), Was::kHeld);
    EXPECT_TRUE(fate.revoked());
    EXPECT_EQ(fate.revoke_reason(), reason);
    EXPECT_TRUE(fate.worker_is_done());
    EXPECT_FALSE(fate.FinishHeld());
  }
}

TEST(FateTest, AStreamThatIsRevokedInItsHandlerIsNotLeftOpen) {
  Fate fate;
  ASSERT_TRUE(fate.Claim());
  EXPECT_EQ(fate.Revoke(RevokeReason::kCancelled), Was::kRunning);
  EXPECT_FALSE(fate.Hold());
  EXPECT_FALSE(fate.worker_is_done());
}

TEST(FateTest, TheLaterOfRevokerAndWorkerLearnsThatItIs) {
  for (const bool taker_first : {true, false}) {
    Fate fate;
    ASSERT_EQ(fate.Revoke(RevokeReason::kExpired), Was::kWaiting);
    if (taker_first) {
      EXPECT_FALSE(fate.RevokerIsDone());
      EXPECT_TRUE(fate.WorkerIsDone());
    } else {
      EXPECT_FALSE(fate.WorkerIsDone());
      EXPECT_TRUE(fate.RevokerIsDone());
    }
    EXPECT_TRUE(fate.revoked());
    EXPECT_FALSE(fate.Claim());
  }
}

// Two threads that contend for one fate after the other.
class FateRaceTest : public ::testing::Test {
 protected:
  static constexpr int kRounds = 20'000;

  // In each round the two begin at once, as far as that can be; then `check`
  // sees what they have done.
  static void Race(const std::function<void()>& one,
                   const std::function<void()>& other,
                   const std::function<void()>& check) {
    std::atomic<int> begun{0}, ended{0};
    std::thread thread([&] {
      for (int round = 1; round <= kRounds; ++round) {
        while (begun < round) std::this_thread::yield();
        other();
        ended = round;
      }
    });
    for (int round = 1; round <= kRounds; ++round) {
      begun = round;
      if (round % 2 == 0) std::this_thread::yield();
      one();
      while (ended < round) std::this_thread::yield();
      check();
    }
    thread.join();
  }
};

TEST_F(FateRaceTest, ClaimAndTakeAgreeOnWhatTheCallWas) {
  std::optional<Fate> fate(std::in_place);
  bool claimed = false;
  Was was = Was::kAnswered;
  Race([&] { claimed = fate->Claim(); },
       [&] { was = fate->Revoke(RevokeReason::kExpired); },
       [&] {
         EXPECT_EQ(was, claimed ? Was::kRunning : Was::kWaiting);
         fate.emplace();
       });
}

TEST_F(FateRaceTest, OfFinishAndTakeOneAnswers) {
  for (const RevokeReason reason : kRevokeReasons) {
    std::optional<Fate> fate(std::in_place);
    fate->Claim();
    bool finished = false;
    Was was = Was::kWaiting;
    Race([&] { finished = fate->Finish(); },
         [&] { was = fate->Revoke(reason); },
         [&] {
           EXPECT_EQ(was, finished ? Was::kAnswered : Was::kRunning);
           fate.emplace();
           fate->Claim();
         });
  }
}

TEST_F(FateRaceTest, OfTwoRevokersOneAnswers) {
  std::optional<Fate> fate(std::in_place);
  Was one = Was::kAnswered, other = Was::kAnswered;
  Race([&] { one = fate->Revoke(RevokeReason::kCancelled); },
       [&] { other = fate->Revoke(RevokeReason::kStopped); },
       [&] {
         EXPECT_NE(one == Was::kAnswered, other == Was::kAnswered);
         fate.emplace();
       });
}

// What a call goes through, whenever it is revoked.
TEST_F(FateRaceTest, ACallIsAnsweredOnceAndGivesItsPlaceBackOnce) {
  std::optional<Fate> fate(std::in_place);
  bool by_handler = false, place_by_worker = false;
  bool by_revoker = false, place_by_revoker = false;
  const auto work = [&] {
    by_handler = fate->Claim() && fate->Finish();
    place_by_worker = by_handler || fate->WorkerIsDone();
  };
  const auto take = [&] {
    by_revoker = fate->Revoke(RevokeReason::kExpired) != Was::kAnswered;
    place_by_revoker = by_revoker && fate->RevokerIsDone();
  };
  Race(work, take, [&] {
    EXPECT_NE(by_handler, by_revoker);
    EXPECT_NE(place_by_worker, place_by_revoker);
    fate.emplace();
  });
}

TEST_F(FateRaceTest, WhoReturnsThePlaceSeesAllThatTheOtherDid) {
  std::optional<Fate> fate(std::in_place);
  int by_worker = 0, by_revoker = 0;  // Plain, for a sanitizer to watch.
  bool worker_last = false, revoker_last = false;
  ASSERT_EQ(fate->Revoke(RevokeReason::kExpired), Was::kWaiting);
  Race(
      [&] {
        ++by_worker;
        worker_last = fate->WorkerIsDone();
        if (worker_last) {
          EXPECT_EQ(by_revoker, by_worker);
        }
      },
      [&] {
        ++by_revoker;
        revoker_last = fate->RevokerIsDone();
        if (revoker_last) {
          EXPECT_EQ(by_revoker, by_worker);
        }
      },
      [&] {
        EXPECT_NE(worker_last, revoker_last);
        fate.emplace();
        fate->Revoke(RevokeReason::kExpired);
      });
}

}  // namespace
}  // namespace pinion
