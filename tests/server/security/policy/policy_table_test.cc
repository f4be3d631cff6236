// SPDX-License-Identifier: Apache-2.0
//
// What gRFC A43 says of a policy, case by case: how texts match, how the
// conditions of a rule go together, and which rule wins.
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "pinion/core/fake_clock.h"
#include "pinion/server/security/identity/identity.h"
#include "pinion/server/security/policy/policy_state.h"
#include "pinion/server/security/policy/read_policy.h"
#include "pinion/server/security/policy/text_pattern.h"
#include "pinion/server/security/policy/verdicts.h"

namespace pinion {
namespace {

struct Call {
  std::vector<Principal> principals = {};
  std::string path = "/shop.v1.Cart/Add";
  std::map<std::string, std::string> headers = {};
};

Principal X509(std::string name) {
  return {Principal::Kind::kX509, std::move(name)};
}
Principal Jwt(std::string name) {
  return {Principal::Kind::kJwt, std::move(name)};
}

// Whether a policy of this text allows the call: as it is judged at once, and
// as it is judged for a method that was judged before. Both must say the same.
bool Allows(absl::string_view policy, const Call& call) {
  const PolicyReading reading = ReadPolicy("policy.json", policy);
  EXPECT_TRUE(reading.mistakes.empty()) << reading.status();
  FakeClock time;
  Verdicts verdicts(
      std::make_shared<PolicyState>(reading.rules, /*dry_run=*/false,
                                    time.clock(), LogSink(), nullptr),
      Identity("10.0.0.1", call.principals, std::nullopt), /*methods=*/1);
  const auto headers =
      [&](absl::string_view name) -> std::optional<std::string> {
    const auto found = call.headers.find(std::string(name));
    if (found == call.headers.end()) return std::nullopt;
    return found->second;
  };
  const Identity identity("10.0.0.1", call.principals, std::nullopt);
  const bool at_once = verdicts.AllowsPath(call.path, headers, identity);
  for (int times = 0; times < 2; ++times) {
    EXPECT_EQ(verdicts.Allows(0, call.path, headers, identity), at_once);
  }
  ShardedTallies::Mine counts = verdicts.CountsOfThread();
  EXPECT_TRUE(at_once || !verdicts.AllowsAtOnce(0, counts));
  EXPECT_EQ(verdicts.WouldAllow(call.path, headers), at_once);
  return at_once;
}

// A policy whose one allow rule has these conditions.
std::string Allow(absl::string_view conditions) {
  return absl::StrCat(R"({"name": "p", "allow_rules": [{"name": "one")",
                      conditions.empty() ? "" : ", ", conditions, "}]}");
}

TEST(PolicyTableTest, ATextMatchesExactlyOrByItsBeginningItsEndOrItsPresence) {
  const struct {
    const char* written;
    const char* value;
    bool matches;
  } rows[] = {
      {"abc", "abc", true},    {"abc", "abcd", false}, {"abc", "xabc", false},
      {"abc", "ABC", false},   {"abc*", "abc", true},  {"abc*", "abcd", true},
      {"abc*", "xabc", false}, {"*abc", "abc", true},  {"*abc", "xabc", true},
      {"*abc", "abcd", false}, {"*", "a", true},       {"*", "", false},
      {"abc", "", false},      {"abc*", "ab", false},
  };
  for (const auto& row : rows) {
    const auto pattern = TextPattern::Parse(row.written);
    ASSERT_TRUE(pattern.has_value()) << row.written;
    EXPECT_EQ(pattern->Matches(row.value), row.matches)
        << row.written << " and \"" << row.value << "\"";
  }
  for (const char* written : {"", "a*b", "*a*", "**"}) {
    EXPECT_FALSE(TextPattern::Parse(written).has_value()) << written;
  }
}

TEST(PolicyTableTest, APatternCoversAnotherThatMatchesNothingElse) {
  const struct {
    const char* wide;
    const char* narrow;
    bool covers;
  } rows[] = {
      {"abc", "abc", true},     {"abc*", "abc", true}, {"abc*", "abcd*", true},
      {"abcd*", "abc*", false}, {"*bc", "*abc", true}, {"*abc", "*bc", false},
      {"*", "a", true},         {"*", "a*", true},     {"*", "*", true},
      {"a*", "*a", false},      {"a", "a*", false},    {"a*", "*", false},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(
        TextPattern::Parse(row.wide)->Covers(*TextPattern::Parse(row.narrow)),
        row.covers)
        << row.wide << " and " << row.narrow;
  }
}

TEST(PolicyTableTest, APatternIsWrittenAsItWasRead) {
  for (const char* const written : {"a", "a*", "*a", "*"}) {
    EXPECT_EQ(TextPattern::Parse(written)->Written(), written);
  }
}

TEST(PolicyTableTest, ARuleWithoutConditionsIsAboutEachCall) {
  EXPECT_TRUE(Allows(Allow(""), {}));
  EXPECT_TRUE(Allows(Allow(R"("source": {}, "request": {})"), {}));
}

TEST(PolicyTableTest, APrincipalCountsByItsKindAndItsName) {
  const struct {
    const char* pattern;
    std::vector<Principal> principals;
    bool allows;
  } rows[] = {
      {"x509:spiffe://shop/cart", {X509("spiffe://shop/cart")}, true},
      {"x509:spiffe://shop/cart", {X509("spiffe://shop/cart2")}, false},
      // A token never proves a certificate's name, nor the other way round.
      {"x509:a#b", {Jwt("a#b")}, false},
      {"jwt:a#b", {X509("a#b")}, false},
      {"jwt:a#b", {Jwt("a#b")}, true},
      {"jwt:a#*", {Jwt("a#b")}, true},
      {"jwt:a#*", {Jwt("ax#b")}, false},
      {"x509:spiffe://shop/*", {X509("spiffe://shop/cart")}, true},
      {"x509:spiffe://shop/*", {X509("spiffe://shop.evil/cart")}, false},
      {"x509:spiffe://shop/a*", {X509("spiffe://shop/ab")}, true},
      {"x509:spiffe://shop/a*", {X509("spiffe://shop/b")}, false},
      {"x509:*", {X509("a")}, true},
      {"x509:*", {Jwt("a#b")}, false},
      {"*", {Jwt("a#b")}, true},
      {"*", {}, false},
      {"x509:a", {}, false},
      // A call may have both; one of them is enough.
      {"jwt:a#b", {X509("proxy"), Jwt("a#b")}, true},
      {"x509:proxy", {X509("proxy"), Jwt("a#b")}, true},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(Allows(Allow(absl::StrCat(R"("source": {"principals": [")",
                                        row.pattern, R"("]})")),
                     {.principals = row.principals}),
              row.allows)
        << row.pattern;
  }
}

TEST(PolicyTableTest, OneOfThePathsMustMatch) {
  const std::string policy =
      Allow(R"("request": {"paths": ["/shop.v1.Cart/Add", "/shop.v1.Stock/*",
                                     "*/Peek"]})");
  EXPECT_TRUE(Allows(policy, {.path = "/shop.v1.Cart/Add"}));
  EXPECT_TRUE(Allows(policy, {.path = "/shop.v1.Stock/Take"}));
  EXPECT_TRUE(Allows(policy, {.path = "/shop.v1.Cart/Peek"}));
  EXPECT_FALSE(Allows(policy, {.path = "/shop.v1.Cart/Remove"}));
  EXPECT_FALSE(Allows(policy, {.path = "/shop.v1.Cart/add"}));
  EXPECT_FALSE(Allows(policy, {.path = ""}));
}

TEST(PolicyTableTest, AllHeadersMustMatchEachByOneOfItsValues) {
  const std::string policy = Allow(
      R"("request": {"headers": [{"key": "x-zone", "values": ["a", "b*"]},
                                 {"key": "x-any", "values": ["*"]}]})");
  EXPECT_TRUE(Allows(policy, {.headers = {{"x-zone", "a"}, {"x-any", "1"}}}));
  EXPECT_TRUE(Allows(policy, {.headers = {{"x-zone", "bc"}, {"x-any", "1"}}}));
  EXPECT_FALSE(Allows(policy, {.headers = {{"x-zone", "c"}, {"x-any", "1"}}}));
  EXPECT_FALSE(Allows(policy, {.headers = {{"x-zone", "a"}}}));
  EXPECT_FALSE(Allows(policy, {.headers = {{"x-zone", "a"}, {"x-any", ""}}}));
  // Several values are one, with commas between.
  EXPECT_FALSE(
      Allows(policy, {.headers = {{"x-zone", "a,b"}, {"x-any", "1"}}}));
  EXPECT_FALSE(Allows(policy, {}));
}

TEST(PolicyTableTest, ADenyRuleWinsOverEachAllowRule) {
  const std::string policy = R"({
    "name": "p",
    "deny_rules": [{"name": "no_mallory",
                    "source": {"principals": ["x509:mallory"]}}],
    "allow_rules": [{"name": "all"}]})";
  EXPECT_FALSE(Allows(policy, {.principals = {X509("mallory")}}));
  EXPECT_FALSE(Allows(policy, {.principals = {X509("mallory"), Jwt("a#b")}}));
  EXPECT_TRUE(Allows(policy, {.principals = {X509("bob")}}));
  EXPECT_TRUE(Allows(policy, {}));
}

TEST(PolicyTableTest, ADenyRuleWithAHeaderHoldsForCallsThatHaveIt) {
  const std::string policy = R"({
    "name": "p",
    "deny_rules": [{"name": "no_test_zone",
                    "request": {"headers": [{"key": "x-zone",
                                             "values": ["test"]}]}}],
    "allow_rules": [{"name": "all"}]})";
  EXPECT_FALSE(Allows(policy, {.headers = {{"x-zone", "test"}}}));
  EXPECT_TRUE(Allows(policy, {.headers = {{"x-zone", "main"}}}));
  EXPECT_TRUE(Allows(policy, {}));
}

TEST(PolicyTableTest, WhatNoRuleMatchesIsDenied) {
  const std::string policy = Allow(
      R"("source": {"principals": ["x509:bob"]},
         "request": {"paths": ["/shop.v1.Cart/Add"]})");
  EXPECT_TRUE(Allows(policy, {.principals = {X509("bob")}}));
  EXPECT_FALSE(Allows(policy, {.principals = {X509("eve")}}));
  EXPECT_FALSE(Allows(
      policy, {.principals = {X509("bob")}, .path = "/shop.v1.Cart/Remove"}));
}

TEST(PolicyTableTest, YamlSaysTheSame) {
  const std::string policy =
      "name: p\n"
      "allow_rules:\n"
      "  - name: carts\n"
      "    source:\n"
      "      principals: [x509:bob, \"jwt:https://issuer.example#*\"]\n"
      "    request:\n"
      "      paths: [/shop.v1.Cart/*]\n";
  EXPECT_TRUE(Allows(policy, {.principals = {X509("bob")}}));
  EXPECT_TRUE(
      Allows(policy, {.principals = {Jwt("https://issuer.example#7")}}));
  EXPECT_FALSE(Allows(policy, {.principals = {X509("bob")}, .path = "/a.B/C"}));
}

TEST(PolicyTableTest, AllowRulesThatAllNamePrincipalsNeedOne) {
  const auto needs = [](absl::string_view policy) {
    return ReadPolicy("p", policy).rules.NeedsPrincipal();
  };
  EXPECT_TRUE(needs(Allow(R"("source": {"principals": ["*"]})")));
  EXPECT_FALSE(needs(Allow(R"("request": {"paths": ["/a.B/C"]})")));
}

}  // namespace
}  // namespace pinion
