// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/summary.h"

#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/server/snapshot.h"
#include "pinion/v1/failure.pb.h"

namespace pinion {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

ServerSnapshot TwoMethods() {
  ServerSnapshot snapshot;
  MethodSnapshot add;
  add.method = "/shop.v1.CounterService/Add";
  add.counts.accepted = 15;
  add.counts.ok = 9;
  add.counts.error = 1;
  add.counts.expired = 2;
  add.counts.cancelled = 3;
  add.counts.refused[v1::REASON_LANE_FULL] = 4;
  MethodSnapshot get;
  get.method = "/shop.v1.CounterService/Get";
  get.counts.accepted = 6;
  get.counts.ok = 1;
  get.counts.stopped = 5;
  get.counts.refused[v1::REASON_LANE_FULL] = 1;
  get.counts.refused[v1::REASON_STOPPING] = 2;
  snapshot.methods = {add, get};
  snapshot.most_calls = 8;
  snapshot.most_bytes = 120;
  return snapshot;
}

TEST(SummaryTest, TheLineSaysWhatBecameOfAllCalls) {
  EXPECT_EQ(SummaryLine(TwoMethods()),
            "accepted 21 (ok 10, error 1, expired 2, cancelled 3, stopped 5), "
            "refused 7 (LANE_FULL 5, STOPPING 2); at most 8 calls with 120 "
            "bytes at a time");
}

TEST(SummaryTest, AServerThatDidNothingSaysSo) {
  EXPECT_EQ(SummaryLine({}),
            "accepted 0 (ok 0, error 0, expired 0, cancelled 0, stopped 0), "
            "refused 0; at most 0 calls with 0 bytes at a time");
}

TEST(SummaryTest, TheLineNamesConnectionsIfThereWereAny) {
  ServerSnapshot snapshot = TwoMethods();
  snapshot.connections = {.most_open = 2, .accepted = 3, .refused = 1};
  EXPECT_THAT(
      SummaryLine(snapshot),
      HasSubstr("; connections: accepted 3, refused 1, at most 2 at a time"));
}

TEST(SummaryTest, TheLineNamesHandlersThatWereLeftBehind) {
  ServerSnapshot snapshot = TwoMethods();
  EXPECT_THAT(SummaryLine(snapshot), Not(HasSubstr("abandoned")));
  snapshot.methods[1].counts.abandoned = 1;
  EXPECT_THAT(SummaryLine(snapshot), HasSubstr("stopped 5, abandoned 1)"));
}

TEST(SummaryTest, TheLineHasWhatAPolicyAndLimitsDecided) {
  ServerSnapshot snapshot = TwoMethods();
  EXPECT_THAT(SummaryLine(snapshot), Not(HasSubstr("policy")));
  snapshot.policy =
      PolicySnapshot{.name = "carts",
                     .rules = {{.name = "no_eve", .allows = false, .calls = 3},
                               {.name = "bob", .allows = true, .calls = 12},
                               {.name = "unused", .allows = true, .calls = 0}},
                     .matched_none = 4};
  snapshot.limits.calls = 5;
  snapshot.limits.sessions = 1;
  EXPECT_THAT(SummaryLine(snapshot),
              HasSubstr("; policy \"carts\": denied by \"no_eve\" 3, \"bob\" "
                        "12, denied by no rule 4; limits of parties refused "
                        "calls 5, sessions 1"));
  snapshot.policy->dry_run = true;
  EXPECT_THAT(SummaryTable(snapshot),
              HasSubstr("policy \"carts\" (dry run): denied by"));
}

TEST(SummaryTest, TheTableHasARowForEachMethodAndOneForAll) {
  const std::vector<std::string> lines =
      absl::StrSplit(SummaryTable(TwoMethods()), '\n');
  ASSERT_EQ(lines.size(), 7u);
  EXPECT_THAT(lines[0],
              ContainsRegex("calls +accepted +ok +error +expired +cancelled "
                            "+stopped +refused"));
  EXPECT_THAT(lines[1],
              ContainsRegex("CounterService/Add +15 +9 +1 +2 +3 +0 +4"));
  EXPECT_THAT(lines[2],
              ContainsRegex("CounterService/Get +6 +1 +0 +0 +0 +5 +3"));
  EXPECT_THAT(lines[3], ContainsRegex("all methods +21 +10 +1 +2 +3 +5 +7"));
  EXPECT_EQ(lines[4], "refused 7 (LANE_FULL 5, STOPPING 2)");
  EXPECT_EQ(lines[5], "at most 8 calls with 120 bytes at a time");
  EXPECT_EQ(lines[6], "");
  EXPECT_EQ(lines[1].size(), lines[0].size());
  EXPECT_EQ(lines[3].size(), lines[0].size());
}

TEST(DescribeOpenCallsTest, NamesTheMethodsThatHaveAny) {
  ServerSnapshot snapshot = TwoMethods();
  EXPECT_EQ(DescribeOpenCalls(snapshot), "");
  snapshot.methods[0].counts.waiting = 2;
  snapshot.methods[0].counts.running = 1;
  EXPECT_EQ(DescribeOpenCalls(snapshot),
            "3 of /shop.v1.CounterService/Add (2 waiting, 1 running)");
}

}  // namespace
}  // namespace pinion
