// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/party/party_limits.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "pinion/core/fake_clock.h"
#include "pinion/server/party/party.h"

namespace pinion {
namespace {

using std::chrono::seconds;

constexpr char kBob[] = "x509:bob";

TEST(PartyLimitsTest, WithoutLimitsNobodyIsAParty) {
  FakeClock time;
  PartyLimits limits(time.clock());
  EXPECT_FALSE(limits.any());
  EXPECT_EQ(limits.Of(kBob, "10.0.0.1"), nullptr);
}

TEST(PartyLimitsTest, APrincipalIsOneFromAllAddresses) {
  FakeClock time;
  PartyLimits limits(time.clock(), {.calls_per_second = 10});
  const auto bob = limits.Of(kBob, "10.0.0.1");
  EXPECT_EQ(limits.Of(kBob, "10.0.0.2"), bob);
  EXPECT_NE(limits.Of("x509:eve", "10.0.0.1"), bob);
  EXPECT_NE(limits.Of("", "10.0.0.1"), bob);
}

TEST(PartyLimitsTest, StrangersAreOneByAddressOrNetwork) {
  FakeClock time;
  PartyLimits limits(time.clock(), {.calls_per_second = 10});
  EXPECT_EQ(limits.Of("", "10.0.0.1"), limits.Of("", "10.0.0.1"));
  EXPECT_NE(limits.Of("", "10.0.0.1"), limits.Of("", "10.0.0.2"));
  EXPECT_EQ(limits.Of("", "2001:db8::1"), limits.Of("", "2001:db8::2:1"));
  EXPECT_NE(limits.Of("", "2001:db8::1"), limits.Of("", "2001:db8:0:1::1"));
  EXPECT_EQ(limits.Of("", "::ffff:10.0.0.1"), limits.Of("", "10.0.0.1"));
  EXPECT_EQ(limits.Of("", ""), nullptr);
}

TEST(PartyLimitsTest, CallsBeyondTheRateAreRefusedWithATime) {
  FakeClock time;
  PartyLimits limits(time.clock(), {.calls_per_second = 10, .call_burst = 20});
  const auto bob = limits.Of(kBob, "");
  EXPECT_EQ(limits.TakeCalls(*bob, 25), 20);
  EXPECT_EQ(limits.UntilCall(*bob), std::chrono::milliseconds(100));
  EXPECT_EQ(limits.TakeCalls(*limits.Of("x509:eve", ""), 20), 20)
      << "another party has its own";
  time.Advance(seconds(1));
  EXPECT_EQ(limits.TakeCalls(*bob, 25), 10);
  EXPECT_EQ(limits.Snapshot().calls, 5u + 15u);
}

TEST(PartyLimitsTest, BytesMayBeOwed) {
  FakeClock time;
  PartyLimits limits(time.clock(), {.bytes_per_second = 1000});
  const auto bob = limits.Of(kBob, "");
  EXPECT_TRUE(limits.TakeBytes(*bob, 2500));
  EXPECT_FALSE(limits.TakeBytes(*bob, 1));
  time.Advance(seconds(1));
  EXPECT_FALSE(limits.TakeBytes(*bob, 1));
  time.Advance(seconds(1));
  EXPECT_TRUE(limits.TakeBytes(*bob, 1));
  EXPECT_EQ(limits.Snapshot().bytes, 2u);
}

TEST(PartyLimitsTest, WhatIsOpenIsBoundedUntilItIsClosed) {
  FakeClock time;
  PartyLimits limits(time.clock(), {.sessions_per_party = 2});
  const auto bob = limits.Of(kBob, "");
  auto first = limits.Open(bob, LimitedParty::kSessions);
  auto second = limits.Open(bob, LimitedParty::kSessions);
  EXPECT_TRUE(first.has_value() && second.has_value());
  EXPECT_FALSE(limits.Open(bob, LimitedParty::kSessions).has_value());
  EXPECT_TRUE(limits.Open(bob, LimitedParty::kStreams).has_value())
      << "those have no limit";
  first.reset();
  EXPECT_TRUE(limits.Open(bob, LimitedParty::kSessions).has_value());
  EXPECT_EQ(limits.Snapshot().sessions, 1u);
}

TEST(PartyLimitsTest, AReloadHoldsForWhatIsKnown) {
  FakeClock time;
  PartyLimits limits(time.clock(), {.calls_per_second = 10});
  const auto bob = limits.Of(kBob, "");
  EXPECT_EQ(limits.TakeCalls(*bob, 100), 10);
  limits.Set({.calls_per_second = 1000});
  EXPECT_EQ(limits.TakeCalls(*bob, 5000), 0) << "a second's calls are owed";
  time.Advance(seconds(1));
  EXPECT_EQ(limits.TakeCalls(*bob, 5000), 1000);
  limits.Set({});
  EXPECT_EQ(limits.TakeCalls(*bob, 5000), 5000);
}

// The first client would else go free once it has made enough others up.
TEST(PartyLimitsTest, ManyPartiesTakeABoundedPlaceAndAreStillLimited) {
  FakeClock time;
  PartyLimits limits(time.clock(), {.calls_per_second = 1});
  const auto name = [](size_t i) {
    return absl::StrCat("10.", i >> 16 & 255, ".", i >> 8 & 255, ".", i & 255);
  };
  for (size_t i = 0; i < PartyLimits::kMaxParties; ++i) {
    ASSERT_EQ(limits.TakeCalls(*limits.Of("", name(i)), 2), 1);
  }
  const auto others = limits.Of("", "11.0.0.1");
  EXPECT_EQ(limits.Of("", "11.0.0.2"), others) << "they share one";
  EXPECT_EQ(limits.Snapshot().addresses,
            static_cast<int64_t>(PartyLimits::kMaxParties));
  EXPECT_EQ(limits.TakeCalls(*limits.Of("", name(0)), 1), 0);
  EXPECT_NE(limits.Of(kBob, ""), nullptr);
  EXPECT_EQ(limits.Snapshot().principals, 1)
      << "strangers take no place from principals";
  // Those that rest make room.
  time.Advance(seconds(2));
  EXPECT_NE(limits.Of("", "11.0.0.1"), others);
  EXPECT_LT(limits.Snapshot().addresses, 100);
}

TEST(PartyLimitsTest, WhoHasSomethingOpenIsNotForgotten) {
  FakeClock time;
  PartyLimits limits(time.clock(), {.sessions_per_party = 1});
  auto open = limits.Open(limits.Of("", "10.0.0.1"), LimitedParty::kSessions);
  for (size_t i = 0; i < 2 * PartyLimits::kMaxParties; ++i) {
    limits.Of("",
              absl::StrCat("11.", i >> 16, ".", i >> 8 & 255, ".", i & 255));
    if (i % 1000 == 0) time.Advance(seconds(1));
  }
  EXPECT_FALSE(limits.Open(limits.Of("", "10.0.0.1"), LimitedParty::kSessions)
                   .has_value());
}

TEST(PartyLimitsTest, AConnectionIsCountedOnceAndUntilItIsGone) {
  FakeClock time;
  PartyLimits limits(time.clock(), {.connections_per_party = 1});
  const auto bob = limits.Of(kBob, "");
  auto first = std::make_unique<Party>(1);
  Party second(1);
  EXPECT_TRUE(first->CountConnection(limits, bob));
  EXPECT_TRUE(first->CountConnection(limits, bob));
  EXPECT_FALSE(second.CountConnection(limits, bob));
  first.reset();
  EXPECT_TRUE(second.CountConnection(limits, bob));
}

}  // namespace
}  // namespace pinion
