// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/security/policy/policy_in_force.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "pinion/core/fake_clock.h"
#include "pinion/server/security/policy/read_policy.h"

namespace pinion {
namespace {

constexpr absl::string_view kPath = "/a.B/C";
constexpr size_t kMethods = 4;

std::optional<std::string> NoHeader(absl::string_view) { return std::nullopt; }

PolicyRules Rules(absl::string_view text) {
  PolicyReading reading = ReadPolicy("p", text);
  EXPECT_TRUE(reading.mistakes.empty()) << reading.status();
  return std::move(reading.rules);
}

constexpr absl::string_view kBobOnly =
    "name: p\n"
    "deny_rules: [{name: no_eve, source: {principals: [x509:eve]}}]\n"
    "allow_rules: [{name: bob, source: {principals: [x509:bob]}}]\n";

class PolicyInForceTest : public ::testing::Test {
 protected:
  static Identity Of(const std::string& name) {
    return Identity("10.0.0.1", {{Principal::Kind::kX509, name}}, std::nullopt);
  }
  bool Allows(const Identity& identity) {
    const auto verdicts = policy_.For(identity);
    return verdicts == nullptr ||
           verdicts->Allows(0, kPath, NoHeader, identity);
  }
  // "no_eve 1, bob 2, none 3"
  std::string Counts() {
    const auto snapshot = policy_.Snapshot();
    if (!snapshot.has_value()) return "no policy";
    std::string text;
    for (const auto& rule : snapshot->rules) {
      absl::StrAppend(&text, rule.name, " ", rule.calls, ", ");
    }
    return absl::StrCat(text, "none ", snapshot->matched_none);
  }

  FakeClock time_;
  std::vector<LogRecord> log_;
  PolicyInForce policy_{kMethods, time_.clock(),
                        [this](LogRecord record) { log_.push_back(record); }};
};

TEST_F(PolicyInForceTest, WithoutAPolicyEverythingIsAllowed) {
  EXPECT_FALSE(policy_.exists());
  EXPECT_EQ(policy_.For(Of("bob")), nullptr);
  EXPECT_EQ(policy_.Snapshot(), std::nullopt);
}

TEST_F(PolicyInForceTest, CountsByRule) {
  policy_.Set(Rules(kBobOnly), /*dry_run=*/false);
  EXPECT_TRUE(Allows(Of("bob")));
  EXPECT_TRUE(Allows(Of("bob")));
  EXPECT_FALSE(Allows(Of("eve")));
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(Allows(Identity("10.0.0.1")));
  EXPECT_EQ(Counts(), "no_eve 1, bob 2, none 3");
  EXPECT_EQ(policy_.Snapshot()->denied(), 4u);
}

TEST_F(PolicyInForceTest, WhatIsKnownAtOnceIsCountedToo) {
  policy_.Set(Rules(kBobOnly), /*dry_run=*/false);
  const auto verdicts = policy_.For(Of("bob"));
  ShardedTallies::Mine counts = verdicts->CountsOfThread();
  EXPECT_FALSE(verdicts->AllowsAtOnce(0, counts)) << "nobody has judged it";
  EXPECT_TRUE(verdicts->Allows(0, kPath, NoHeader, Of("bob")));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(verdicts->AllowsAtOnce(0, counts));
  EXPECT_FALSE(verdicts->AllowsAtOnce(1, counts)) << "another method";
  EXPECT_EQ(Counts(), "no_eve 0, bob 6, none 0");
}

TEST_F(PolicyInForceTest, WhatDependsOnHeadersIsJudgedEachTime) {
  policy_.Set(Rules("name: p\n"
                    "allow_rules:\n"
                    "  - name: zone\n"
                    "    request: {headers: [{key: z, values: [a]}]}\n"),
              /*dry_run=*/false);
  const Identity bob = Of("bob");
  const auto verdicts = policy_.For(bob);
  std::optional<std::string> zone;
  const auto headers = [&](absl::string_view) { return zone; };
  ShardedTallies::Mine counts = verdicts->CountsOfThread();
  zone = "a";
  EXPECT_TRUE(verdicts->Allows(0, kPath, headers, bob));
  EXPECT_FALSE(verdicts->AllowsAtOnce(0, counts));
  zone = "b";
  EXPECT_FALSE(verdicts->Allows(0, kPath, headers, bob));
}

TEST_F(PolicyInForceTest, ADryRunCountsAndLogsAndLetsIn) {
  policy_.Set(Rules(kBobOnly), /*dry_run=*/true);
  EXPECT_TRUE(Allows(Of("eve")));
  EXPECT_TRUE(Allows(Identity("10.0.0.1")));
  EXPECT_EQ(Counts(), "no_eve 1, bob 0, none 1");
  EXPECT_TRUE(policy_.Snapshot()->dry_run);
  ASSERT_EQ(log_.size(), 1u);
  EXPECT_EQ(log_[0].event, "call_would_be_denied");
  EXPECT_FALSE(policy_.For(Identity("10.0.0.1"))->IsStranger())
      << "nobody is refused a session in a dry run";
}

TEST_F(PolicyInForceTest, TheLogHasWhoAndWhyNowAndThen) {
  policy_.Set(Rules(kBobOnly), /*dry_run=*/false);
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(Allows(Of("eve")));
  ASSERT_EQ(log_.size(), 1u);
  EXPECT_EQ(log_[0].event, "call_denied");
  EXPECT_EQ(log_[0].method, kPath);
  EXPECT_EQ(log_[0].caller, "x509:eve");
  EXPECT_EQ(log_[0].message,
            "the rule \"no_eve\" of the policy \"p\" denies /a.B/C");
  time_.Advance(PolicyState::kBetweenLines);
  EXPECT_FALSE(Allows(Identity("10.0.0.1")));
  ASSERT_EQ(log_.size(), 2u);
  EXPECT_EQ(log_[1].left_out, 999u);
}

TEST_F(PolicyInForceTest, AReloadVoidsVerdictsAndKeepsCountsOfTheSameRules) {
  policy_.Set(Rules(kBobOnly), /*dry_run=*/false);
  const uint64_t generation = policy_.generation();
  const auto old = policy_.For(Of("bob"));
  EXPECT_TRUE(Allows(Of("bob")));
  policy_.Set(Rules("name: p\n"
                    "deny_rules: [{name: no_eve, source: {principals: "
                    "[x509:eve, x509:bobby]}}]\n"
                    "allow_rules: [{name: bob, source: {principals: "
                    "[x509:rob]}}]\n"),
              /*dry_run=*/false);
  EXPECT_NE(policy_.generation(), generation);
  EXPECT_NE(policy_.For(Of("bob")), old);
  EXPECT_FALSE(Allows(Of("bob")));
  EXPECT_EQ(Counts(), "no_eve 0, bob 1, none 1");
  policy_.Set(Rules("name: p\nallow_rules: [{name: all}]\n"),
              /*dry_run=*/false);
  EXPECT_EQ(Counts(), "all 0, none 0");
  policy_.Set(std::nullopt, /*dry_run=*/false);
  EXPECT_TRUE(Allows(Of("eve")));
  // Whoever still has the old one is judged by that.
  EXPECT_TRUE(old->Allows(0, kPath, NoHeader, Of("bob")));
}

TEST_F(PolicyInForceTest, ManyClientsTakeABoundedPlaceAndAreJudgedRight) {
  policy_.Set(Rules("name: p\n"
                    "allow_rules: [{name: even, source: {principals: "
                    "[\"x509:spiffe://even/*\"]}}]\n"),
              /*dry_run=*/false);
  for (size_t i = 0; i < 3 * PolicyInForce::kMaxClients; ++i) {
    const bool even = i % 2 == 0;
    const char* const domain = even ? "even" : "odd";
    ASSERT_EQ(Allows(Of(absl::StrCat("spiffe://", domain, "/", i))), even);
  }
}

// "a" with "b" must not be "ab" with nobody.
TEST_F(PolicyInForceTest, ClientsWithSimilarPrincipalsAreNotMixedUp) {
  policy_.Set(Rules("name: p\n"
                    "allow_rules: [{name: r, source: {principals: "
                    "[\"jwt:a#1\"]}}]\n"),
              /*dry_run=*/false);
  const auto of = [](std::vector<Principal> principals) {
    return Identity("10.0.0.1", std::move(principals), std::nullopt);
  };
  constexpr auto kX509 = Principal::Kind::kX509;
  constexpr auto kJwt = Principal::Kind::kJwt;
  EXPECT_TRUE(Allows(of({{kX509, "x"}, {kJwt, "a#1"}})));
  EXPECT_FALSE(Allows(of({{kX509, "x1:3:a#1"}})));
  EXPECT_FALSE(Allows(of({{kX509, "a#1"}})));
  EXPECT_TRUE(Allows(of({{kJwt, "a#1"}})));
}

TEST_F(PolicyInForceTest, AStrangerIsOneWhoseCallsNoRuleCanAllow) {
  policy_.Set(Rules(kBobOnly), /*dry_run=*/false);
  EXPECT_TRUE(policy_.For(Identity("10.0.0.1"))->IsStranger());
  EXPECT_FALSE(policy_.For(Of("eve"))->IsStranger());
  policy_.Set(Rules("name: p\n"
                    "allow_rules: [{name: r, request: {paths: [/a.B/C]}}]\n"),
              /*dry_run=*/false);
  EXPECT_FALSE(policy_.For(Identity("10.0.0.1"))->IsStranger());
}

}  // namespace
}  // namespace pinion
