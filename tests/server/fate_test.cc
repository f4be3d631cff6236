// SPDX-License-Identifier: Apache-2.0
#include "server/fate.h"

#include <atomic>
#include <functional>
#include <optional>
#include <thread>
#include <utility>

#include "gtest/gtest.h"

namespace pinion {
namespace {

using Was = Fate::Was;

constexpr Verdict kVerdicts[] = {Verdict::kExpired, Verdict::kCancelled,
                                 Verdict::kStopped};

TEST(FateTest, ACallThatIsRunIsAnsweredByItsHandler) {
  Fate fate;
  EXPECT_TRUE(fate.Claim());
  EXPECT_FALSE(fate.Claim());
  EXPECT_TRUE(fate.Finish());
  EXPECT_FALSE(fate.Finish());
  EXPECT_FALSE(fate.taken());
  for (const Verdict verdict : kVerdicts) {
    EXPECT_EQ(fate.Take(verdict), Was::kAnswered);
  }
  EXPECT_FALSE(fate.taken());
}

TEST(FateTest, ACallThatIsTakenWhileItWaitsIsNeverClaimed) {
  for (const Verdict verdict : kVerdicts) {
    Fate fate;
    EXPECT_EQ(fate.Take(verdict), Was::kWaiting);
    EXPECT_TRUE(fate.taken());
    EXPECT_FALSE(fate.Claim());
    EXPECT_FALSE(fate.Finish());
    EXPECT_EQ(fate.Take(Verdict::kStopped), Was::kAnswered);
  }
}

TEST(FateTest, TheResultOfACallThatIsTakenWhileItRunsComesTooLate) {
  for (const Verdict verdict : kVerdicts) {
    Fate fate;
    ASSERT_TRUE(fate.Claim());
    EXPECT_EQ(fate.Take(verdict), Was::kRunning);
    EXPECT_TRUE(fate.taken());
    EXPECT_FALSE(fate.Finish());
    EXPECT_EQ(fate.Take(Verdict::kStopped), Was::kAnswered);
  }
}

TEST(FateTest, TheLaterOfTakerAndWorkerLearnsThatItIs) {
  for (const bool taker_first : {true, false}) {
    Fate fate;
    ASSERT_EQ(fate.Take(Verdict::kExpired), Was::kWaiting);
    if (taker_first) {
      EXPECT_FALSE(fate.TakerIsDone());
      EXPECT_TRUE(fate.WorkerIsDone());
    } else {
      EXPECT_FALSE(fate.WorkerIsDone());
      EXPECT_TRUE(fate.TakerIsDone());
    }
    EXPECT_TRUE(fate.taken());
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
       [&] { was = fate->Take(Verdict::kExpired); },
       [&] {
         EXPECT_EQ(was, claimed ? Was::kRunning : Was::kWaiting);
         fate.emplace();
       });
}

TEST_F(FateRaceTest, OfFinishAndTakeOneAnswers) {
  for (const Verdict verdict : kVerdicts) {
    std::optional<Fate> fate(std::in_place);
    fate->Claim();
    bool finished = false;
    Was was = Was::kWaiting;
    Race([&] { finished = fate->Finish(); }, [&] { was = fate->Take(verdict); },
         [&] {
           EXPECT_EQ(was, finished ? Was::kAnswered : Was::kRunning);
           fate.emplace();
           fate->Claim();
         });
  }
}

TEST_F(FateRaceTest, OfTwoTakersOneAnswers) {
  std::optional<Fate> fate(std::in_place);
  Was one = Was::kAnswered, other = Was::kAnswered;
  Race([&] { one = fate->Take(Verdict::kCancelled); },
       [&] { other = fate->Take(Verdict::kStopped); },
       [&] {
         EXPECT_NE(one == Was::kAnswered, other == Was::kAnswered);
         fate.emplace();
       });
}

// What a call goes through, whenever it is taken.
TEST_F(FateRaceTest, ACallIsAnsweredOnceAndGivesItsPlaceBackOnce) {
  std::optional<Fate> fate(std::in_place);
  bool by_handler = false, place_by_worker = false;
  bool by_taker = false, place_by_taker = false;
  const auto work = [&] {
    by_handler = fate->Claim() && fate->Finish();
    place_by_worker = by_handler || fate->WorkerIsDone();
  };
  const auto take = [&] {
    by_taker = fate->Take(Verdict::kExpired) != Was::kAnswered;
    place_by_taker = by_taker && fate->TakerIsDone();
  };
  Race(work, take, [&] {
    EXPECT_NE(by_handler, by_taker);
    EXPECT_NE(place_by_worker, place_by_taker);
    fate.emplace();
  });
}

TEST_F(FateRaceTest, WhoReturnsThePlaceSeesAllThatTheOtherDid) {
  std::optional<Fate> fate(std::in_place);
  int by_worker = 0, by_taker = 0;  // Plain, for a sanitizer to watch.
  bool worker_last = false, taker_last = false;
  ASSERT_EQ(fate->Take(Verdict::kExpired), Was::kWaiting);
  Race(
      [&] {
        ++by_worker;
        worker_last = fate->WorkerIsDone();
        if (worker_last) {
          EXPECT_EQ(by_taker, by_worker);
        }
      },
      [&] {
        ++by_taker;
        taker_last = fate->TakerIsDone();
        if (taker_last) {
          EXPECT_EQ(by_taker, by_worker);
        }
      },
      [&] {
        EXPECT_NE(worker_last, taker_last);
        fate.emplace();
        fate->Take(Verdict::kExpired);
      });
}

}  // namespace
}  // namespace pinion
