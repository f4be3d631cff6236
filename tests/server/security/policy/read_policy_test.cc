// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/security/policy/read_policy.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"

namespace pinion {
namespace {

// All mistakes, each in a line.
std::string Mistakes(absl::string_view text) {
  return absl::StrJoin(ReadPolicy("p.json", text).mistakes, "\n",
                       [](std::string* out, const ConfigMistake& mistake) {
                         absl::StrAppend(out, mistake.ToString());
                       });
}

void ExpectMistake(absl::string_view text, absl::string_view said) {
  const std::string mistakes = Mistakes(text);
  EXPECT_TRUE(absl::StrContains(mistakes, said))
      << "of " << text << "\nit says " << mistakes << "\nand not " << said;
}

std::string WithRule(absl::string_view conditions) {
  return absl::StrCat("{\"name\": \"p\", \"allow_rules\": [{\"name\": \"r\", ",
                      conditions, "}]}");
}

std::string WithPrincipal(absl::string_view principal) {
  return WithRule(
      absl::StrCat("\"source\": {\"principals\": [\"", principal, "\"]}"));
}

TEST(ReadPolicyTest, ReadsEachPart) {
  const PolicyReading reading = ReadPolicy("p.json", R"({
    "name": "carts",
    "deny_rules": [{"name": "d", "source": {"principals": ["x509:eve"]}}],
    "allow_rules": [
      {"name": "a",
       "source": {"principals": ["x509:bob", "jwt:i#*", "*"]},
       "request": {"paths": ["/a.B/C"],
                   "headers": [{"key": "x-zone", "values": ["z*"]}]}}]})");
  ASSERT_TRUE(reading.mistakes.empty()) << reading.status();
  EXPECT_EQ(reading.rules.name, "carts");
  ASSERT_EQ(reading.rules.deny.size(), 1u);
  EXPECT_EQ(reading.rules.deny[0].name, "d");
  EXPECT_EQ(reading.rules.deny[0].place.line, 3);
  ASSERT_EQ(reading.rules.allow.size(), 1u);
  const PolicyRule& rule = reading.rules.allow[0];
  ASSERT_EQ(rule.principals.size(), 3u);
  EXPECT_EQ(rule.principals[0].kind, Principal::Kind::kX509);
  EXPECT_EQ(rule.principals[1].kind, Principal::Kind::kJwt);
  EXPECT_EQ(rule.principals[1].name.text, "i#");
  EXPECT_EQ(rule.principals[2].kind, std::nullopt);
  EXPECT_EQ(rule.paths.size(), 1u);
  ASSERT_EQ(rule.headers.size(), 1u);
  EXPECT_EQ(rule.headers[0].name, "x-zone");
}

TEST(ReadPolicyTest, AnEmptyPolicyIsAMistake) {
  for (const char* text : {"", "# nothing\n", "null"}) {
    ExpectMistake(text, "p.json:1:1: the policy is empty; write its name");
  }
  ExpectMistake("{}", "p.json:1:1: the policy has no name");
  ExpectMistake("{}", "the policy has no allow_rules, so it would deny");
  ExpectMistake("{\"name\": \"p\", \"allow_rules\": []}",
                "p.json:1:30: allow_rules: the list is empty; then every call "
                "would be denied");
  ExpectMistake("[]", "this must be a map with name, allow_rules, deny_rules");
}

TEST(ReadPolicyTest, AnUnknownFieldIsToldWithTheOneThatWasMeant) {
  ExpectMistake("name: p\nallow_rules: [{name: r}]\ndeny_rule: []\n",
                "p.json:3:1: \"deny_rule\" is unknown here; did you mean "
                "deny_rules?");
  ExpectMistake(WithRule("\"sources\": {}"), "did you mean source?");
  ExpectMistake(WithRule("\"source\": {\"principal\": []}"),
                "allow_rules[0].source: \"principal\" is unknown here; did you "
                "mean principals?");
  ExpectMistake(WithRule("\"request\": {\"hosts\": []}"),
                "\"hosts\" is unknown here; valid are paths, headers");
  ExpectMistake(
      "{\"name\": \"p\", \"allow_rules\": [{\"name\": \"r\"}], "
      "\"audit_logging_options\": {}}",
      "\"audit_logging_options\" is unknown here");
}

TEST(ReadPolicyTest, AFieldThatIsThereTwiceIsAMistake) {
  ExpectMistake("name: p\nallow_rules: [{name: r}]\nname: q\n",
                "p.json:3:1: name: it is there twice");
}

TEST(ReadPolicyTest, AnEmptyListMayMeanAllOrNothing) {
  ExpectMistake(WithRule("\"source\": {\"principals\": []}"),
                "the list is empty; leave it out if the rule is about anyone");
  ExpectMistake(
      WithRule("\"request\": {\"paths\": []}"),
      "the list is empty; leave it out if the rule is about any path");
  ExpectMistake(
      WithRule(
          "\"request\": {\"headers\": [{\"key\": \"a\", \"values\": []}]}"),
      "the list is empty; \"*\" is any value");
}

TEST(ReadPolicyTest, ARuleNeedsANameOfItsOwn) {
  ExpectMistake("{\"name\": \"p\", \"allow_rules\": [{}]}",
                "the rule has no name, by which it is counted and logged");
  ExpectMistake("name: p\nallow_rules:\n  - name: r\n  - name: r\n",
                "p.json:4:5: allow_rules[1]: another rule, in line 3, has the "
                "name \"r\"");
  // Of a call, the log has the name only.
  ExpectMistake(
      "name: p\n"
      "deny_rules: [{name: r, request: {paths: [/a.B/C]}}]\n"
      "allow_rules: [{name: r}]\n",
      "p.json:3:15: allow_rules[0]: another rule, in line 2, has the name "
      "\"r\"");
}

TEST(ReadPolicyTest, APrincipalSaysWhatProvesIt) {
  ExpectMistake(WithPrincipal("spiffe://shop/cart"),
                "says not what proves it; write x509:");
  ExpectMistake(WithPrincipal("*cart"), "says not what proves it");
  ExpectMistake(WithPrincipal("x509:"), "has no name behind its kind");
  ExpectMistake(WithPrincipal("x509:a*b"), "is no pattern; a * may stand");
  ExpectMistake(WithPrincipal(""), "it is empty; write a text");
}

TEST(ReadPolicyTest, APatternThatOthersCanMeetIsAMistake) {
  ExpectMistake(WithPrincipal("jwt:*#admin"),
                "does not say whose tokens count");
  ExpectMistake(WithPrincipal("jwt:https://issuer.example*"),
                "does not say whose tokens count");
  ExpectMistake(WithPrincipal("jwt:https://issuer.example"),
                "does not say whose tokens count");
  ExpectMistake(WithPrincipal("jwt:#*"), "does not say whose tokens count");
  for (const char* const cut_off :
       {"x509:spiffe://shop*", "x509:spiffe://*", "x509:spiffe:///*"}) {
    ExpectMistake(WithPrincipal(cut_off), "cuts the trust domain off");
  }
  for (const char* const wide :
       {"x509:spiffe:/*", "x509:spiffe*", "x509:s*", "x509:web*", "x509:*admin",
        "x509:*.shop.example", "x509:*spiffe://shop/cart"}) {
    ExpectMistake(WithPrincipal(wide), "matches names that others can get");
  }
  ExpectMistake(
      "name: p\nallow_rules:\n  - name: r\n    source:\n"
      "      principals: [x509:a, \"x509:w*\"]\n",
      "p.json:5:28: allow_rules[0].source.principals[1]: "
      "\"x509:w*\" matches names that others can get; write the "
      "whole name, or x509:spiffe://DOMAIN/*");
  for (const char* const upper :
       {"x509:SPIFFE://shop/cart", "x509:Spiffe://shop/*"}) {
    ExpectMistake(WithPrincipal(upper), "must be in lower case");
  }
}

TEST(ReadPolicyTest, APatternThatOthersCannotMeetIsRight) {
  for (const char* const right :
       {"*", "x509:*", "x509:web", "x509:spiffe://shop/*",
        "x509:spiffe://shop/a*", "x509:spiffe://shop/cart", "jwt:*",
        "jwt:https://issuer.example#*", "jwt:https://issuer.example#a*",
        "jwt:https://issuer.example#a"}) {
    EXPECT_EQ(Mistakes(WithPrincipal(right)), "");
  }
}

TEST(ReadPolicyTest, APathThatMatchesNoCallIsAMistake) {
  const auto with_path = [](absl::string_view path) {
    return WithRule(absl::StrCat("\"request\": {\"paths\": [\"", path, "\"]}"));
  };
  ExpectMistake(with_path("shop.v1.Cart/Add"), "matches no call; a path is");
  ExpectMistake(with_path("/shop.v1.Cart"), "matches no call");
  ExpectMistake(with_path("shop*"), "matches no call");
  ExpectMistake(with_path("/a*b/C"), "is no pattern");
  ExpectMistake(with_path("/pinion.v1.SessionService/Open"),
                "no rule is asked when a session is opened");
  EXPECT_EQ(Mistakes(with_path("/shop.v1.Cart*")), "");
}

TEST(ReadPolicyTest, HeadersOfTheProtocolAndProofsAreNoConditions) {
  const auto with_key = [](absl::string_view key) {
    return WithRule(absl::StrCat("\"request\": {\"headers\": [{\"key\": \"",
                                 key, "\", \"values\": [\"*\"]}]}"));
  };
  ExpectMistake(with_key(":authority"),
                "must not stand here: names that begin "
                "with : are HTTP/2's own");
  ExpectMistake(with_key(":path"), "the path is judged by request.paths");
  ExpectMistake(with_key("grpc-timeout"), "are for the protocol");
  ExpectMistake(with_key("pinion-worker"), "are for the protocol");
  ExpectMistake(with_key("host"), "it is of one connection");
  ExpectMistake(with_key("te"), "it is of one connection");
  ExpectMistake(with_key("X-Zone"), "has lower case letters");
  ExpectMistake(with_key("x-zone-bin"), "are bytes, and no policy sees them");
  ExpectMistake(with_key("authorization"), "which source.principals matches");
  ExpectMistake(with_key("x-forwarded-client-cert"),
                "which source.principals matches");
  EXPECT_EQ(Mistakes(with_key("x-zone")), "");
}

TEST(ReadPolicyTest, AnAllowRuleThatADenyRuleCoversIsAContradiction) {
  ExpectMistake(
      "name: p\n"
      "deny_rules:\n"
      "  - name: no_shop\n"
      "    source: {principals: [\"x509:spiffe://shop/*\"]}\n"
      "allow_rules:\n"
      "  - name: cart\n"
      "    source: {principals: [x509:spiffe://shop/cart]}\n"
      "    request: {paths: [/a.B/C]}\n"
      "  - name: others\n"
      "    source: {principals: [x509:bob, x509:spiffe://shop/cart]}\n",
      "p.json:6:5: allow_rules[0]: the deny rule \"no_shop\" in line 3 denies "
      "everything that this rule allows");
  ExpectMistake("name: p\ndeny_rules: [{name: d}]\nallow_rules: [{name: a}]\n",
                "the deny rule \"d\" in line 2 denies everything");
}

TEST(ReadPolicyTest, ADenyRuleThatLeavesSomethingIsNoContradiction) {
  EXPECT_EQ(Mistakes("name: p\n"
                     "deny_rules:\n"
                     "  - name: one_path\n"
                     "    request: {paths: [/a.B/C]}\n"
                     "  - name: one_zone\n"
                     "    request: {headers: [{key: z, values: [t]}]}\n"
                     "allow_rules:\n"
                     "  - name: all\n"
                     "  - name: more\n"
                     "    request: {paths: [/a.B/C, /a.B/D]}\n"),
            "");
}

TEST(ReadPolicyTest, WhatIsNeitherJsonNorYamlIsToldOnce) {
  const PolicyReading reading =
      ReadPolicy("p.json", "{\"name\": \"p\",\n \"allow_rules\": [}");
  ASSERT_EQ(reading.mistakes.size(), 1u);
  EXPECT_EQ(reading.mistakes[0].place.line, 2);
}

TEST(ReadPolicyTest, EachMistakeIsToldUpToAHundred) {
  std::string rules;
  for (int i = 0; i < 150; ++i) absl::StrAppend(&rules, "  - nam: a\n");
  const PolicyReading reading =
      ReadPolicy("p", absl::StrCat("name: p\nallow_rules:\n", rules));
  ASSERT_EQ(reading.mistakes.size(), 101u);
  EXPECT_EQ(reading.mistakes.back().text,
            "there are more mistakes than these 100");
  EXPECT_TRUE(
      absl::StrContains(reading.status().message(), "(and 100 more mistakes)"));
}

TEST(ReadPolicyTest, TooManyRulesAreAMistake) {
  std::string rules;
  for (size_t i = 0; i <= kMostPolicyRules; ++i) {
    absl::StrAppend(&rules, "  - name: r", i, "\n");
  }
  ExpectMistake(absl::StrCat("name: p\nallow_rules:\n", rules),
                "there are more than 1000 rules");
}

TEST(ReadPolicyTest, AFileThatIsTooLargeIsToldAtItsBeginning) {
  ExpectMistake(absl::StrCat("name: p\n", std::string(1 << 20, ' ')),
                "p.json:1:1: the file has 1048584 bytes or more; a "
                "configuration has at most 1048576");
}

TEST(ReadPolicyTest, AFileThatCannotBeReadIsAMistake) {
  const std::string missing = absl::StrCat(::testing::TempDir(), "/no_policy");
  const PolicyReading reading = ReadPolicyFile(missing);
  ASSERT_EQ(reading.mistakes.size(), 1u);
  EXPECT_EQ(reading.mistakes[0].ToString(),
            absl::StrCat(missing,
                         ": the file cannot be read: No such file or "
                         "directory"));
  // Nobody writes into it, and nobody waits for that.
  const std::string pipe = absl::StrCat(::testing::TempDir(), "/policy_pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_TRUE(absl::StrContains(ReadPolicyFile(pipe).status().message(),
                                "not a plain file"));
  unlink(pipe.c_str());
}

}  // namespace
}  // namespace pinion
