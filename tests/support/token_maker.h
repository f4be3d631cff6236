// SPDX-License-Identifier: Apache-2.0
//
// TokenMaker: an issuer of tokens for tests, with one key.
//
// Threads: one at a time.
// Example: TokenMaker issuer = TokenMaker::Ec("k1");
//          WriteFile(path, KeySetOf({&issuer}));
//          std::string token = issuer.Sign(ClaimsOf({.subject = "user"}));
#ifndef PINION_TESTS_SUPPORT_TOKEN_MAKER_H_
#define PINION_TESTS_SUPPORT_TOKEN_MAKER_H_

#include <cjose/cjose.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "pinion/core/base/check.h"

namespace pinion::testing {

inline constexpr char kIssuer[] = "https://issuer.example";
inline constexpr char kAudience[] = "shop";

struct TestClaims {
  std::string issuer = kIssuer;
  std::string subject = "user";
  std::string audience = kAudience;
  absl::Time expires = absl::Now() + absl::Hours(1);
  std::string more = "";  // Further members, as in ",\"nbf\":5".
};

inline std::string ClaimsOf(const TestClaims& claims) {
  return absl::StrCat("{\"iss\":\"", claims.issuer, "\",\"sub\":\"",
                      claims.subject, "\",\"aud\":\"", claims.audience,
                      "\",\"exp\":", absl::ToUnixSeconds(claims.expires),
                      claims.more, "}");
}

class TokenMaker {
 public:
  static TokenMaker Ec(const std::string& id) {
    return {cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, nullptr), id,
            "ES256"};
  }
  static TokenMaker Rsa(const std::string& id, size_t bits = 2048) {
    const uint8_t exponent[] = {1, 0, 1};
    return {
        cjose_jwk_create_RSA_random(bits, exponent, sizeof(exponent), nullptr),
        id, "RS256"};
  }
  // With a secret of those bytes.
  static TokenMaker Secret(const std::string& id, absl::string_view bytes) {
    return {cjose_jwk_create_oct_spec(
                reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(),
                nullptr),
            id, "HS256"};
  }

  const std::string& id() const { return id_; }
  // Its key for those who check: all of it, if it is a secret.
  std::string Jwk(bool whole = false) const {
    whole = whole || algorithm_ == "HS256";
    char* const text = cjose_jwk_to_json(key_.get(), whole, nullptr);
    PINION_CHECK(text != nullptr, "the key has no JSON");
    std::string result = text;
    std::free(text);
    return result;
  }

  // A token with these claims. Without an id the header names no key.
  std::string Sign(const std::string& claims, bool with_id = true) const {
    return SignAs(algorithm_, claims, with_id ? id_ : "");
  }
  // The same for another algorithm of the key's kind.
  std::string SignAs(const std::string& algorithm, const std::string& claims,
                     const std::string& id) const {
    cjose_header_t* const header = cjose_header_new(nullptr);
    cjose_header_set(header, CJOSE_HDR_ALG, algorithm.c_str(), nullptr);
    if (!id.empty()) {
      cjose_header_set(header, CJOSE_HDR_KID, id.c_str(), nullptr);
    }
    cjose_err error = {};
    cjose_jws_t* const signed_text = cjose_jws_sign(
        key_.get(), header, reinterpret_cast<const uint8_t*>(claims.data()),
        claims.size(), &error);
    cjose_header_release(header);
    PINION_CHECK(signed_text != nullptr,
                 "not signed: ", error.message != nullptr ? error.message : "");
    const char* text = nullptr;
    PINION_CHECK(cjose_jws_export(signed_text, &text, nullptr), "no text");
    std::string result = text;
    cjose_jws_release(signed_text);
    return result;
  }

 private:
  struct Release {
    void operator()(cjose_jwk_t* key) const { cjose_jwk_release(key); }
  };

  TokenMaker(cjose_jwk_t* key, const std::string& id, std::string algorithm)
      : key_(key), id_(id), algorithm_(std::move(algorithm)) {
    PINION_CHECK(key != nullptr, "no key was made");
    cjose_jwk_set_kid(key, id.data(), id.size(), nullptr);
  }

  std::unique_ptr<cjose_jwk_t, Release> key_;
  std::string id_;
  std::string algorithm_;
};

inline std::string KeySetOf(std::initializer_list<const TokenMaker*> issuers) {
  std::string keys;
  for (const TokenMaker* issuer : issuers) {
    absl::StrAppend(&keys, keys.empty() ? "" : ",", issuer->Jwk());
  }
  return absl::StrCat("{\"keys\":[", keys, "]}");
}

// A token that nobody has signed.
inline std::string UnsignedToken(absl::string_view header,
                                 absl::string_view claims,
                                 absl::string_view signature = "") {
  return absl::StrCat(absl::WebSafeBase64Escape(header), ".",
                      absl::WebSafeBase64Escape(claims), ".", signature);
}

// Replaces the file at once, as a rotation does.
inline void WriteFile(const std::string& path, const std::string& text) {
  std::ofstream(path + ".new") << text;
  PINION_CHECK(std::rename((path + ".new").c_str(), path.c_str()) == 0,
               "cannot write ", path);
}

}  // namespace pinion::testing

#endif  // PINION_TESTS_SUPPORT_TOKEN_MAKER_H_
