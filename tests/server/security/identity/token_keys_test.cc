// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/security/identity/token_keys.h"

#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/tests/support/token_maker.h"

namespace pinion {
namespace {

using ::pinion::testing::ClaimsOf;
using ::pinion::testing::KeySetOf;
using ::pinion::testing::TokenMaker;
using ::testing::HasSubstr;
using ::testing::Not;

const std::vector<std::string> kAlgorithms = {"ES256", "RS256"};

std::string ComplaintOf(const std::string& text) {
  const auto keys = TokenKeys::Parse(text, kAlgorithms);
  EXPECT_EQ(keys.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(keys.status().message());
}

std::string SetOf(const std::string& jwk) {
  return absl::StrCat("{\"keys\":[", jwk, "]}");
}

std::string OddNumber(size_t bytes) { return std::string(bytes, '\x7f'); }

// A set with an RSA key of this modulus.
std::string RsaOf(absl::string_view modulus,
                  absl::string_view exponent = absl::string_view("\1\0\1", 3)) {
  return SetOf(absl::StrCat("{\"kty\":\"RSA\",\"n\":\"",
                            absl::WebSafeBase64Escape(modulus), "\",\"e\":\"",
                            absl::WebSafeBase64Escape(exponent), "\"}"));
}

TEST(TokenKeysTest, CheckWhatTheirOwnerHasSigned) {
  const TokenMaker ec = TokenMaker::Ec("e");
  const TokenMaker rsa = TokenMaker::Rsa("r");
  const auto keys = TokenKeys::Parse(KeySetOf({&ec, &rsa}), kAlgorithms);
  ASSERT_TRUE(keys.ok()) << keys.status();
  for (const TokenMaker* issuer : {&ec, &rsa}) {
    const std::string token = issuer->Sign(ClaimsOf({}));
    const auto key =
        (*keys)->Find(issuer == &ec ? "ES256" : "RS256", issuer->id());
    ASSERT_TRUE(key.ok()) << key.status();
    EXPECT_TRUE((*key)->HasSigned(token));
    EXPECT_FALSE(
        (*key)->HasSigned(TokenMaker::Ec(issuer->id()).Sign(ClaimsOf({}))));
    std::string changed = token;
    changed[changed.find('.') + 5] ^= 1;
    EXPECT_FALSE((*key)->HasSigned(changed));
  }
}

TEST(TokenKeysTest, OfAPublicKeyIsNoSecret) {
  // Whoever takes the algorithm from the token checks an HMAC with the public
  // key, which everybody has.
  const TokenMaker rsa = TokenMaker::Rsa("r");
  const std::vector<std::string> all = {"RS256", "HS256"};
  const auto keys = TokenKeys::Parse(KeySetOf({&rsa}), all);
  ASSERT_TRUE(keys.ok()) << keys.status();
  const std::string forged =
      TokenMaker::Secret("r", rsa.Jwk()).Sign(ClaimsOf({}));
  EXPECT_EQ((*keys)->Find("HS256", "r").status().code(),
            absl::StatusCode::kUnauthenticated);
  EXPECT_FALSE((*(*keys)->Find("RS256", "r"))->HasSigned(forged));
}

TEST(TokenKeysTest, ATokenWithoutANameHasTheOnlyKeyThatFits) {
  const TokenMaker ec = TokenMaker::Ec("e");
  const TokenMaker rsa = TokenMaker::Rsa("r");
  const TokenMaker other = TokenMaker::Ec("e2");
  const auto two = TokenKeys::Parse(KeySetOf({&ec, &rsa}), kAlgorithms);
  EXPECT_EQ((*(*two)->Find("ES256", ""))->id(), "e");
  const auto three =
      TokenKeys::Parse(KeySetOf({&ec, &rsa, &other}), kAlgorithms);
  EXPECT_THAT((*three)->Find("ES256", "").status().message(),
              HasSubstr("several fit"));
  EXPECT_THAT((*three)->Find("ES256", "e3").status().message(),
              HasSubstr("does not have"));
  // The name of a key of another kind.
  EXPECT_THAT((*three)->Find("ES256", "r").status().message(),
              HasSubstr("does not have"));
}

TEST(TokenKeysTest, SayWhatIsWrongWithAFile) {
  EXPECT_THAT(ComplaintOf(""), HasSubstr("line 1"));
  EXPECT_THAT(ComplaintOf("{\n\"keys\":}"), HasSubstr("line 2"));
  EXPECT_THAT(ComplaintOf("[]"), HasSubstr("no JWK set"));
  EXPECT_THAT(ComplaintOf("{}"), HasSubstr("no JWK set"));
  EXPECT_THAT(ComplaintOf(SetOf("")), HasSubstr("no key for one of"));
  EXPECT_THAT(ComplaintOf(SetOf("5")), HasSubstr("place 0"));
  EXPECT_THAT(ComplaintOf(SetOf(R"({"kty":"OKP"})")),
              HasSubstr("another type (\"kty\")"));
  EXPECT_THAT(ComplaintOf(SetOf(R"({"kty":"EC","crv":"P-256","x":"AA"})")),
              HasSubstr("cannot be read"));
  EXPECT_THAT(ComplaintOf(std::string(TokenKeys::kMaxBytes + 1, ' ')),
              HasSubstr("of at most"));
  const TokenMaker one = TokenMaker::Ec("k");
  const TokenMaker two = TokenMaker::Ec("k");
  EXPECT_THAT(ComplaintOf(KeySetOf({&one, &two})), HasSubstr("another key"));
}

TEST(TokenKeysTest, AreNeitherPrivateNorWeak) {
  EXPECT_THAT(ComplaintOf(SetOf(TokenMaker::Ec("k").Jwk(/*whole=*/true))),
              HasSubstr("private part"));
  EXPECT_THAT(ComplaintOf(SetOf(TokenMaker::Rsa("k", 1024).Jwk())),
              HasSubstr("1024 bits, of at least 2048"));
  EXPECT_THAT(ComplaintOf(SetOf(TokenMaker::Secret("k", "secret").Jwk())),
              HasSubstr("48 bits, of at least 256"));
  // A size is that of the number, not of its zeros.
  EXPECT_THAT(ComplaintOf(RsaOf(std::string(200, '\0') + OddNumber(100))),
              HasSubstr("800 bits, of at least 2048"));
}

TEST(TokenKeysTest, OfRsaHaveAModulusAndAnExponentOfRsa) {
  EXPECT_THAT(ComplaintOf(RsaOf(OddNumber(2049))),
              HasSubstr("16392 bits, of at least 2048 and at most 16384"));
  std::string even = OddNumber(256);
  even.back() = '\x02';
  EXPECT_THAT(ComplaintOf(RsaOf(even)), HasSubstr("even modulus"));
  for (const absl::string_view exponent :
       {absl::string_view("\0", 1), absl::string_view("\1"),
        absl::string_view("\3"), absl::string_view("\1\0", 2),
        absl::string_view("\0\0\0\0\0\3", 6), absl::string_view("\xff\xff"),
        absl::string_view("\1\0\2", 3), absl::string_view("\1\0\0\0\1", 5),
        absl::string_view("\1\0\0\0\0\0\1\0\1", 9)}) {
    EXPECT_THAT(ComplaintOf(RsaOf(OddNumber(256), exponent)),
                HasSubstr("no odd number from 65537 to 2^32"));
  }
  for (const absl::string_view exponent :
       {absl::string_view("\1\0\1", 3), absl::string_view("\0\1\0\1", 4),
        absl::string_view("\xff\xff\xff\xff", 4)}) {
    const auto keys =
        TokenKeys::Parse(RsaOf(OddNumber(2048), exponent), kAlgorithms);
    EXPECT_TRUE(keys.ok()) << keys.status();
  }
}

// The log has the error, and the file may have a secret.
TEST(TokenKeysTest, SayNothingOfTheTextOfAFile) {
  const std::string secret = "c2VjcmV0LXRoYXQtbm9ib2R5LW1heS1zZWUhISEhISE";
  const auto key = [&](absl::string_view name, absl::string_view value) {
    return absl::StrCat("{\"kty\":\"oct\",", name, value, "}");
  };
  const std::string quoted = absl::StrCat("\"", secret, "\"");
  const std::string same_id = absl::StrCat(
      "{\"kty\":\"oct\",\"kid\":\"", secret, "\",\"k\":\"", secret, "\"}");
  const std::vector<std::string> algorithms = {"HS256"};
  for (const std::string& jwks :
       {key("\"k\" ", quoted), key("\"k\":", quoted.substr(0, 30)),
        key("\"k\":", secret), key("\"k\":\"\" ", quoted),
        key(quoted + ":1,", quoted + ":2"), key("\"k\":", quoted + "x"),
        absl::StrCat("{\"kty\":", quoted, "}"),
        absl::StrCat(same_id, ",", same_id)}) {
    const auto keys = TokenKeys::Parse(SetOf(jwks), algorithms);
    ASSERT_EQ(keys.status().code(), absl::StatusCode::kInvalidArgument);
    for (size_t i = 0; i + 8 < secret.size(); ++i) {
      EXPECT_THAT(std::string(keys.status().message()),
                  Not(HasSubstr(secret.substr(i, 8))));
    }
  }
  EXPECT_THAT(ComplaintOf("{\n \"keys\":}"), HasSubstr("line 2, column 9: "));
}

// Nobody writes into the pipe, and nobody waits for that.
TEST(TokenKeysTest, AreInAPlainFileOnly) {
  const std::string path = ::testing::TempDir() + "/token_keys_test.json";
  unlink(path.c_str());
  const auto load = [&] { return TokenKeys::Load(path, kAlgorithms).status(); };
  EXPECT_EQ(load().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(load().message()), HasSubstr(path));
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(load().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(load().message(), path + " is a pipe, not a plain file");
  unlink(path.c_str());
  EXPECT_EQ(TokenKeys::Load("/dev/zero", kAlgorithms).status().message(),
            "/dev/zero is a device, not a plain file");
  EXPECT_THAT(std::string(TokenKeys::Load("/", kAlgorithms).status().message()),
              HasSubstr("a directory"));
  testing::WriteFile(path, "[]");
  EXPECT_THAT(std::string(load().message()),
              HasSubstr(path + ": it is no JWK set"));
  const TokenMaker ec = TokenMaker::Ec("e");
  testing::WriteFile(path, KeySetOf({&ec}));
  EXPECT_TRUE(load().ok()) << load();
  unlink(path.c_str());
}

TEST(TokenKeysTest, LeaveOutWhatIsNotForThem) {
  const TokenMaker ec = TokenMaker::Ec("e");
  const std::string others =
      R"({"kty":"OKP","use":"enc"},)" +
      TokenMaker::Secret("s", std::string(32, 'x')).Jwk();
  const auto keys =
      TokenKeys::Parse(SetOf(absl::StrCat(others, ",", ec.Jwk())), kAlgorithms);
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_EQ((*keys)->size(), 1u);
}

TEST(TokenKeysTest, ThatAreReplacedVoidThoseThatAreGone) {
  const TokenMaker stays = TokenMaker::Ec("stays");
  const TokenMaker goes = TokenMaker::Ec("goes");
  const TokenMaker comes = TokenMaker::Ec("comes");
  const auto before = TokenKeys::Parse(KeySetOf({&stays, &goes}), kAlgorithms);
  const auto after = TokenKeys::Parse(KeySetOf({&comes, &stays}), kAlgorithms);
  const auto old_key = *(*before)->Find("ES256", "stays");
  const auto gone_key = *(*before)->Find("ES256", "goes");
  EXPECT_EQ((*after)->Replace(**before), 1u);
  EXPECT_FALSE(old_key->voided());
  EXPECT_TRUE(gone_key->voided());
  EXPECT_EQ(*(*after)->Find("ES256", "stays"), old_key);
  // Of the same name, and another key.
  const TokenMaker same_name = TokenMaker::Ec("stays");
  const auto last = TokenKeys::Parse(KeySetOf({&same_name}), kAlgorithms);
  EXPECT_EQ((*last)->Replace(**after), 2u);
  EXPECT_TRUE(old_key->voided());
}

}  // namespace
}  // namespace pinion
