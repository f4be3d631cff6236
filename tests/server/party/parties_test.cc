// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/party/parties.h"

#include <barrier>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/server/party/party.h"
#include "pinion/server/party/trusted_proxies.h"

namespace pinion {
namespace {

using ::testing::HasSubstr;

TEST(PartiesTest, AConnectionIsOnePartyAsLongAsAnyoneHasIt) {
  Parties parties(/*lanes=*/3, {});
  const auto first = parties.OfConnection("ipv4:10.0.0.1:1000");
  first->held().Add(5, 500);
  EXPECT_EQ(parties.OfConnection("ipv4:10.0.0.1:1000"), first);
  EXPECT_NE(parties.OfConnection("ipv4:10.0.0.1:1001"), first);
  EXPECT_NE(parties.OfConnection("ipv6:%5B::1%5D:1000"), first);
}

TEST(PartiesTest, AConnectionThatNobodyHasAnyMoreIsForgotten) {
  Parties parties(/*lanes=*/1, {});
  auto party = parties.OfConnection("ipv4:10.0.0.1:1000");
  party->held().Add(1, 1);
  party.reset();
  EXPECT_EQ(parties.OfConnection("ipv4:10.0.0.1:1000")->held().Look().calls(),
            0);
}

// All find none, and each makes one.
TEST(PartiesTest, ThreadsThatAskForANewConnectionAtOnceGetOneParty) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 200;
  Parties parties(/*lanes=*/64, {});
  std::barrier together(kThreads);
  std::shared_ptr<Party> got[kThreads];
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < kRounds; ++round) {
        together.arrive_and_wait();
        got[i] = parties.OfConnection("ipv4:10.0.0.1:1000");
        together.arrive_and_wait();
        EXPECT_EQ(got[i], got[0]) << "round " << round;
        together.arrive_and_wait();
        got[i].reset();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(PartiesTest, APartyMayOutliveTheServer) {
  auto parties = std::make_unique<Parties>(/*lanes=*/1, TrustedProxies());
  const auto party = parties->OfConnection("ipv4:10.0.0.1:1000");
  parties.reset();
  EXPECT_EQ(party->held_in(0).Look().calls(), 0);
}

TEST(PartiesTest, AConnectionHasNoMoreCallsOpenThanItMay) {
  Parties parties(/*lanes=*/1, {});
  const auto party = parties.OfConnection("ipv4:10.0.0.1:1000");
  for (int64_t i = 0; i < Party::kMaxOpenCalls; ++i) {
    ASSERT_TRUE(party->OpenCall()) << i;
  }
  EXPECT_FALSE(party->OpenCall());
  EXPECT_TRUE(parties.OfConnection("ipv4:10.0.0.1:1001")->OpenCall());
  // What was refused is open as well, until that has left.
  party->CloseCall();
  EXPECT_FALSE(party->OpenCall());
  party->CloseCall();
  party->CloseCall();
  EXPECT_TRUE(party->OpenCall());
}

TEST(PartiesTest, EachSessionIsAPartyOfItsOwn) {
  const Parties parties(/*lanes=*/1, {});
  EXPECT_NE(parties.OfSession(), parties.OfSession());
}

TEST(PartiesTest, NobodyIsToldApartBehindAProxyOrByASocketOfTheMachine) {
  Parties parties(/*lanes=*/1, *TrustedProxies::Parse("10.0.0.0/8"));
  EXPECT_EQ(parties.OfConnection("ipv4:10.1.2.3:1000"), nullptr);
  EXPECT_NE(parties.OfConnection("ipv4:11.1.2.3:1000"), nullptr);
  EXPECT_EQ(parties.OfConnection("unix:"), nullptr);
  EXPECT_EQ(parties.OfConnection("unix:/run/x"), nullptr);
  EXPECT_EQ(parties.OfConnection("unknown"), nullptr);
}

TEST(TrustedProxiesTest, KnowsAddressesAndNetworksOfBothKinds) {
  const auto proxies =
      TrustedProxies::Parse("10.0.0.0/9, 192.168.1.7, ::1, fd00::/7");
  ASSERT_TRUE(proxies.ok()) << proxies.status();
  for (const char* peer :
       {"ipv4:10.127.255.255:1", "ipv4:192.168.1.7:65535", "ipv6:[::1]:80",
        "ipv6:%5B::1%5D:80", "ipv6:%5Bfd12:3456::1%5D:80",
        "ipv6:%5B::ffff:10.1.1.1%5D:80"}) {
    EXPECT_TRUE(proxies->Contains(peer)) << peer;
  }
  for (const char* peer :
       {"ipv4:10.128.0.0:1", "ipv4:192.168.1.8:1", "ipv6:[::2]:80", "unix:/x",
        "unknown", "", "ipv4:", "ipv4:nonsense"}) {
    EXPECT_FALSE(proxies->Contains(peer)) << peer;
  }
}

TEST(TrustedProxiesTest, TheWholeInternetIsANetwork) {
  EXPECT_TRUE(TrustedProxies::Parse("0.0.0.0/0")->Contains("ipv4:1.2.3.4:5"));
  EXPECT_FALSE(TrustedProxies::Parse("0.0.0.0/0")->Contains("ipv6:[fd::1]:5"));
  EXPECT_TRUE(TrustedProxies::Parse("::/0")->Contains("ipv6:[fd::1]:5"));
}

TEST(TrustedProxiesTest, AMistakeIsNamedWithWhatWouldBeValid) {
  EXPECT_TRUE(TrustedProxies::Parse("")->empty());
  EXPECT_TRUE(TrustedProxies::Parse("  ")->empty());
  for (const char* list :
       {"10.0.0.0/33", "::1/129", "10.0.0/8", "proxy.example", "10.0.0.1,",
        "10.0.0.1/", "10.0.0.1/-1", "10.0.0.1 10.0.0.2"}) {
    const auto proxies = TrustedProxies::Parse(list);
    ASSERT_EQ(proxies.status().code(), absl::StatusCode::kInvalidArgument)
        << list;
    EXPECT_THAT(std::string(proxies.status().message()),
                HasSubstr("as in \"10.0.0.0/8, ::1\""));
  }
}

}  // namespace
}  // namespace pinion
