// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/door/requested_route.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "pinion/core/task.h"

namespace pinion {
namespace {

TEST(RequestedRouteTest, AsksForNothingWithoutMetadata) {
  const auto route = ParseRequestedRoute(std::nullopt, std::nullopt, 2);
  ASSERT_TRUE(route.ok()) << route.status();
  EXPECT_EQ(route->worker, std::nullopt);
  EXPECT_EQ(route->task_class, std::nullopt);
}

TEST(RequestedRouteTest, TakesAnyNumberForAWorkerAndLeavesItToTheRouter) {
  for (const auto& [text, number] :
       {std::pair<const char*, int64_t>{"0", 0}, {"-1", -1}, {"77", 77}}) {
    const auto route = ParseRequestedRoute(text, std::nullopt, 2);
    ASSERT_TRUE(route.ok()) << route.status();
    EXPECT_EQ(route->worker, number);
  }
}

TEST(RequestedRouteTest, KnowsThreePriorities) {
  for (const auto& [text, task_class] :
       {std::pair<const char*, TaskClass>{"urgent", TaskClass::kUrgent},
        {"normal", TaskClass::kNormal},
        {"bulk", TaskClass::kBulk}}) {
    const auto route = ParseRequestedRoute(std::nullopt, text, 2);
    ASSERT_TRUE(route.ok()) << route.status();
    EXPECT_EQ(route->task_class, task_class);
  }
}

TEST(RequestedRouteTest, SaysWhatIsNoWorkerAndWhichThereAre) {
  for (const char* text : {"", "x", "1.5", "99999999999999999999"}) {
    const auto route = ParseRequestedRoute(text, std::nullopt, 2);
    EXPECT_EQ(route.status().message(),
              absl::StrCat("pinion-worker is \"", text,
                           "\"; this server has the workers 0 to 1"));
  }
}

TEST(RequestedRouteTest, RepeatsAtMost32EscapedCharacters) {
  const std::string text = "\n" + std::string(100, 'x');
  const auto route = ParseRequestedRoute(std::nullopt, text, 2);
  EXPECT_EQ(route.status().message(),
            absl::StrCat("pinion-priority is \"\\n", std::string(31, 'x'),
                         "\"; valid are urgent, normal and bulk"));
}

}  // namespace
}  // namespace pinion
