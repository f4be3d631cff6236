// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/observe/slow_calls.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/server/observe/call_note.h"

namespace pinion {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SlowCallsTest : public ::testing::Test {
 protected:
  SlowCallsTest() { slow_->BeginWindow(1); }

  // As a worker does. Returns whether it was taken.
  bool Ran(int64_t waited_ns, int64_t ran_ns) {
    if (!slow_->Takes(waited_ns + ran_ns, ran_ns)) return false;
    CallNote note = {
        .number = ++number_, .waited_ns = waited_ns, .ran_ns = ran_ns};
    slow_->Add(note, {});
    return true;
  }
  std::vector<SlowCall> Read(uint64_t window, size_t limit = 128) {
    std::vector<SlowCall> calls;
    slow_->Read(window, calls);
    return SlowestOf(calls, limit);
  }
  static std::vector<int64_t> TimesRan(const std::vector<SlowCall>& calls) {
    std::vector<int64_t> times;
    for (const SlowCall& call : calls) times.push_back(call.note.ran_ns);
    return times;
  }

  const std::unique_ptr<SlowCalls> slow_ = std::make_unique<SlowCalls>();
  uint64_t number_ = 0;
};

TEST_F(SlowCallsTest, KeepTheSlowestOfAnyNumber) {
  for (int64_t i = 0; i < 10'000; ++i) Ran(0, (i * 7919) % 10'000);
  const std::vector<SlowCall> calls = Read(1);
  ASSERT_THAT(calls, SizeIs(SlowCalls::kPlaces));
  for (size_t i = 0; i < calls.size(); ++i) {
    EXPECT_EQ(calls[i].note.ran_ns, 9'999 - static_cast<int64_t>(i));
  }
}

TEST_F(SlowCallsTest, DoNotTakeACallThatIsQuickerThanAllOfThem) {
  for (size_t i = 0; i < SlowCalls::kPlaces; ++i) EXPECT_TRUE(Ran(5, 10));
  EXPECT_FALSE(Ran(5, 10));
  EXPECT_FALSE(Ran(0, 9));
  EXPECT_TRUE(Ran(0, 11));
  EXPECT_TRUE(Ran(100, 0));
}

// A handler that is stuck makes all others wait for as long.
TEST_F(SlowCallsTest, KeepThoseThatRanLongThoughThousandsWaitedLonger) {
  Ran(0, 500);
  Ran(0, 400);
  for (int64_t i = 0; i < 16'384; ++i) Ran(1'000'000 + i, 10);
  const std::vector<int64_t> times = TimesRan(Read(1, 20));
  ASSERT_THAT(times, SizeIs(20));
  EXPECT_EQ(times[18], 500);  // Behind those that waited.
  EXPECT_EQ(times[19], 400);
}

TEST_F(SlowCallsTest, AreListedOnceWithTheOneThatTookLongestFirst) {
  Ran(10, 30);
  Ran(100, 5);
  Ran(0, 60);
  EXPECT_THAT(TimesRan(Read(1)), ElementsAre(5, 60, 30));
  EXPECT_THAT(TimesRan(Read(1, 1)), ElementsAre(5));
  EXPECT_THAT(TimesRan(Read(1, 2)), ElementsAre(5, 60));
}

TEST_F(SlowCallsTest, AreForgottenAfterTwoWindows) {
  for (int i = 0; i < 1000; ++i) Ran(0, 1000);
  EXPECT_FALSE(Ran(0, 1));
  slow_->BeginWindow(2);
  EXPECT_TRUE(Ran(0, 1));
  EXPECT_THAT(Read(2), SizeIs(SlowCalls::kPlaces + 1));
  EXPECT_THAT(TimesRan(Read(3)), ElementsAre(1));
  EXPECT_THAT(Read(4), IsEmpty());
  // The lists of the first window are used again.
  slow_->BeginWindow(3);
  EXPECT_TRUE(Ran(0, 2));
  EXPECT_THAT(TimesRan(Read(3)), ElementsAre(2, 1));
}

TEST_F(SlowCallsTest, AreAsManyAsAreAskedForOfAllWorkers) {
  std::vector<SlowCall> calls;
  for (int32_t worker = 0; worker < 3; ++worker) {
    for (uint64_t i = 0; i < 100; ++i) {
      const auto time = static_cast<int64_t>(3 * i) + worker;
      calls.push_back(
          {.note = {.number = i, .ran_ns = time, .worker = worker}, .key = {}});
    }
  }
  EXPECT_THAT(SlowestOf(calls, 128), SizeIs(128));
  EXPECT_THAT(TimesRan(SlowestOf(calls, 4)), ElementsAre(299, 298, 297, 296));
}

}  // namespace
}  // namespace pinion
