// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/observe/stalls.h"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/admin/v1/admin.pb.h"

namespace pinion {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint64_t kSeed = 7;

SeenStall StallOf(int worker, uint64_t begun, std::vector<std::string> stack) {
  return {.worker = worker,
          .run = {.begun = begun},
          .reported = absl::FromUnixMillis(1000),
          .ran = std::chrono::milliseconds(1),
          .method = "/shop.v1.CartService/AddItem",
          .key = "apples",
          .stack = std::move(stack)};
}

// The first of those that are kept.
admin::v1::Stall Last(const Stalls& stalls, bool show_keys = false) {
  const auto listed = stalls.List(1, show_keys);
  return listed.stalls().empty() ? admin::v1::Stall() : listed.stalls(0);
}

TEST(StallsTest, ListsTheLastOneFirstAndAsManyAsAreAskedFor) {
  Stalls stalls(kSeed);
  EXPECT_THAT(stalls.List(0, false).stalls(), IsEmpty());
  for (int worker = 0; worker < 20; ++worker) {
    stalls.Add(StallOf(worker, 1, {"f"}));
  }
  EXPECT_THAT(stalls.List(0, false).stalls(), SizeIs(10));
  const auto listed = stalls.List(2, false);
  ASSERT_THAT(listed.stalls(), SizeIs(2));
  EXPECT_EQ(listed.stalls(0).worker(), 19u);
  EXPECT_EQ(listed.stalls(1).worker(), 18u);
}

TEST(StallsTest, ALaterReportOfTheSameRunUpdatesIt) {
  Stalls stalls(kSeed);
  stalls.Add(StallOf(0, 1, {"f", "g"}));
  SeenStall later = StallOf(0, 1, {});
  later.ran = std::chrono::milliseconds(2);
  later.waiting = 5;
  later.no_stack = "too many";
  stalls.Add(later);
  ASSERT_THAT(stalls.List(10, false).stalls(), SizeIs(1));
  EXPECT_EQ(Last(stalls).ran_ns(), 2'000'000u);
  EXPECT_EQ(Last(stalls).waiting(), 5);
  // What is known of its stack stays.
  EXPECT_THAT(Last(stalls).stack(), ElementsAre("f", "g"));
  EXPECT_EQ(Last(stalls).no_stack(), "");
  later.stack = {"h"};
  later.no_stack = "";
  stalls.Add(later);
  EXPECT_THAT(Last(stalls).stack(), ElementsAre("h"));
}

TEST(StallsTest, AnotherCallOfTheSameRunIsAnotherStall) {
  Stalls stalls(kSeed);
  stalls.Add(StallOf(0, 1, {"f"}));
  SeenStall other = StallOf(0, 1, {});
  other.run.call_begun = 2;
  other.no_stack = "too many";
  stalls.Add(other);
  const auto listed = stalls.List(10, false);
  ASSERT_THAT(listed.stalls(), SizeIs(2));
  EXPECT_THAT(listed.stalls(0).stack(), IsEmpty());
  EXPECT_EQ(listed.stalls(0).no_stack(), "too many");
  EXPECT_FALSE(listed.stalls(0).ended());
  EXPECT_TRUE(listed.stalls(1).ended());
}

TEST(StallsTest, TheEndOfAStallIsThatOfItsWorkerOnly) {
  Stalls stalls(kSeed);
  stalls.Add(StallOf(0, 1, {}));
  stalls.Add(StallOf(1, 1, {}));
  stalls.SetEnded(0);
  const auto listed = stalls.List(10, false);
  EXPECT_FALSE(listed.stalls(0).ended());
  EXPECT_TRUE(listed.stalls(1).ended());
  // What has ended is not updated, even by a run with the same time.
  stalls.Add(StallOf(0, 1, {}));
  EXPECT_THAT(stalls.List(10, false).stalls(), SizeIs(3));
}

TEST(StallsTest, KeepsTheLastOnesOnly) {
  Stalls stalls(kSeed);
  for (uint64_t begun = 1; begun <= Stalls::kKept + 3; ++begun) {
    stalls.Add(StallOf(0, begun, {absl::StrCat("f", begun)}));
  }
  const auto listed = stalls.List(1000, false);
  ASSERT_THAT(listed.stalls(), SizeIs(Stalls::kKept));
  EXPECT_THAT(listed.stalls(Stalls::kKept - 1).stack(), ElementsAre("f4"));
}

TEST(StallsTest, ShowsAKeyOnlyIfItMay) {
  Stalls stalls(kSeed);
  stalls.Add(StallOf(0, 1, {}));
  EXPECT_FALSE(Last(stalls, /*show_keys=*/false).running().key().has_key());
  EXPECT_EQ(Last(stalls, /*show_keys=*/true).running().key().key(), "apples");
  EXPECT_EQ(Last(stalls, false).running().key().hash(),
            Last(stalls, true).running().key().hash());
}

TEST(StallsTest, EscapesWhatStrangersNameAndCutsLongNames) {
  Stalls stalls(kSeed);
  SeenStall stall = StallOf(0, 1, {"f\n", std::string(10'000, 'x')});
  stall.caller = "jwt:\x1b[2J";
  stall.stack.resize(1000, "g");
  stalls.Add(stall);
  const admin::v1::Stall last = Last(stalls);
  EXPECT_EQ(last.running().principal(), "jwt:\\x1b[2J");
  ASSERT_THAT(last.stack(), SizeIs(Stalls::kMaxFrames));
  EXPECT_EQ(last.stack(0), "f\\n");
  EXPECT_THAT(last.stack(1), SizeIs(Stalls::kMaxFrameBytes));
}

}  // namespace
}  // namespace pinion
