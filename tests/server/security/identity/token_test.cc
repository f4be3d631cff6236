// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/security/identity/token.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/tests/support/token_maker.h"

namespace pinion {
namespace {

using ::pinion::testing::ClaimsOf;
using ::pinion::testing::TestClaims;
using ::pinion::testing::UnsignedToken;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kHeader[] = R"({"alg":"ES256","kid":"k1"})";

std::string Made(const std::string& claims,
                 const std::string& header = kHeader) {
  return UnsignedToken(header, claims, "AAAA");
}

std::string ComplaintOf(const std::string& text) {
  const absl::StatusOr<Token> token = ReadToken(text);
  EXPECT_EQ(token.status().code(), absl::StatusCode::kUnauthenticated) << text;
  return std::string(token.status().message());
}

TEST(TokenTest, SaysWhatItsPartsSay) {
  const auto token = ReadToken(Made(
      R"({"iss":"i","sub":"s","aud":["a","b"],"exp":1700000000,"nbf":5.5})"));
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(token->algorithm, "ES256");
  EXPECT_EQ(token->key_id, "k1");
  EXPECT_EQ(token->issuer, "i");
  EXPECT_EQ(token->subject, "s");
  EXPECT_THAT(token->audiences, ElementsAre("a", "b"));
  EXPECT_EQ(token->expires, absl::FromUnixSeconds(1700000000));
  EXPECT_EQ(token->not_before, absl::FromUnixMillis(5500));
}

TEST(TokenTest, IsOfThreePartsOfBase64WithObjects) {
  const std::string good = Made(ClaimsOf({}));
  EXPECT_TRUE(ReadToken(good).ok());
  EXPECT_THAT(ComplaintOf(""), HasSubstr("three parts"));
  EXPECT_THAT(ComplaintOf("a.b"), HasSubstr("three parts"));
  EXPECT_THAT(ComplaintOf(good + ".c.d"), HasSubstr("three parts"));
  EXPECT_THAT(ComplaintOf(UnsignedToken(kHeader, ClaimsOf({}))),
              HasSubstr("three parts"));
  EXPECT_THAT(ComplaintOf("?.b.c"), HasSubstr("not base64url"));
  EXPECT_THAT(ComplaintOf("e30=.b.c"), HasSubstr("not base64url"));
  EXPECT_THAT(ComplaintOf(Made("[]")), HasSubstr("no JSON object"));
  EXPECT_THAT(ComplaintOf(Made("{")), HasSubstr("no JSON object"));
  EXPECT_THAT(ComplaintOf(Made(ClaimsOf({}), "7")),
              HasSubstr("no JSON object"));
}

TEST(TokenTest, ThatHasAClaimTwiceIsNone) {
  EXPECT_THAT(ComplaintOf(Made(ClaimsOf({.more = ",\"sub\":\"root\""}))),
              HasSubstr("no JSON object"));
  EXPECT_THAT(
      ComplaintOf(Made(ClaimsOf({}), R"({"alg":"none","alg":"ES256"})")),
      HasSubstr("no JSON object"));
}

TEST(TokenTest, NeedsEachClaimWithItsType) {
  EXPECT_THAT(ComplaintOf(Made(ClaimsOf({}), R"({"kid":"k1"})")),
              HasSubstr("\"alg\""));
  EXPECT_THAT(ComplaintOf(Made(ClaimsOf({}), R"({"alg":"ES256","kid":5})")),
              HasSubstr("\"kid\""));
  EXPECT_THAT(ComplaintOf(Made(R"({"sub":"s","aud":"a","exp":5})")),
              HasSubstr("\"iss\""));
  EXPECT_THAT(ComplaintOf(Made(R"({"iss":"i","aud":"a","exp":5})")),
              HasSubstr("\"sub\""));
  EXPECT_THAT(ComplaintOf(Made(R"({"iss":"i","sub":"s","exp":5})")),
              HasSubstr("\"aud\""));
  EXPECT_THAT(
      ComplaintOf(Made(R"({"iss":"i","sub":"s","aud":["a",5],"exp":5})")),
      HasSubstr("\"aud\""));
  EXPECT_THAT(ComplaintOf(Made(R"({"iss":"i","sub":"s","aud":"a"})")),
              HasSubstr("\"exp\""));
  for (const char* exp : {"\"5\"", "-1", "1e300", "true", "null"}) {
    EXPECT_THAT(ComplaintOf(Made(absl::StrCat(
                    R"({"iss":"i","sub":"s","aud":"a","exp":)", exp, "}"))),
                HasSubstr("\"exp\""));
  }
  EXPECT_THAT(ComplaintOf(Made(ClaimsOf({.more = ",\"nbf\":\"now\""}))),
              HasSubstr("\"nbf\""));
}

TEST(TokenTest, ThatDemandsAnExtensionIsNone) {
  EXPECT_THAT(
      ComplaintOf(Made(ClaimsOf({}), R"({"alg":"ES256","crit":["b64"]})")),
      HasSubstr("crit"));
}

TEST(TokenTest, HasNoSubjectThatALogCouldNotShow) {
  EXPECT_THAT(ComplaintOf(Made(ClaimsOf({.subject = "a\\nb"}))),
              HasSubstr("\"sub\""));
  EXPECT_THAT(ComplaintOf(Made(ClaimsOf({.subject = std::string(257, 'x')}))),
              HasSubstr("257 bytes, of at most 256"));
  EXPECT_TRUE(
      ReadToken(Made(ClaimsOf({.subject = std::string(256, 'x')}))).ok());
}

TEST(TokenTest, OfAMegabyteIsNotRead) {
  EXPECT_THAT(
      ComplaintOf(Made(ClaimsOf({.subject = std::string(1 << 20, 'x')}))),
      HasSubstr("of at most 8192"));
}

class TokenRulesTest : public ::testing::Test {
 protected:
  std::string Complaint(const TestClaims& claims,
                        const std::string& header = kHeader) {
    const absl::Status status =
        rules_.Check(*ReadToken(Made(ClaimsOf(claims), header)), now_);
    if (!status.ok()) {
      EXPECT_EQ(status.code(), absl::StatusCode::kUnauthenticated);
    }
    return std::string(status.message());
  }

  const absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  TestClaims good_ = {.expires = now_ + absl::Hours(1)};
  TokenRules rules_ = {.issuer = testing::kIssuer,
                       .audience = testing::kAudience,
                       .algorithms = {"ES256", "RS256"},
                       .leeway = absl::Seconds(60)};
};

TEST_F(TokenRulesTest, TakeATokenOfTheIssuerForThisServer) {
  EXPECT_EQ(Complaint(good_), "");
}

TEST_F(TokenRulesTest, TakeNoAlgorithmThatIsNotConfigured) {
  for (const char* algorithm : {"none", "None", "NONE", "HS256", "ES384", ""}) {
    const std::string header = absl::StrCat("{\"alg\":\"", algorithm, "\"}");
    if (algorithm[0] == '\0') {
      EXPECT_THAT(ComplaintOf(Made(ClaimsOf(good_), header)),
                  HasSubstr("\"alg\""));
    } else {
      EXPECT_THAT(Complaint(good_, header), HasSubstr("does not take"));
    }
  }
}

TEST_F(TokenRulesTest, TakeNoOtherIssuerOrAudience) {
  good_.issuer = "https://issuer.example/";
  EXPECT_THAT(Complaint(good_), HasSubstr("does not trust"));
  good_.issuer = testing::kIssuer;
  good_.audience = "shop2";
  EXPECT_THAT(Complaint(good_), HasSubstr("another audience"));
}

TEST_F(TokenRulesTest, TakeATokenUntilItsExpiryAndTheLeeway) {
  good_.expires = now_ - absl::Seconds(59);
  EXPECT_EQ(Complaint(good_), "");
  good_.expires = now_ - absl::Seconds(60);
  EXPECT_THAT(Complaint(good_), HasSubstr("has expired at"));
}

TEST_F(TokenRulesTest, TakeATokenFromItsBeginningLessTheLeeway) {
  good_.more = absl::StrCat(",\"nbf\":", absl::ToUnixSeconds(now_) + 60);
  EXPECT_EQ(Complaint(good_), "");
  good_.more = absl::StrCat(",\"nbf\":", absl::ToUnixSeconds(now_) + 61);
  EXPECT_THAT(Complaint(good_), HasSubstr("not valid before"));
}

TEST(BearerTokenTest, IsWhatFollowsTheWord) {
  EXPECT_EQ(*BearerToken("Bearer a.b.c"), "a.b.c");
  EXPECT_EQ(*BearerToken("bearer  a.b.c "), "a.b.c");
  for (const char* bad : {"", "Bearer", "Basic a:b", "a.b.c", "given twice"}) {
    EXPECT_EQ(BearerToken(bad).status().code(),
              absl::StatusCode::kUnauthenticated)
        << bad;
  }
}

}  // namespace
}  // namespace pinion
