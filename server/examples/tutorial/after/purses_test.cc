// SPDX-License-Identifier: Apache-2.0
#include "purses.h"

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "pinion/client/method.h"
#include "pinion/server/testing.h"

namespace {

using pinion::testing::ManualServer;

constexpr pinion::Method<EarnRequest, EarnResponse> kEarn(
    "/game.v1.PurseService/Earn");
constexpr pinion::Method<GiveRequest, GiveResponse> kGive(
    "/game.v1.PurseService/Give");
constexpr pinion::StreamMethod<WatchRequest, WatchResponse> kWatch(
    "/game.v1.PurseService/Watch");

EarnRequest Earn(const std::string& player, uint32_t coins) {
  EarnRequest request;
  request.set_player(player);
  request.set_coins(coins);
  return request;
}

GiveRequest Give(const std::string& from, const std::string& to,
                 uint32_t coins) {
  GiveRequest request;
  request.set_from(from);
  request.set_to(to);
  request.set_coins(coins);
  return request;
}

WatchRequest Watch(const std::string& player) {
  WatchRequest request;
  request.set_player(player);
  return request;
}

TEST(PursesTest, AddsWhatAPlayerEarns) {
  ManualServer test(HostPurses);
  const auto first = test.Call(kEarn, Earn("ann", 3));
  const auto second = test.Call(kEarn, Earn("ann", 2));
  test.RunUntilIdle();
  EXPECT_EQ(first.Await()->coins(), 3);
  EXPECT_EQ(second.Await()->coins(), 5);
}

// Of the two workers, 0 has ann, and 1 has bob.
TEST(PursesTest, LosesNoCoinWhenTheTimeIsUpOnTheWay) {
  ManualServer test(HostPurses);
  const auto earned = test.Call(kEarn, Earn("ann", 5));
  const auto give =
      test.Call(kGive, Give("ann", "bob", 3), {.timeout = absl::Minutes(1)});
  ASSERT_TRUE(test.Step(0));
  test.Advance(absl::Minutes(1));
  EXPECT_TRUE(absl::IsDeadlineExceeded(give.Await().status()));

  const auto of_ann = test.Call(kEarn, Earn("ann", 0));
  const auto of_bob = test.Call(kEarn, Earn("bob", 0));
  test.RunUntilIdle();
  EXPECT_EQ(of_ann.Await()->coins(), 2);
  EXPECT_EQ(of_bob.Await()->coins(), 3);
}

TEST(PursesTest, AWatcherHearsOfEachChange) {
  ManualServer test(HostPurses);
  const auto watch = test.Stream(kWatch, Watch("ann"));
  test.RunUntilIdle();
  EXPECT_EQ(watch.Next()->coins(), 0);

  const auto earn = test.Call(kEarn, Earn("ann", 5));
  test.RunUntilIdle();
  EXPECT_EQ(watch.Next()->coins(), 5);

  const auto give = test.Call(kGive, Give("ann", "bob", 3));
  test.RunUntilIdle();
  EXPECT_EQ(watch.Next()->coins(), 2);
}

TEST(PursesTest, AWatcherHearsOfCoinsFromAnotherWorker) {
  ManualServer test(HostPurses);
  const auto watch = test.Stream(kWatch, Watch("bob"));
  const auto earn = test.Call(kEarn, Earn("ann", 5));
  test.RunUntilIdle();
  EXPECT_EQ(watch.Next()->coins(), 0);

  const auto give = test.Call(kGive, Give("ann", "bob", 3));
  test.RunUntilIdle();
  EXPECT_EQ(watch.Next()->coins(), 3);
}

TEST(PursesTest, GivesNoMoreThanThereIs) {
  ManualServer test(HostPurses);
  const auto give = test.Call(kGive, Give("ann", "bob", 1));
  test.RunUntilIdle();
  EXPECT_TRUE(absl::IsFailedPrecondition(give.Await().status()));
}

}  // namespace
