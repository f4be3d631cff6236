// SPDX-License-Identifier: Apache-2.0
//
// Token: what a JWT in its compact form says, read before anybody has checked
//        its signature. TokenRules: what it must say to be worth that check.
//
// Threads: any thread; plain data.
// Cost:    some microseconds for a token of 1 KB; none of it is cryptography.
// Example: absl::StatusOr<Token> token = ReadToken(text);
//          if (token.ok()) status = rules.Check(*token, absl::Now());
#ifndef PINION_SERVER_SECURITY_IDENTITY_TOKEN_H_
#define PINION_SERVER_SECURITY_IDENTITY_TOKEN_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace pinion {

struct Token {
  std::string algorithm;
  std::string key_id;  // Empty: it names none.
  std::string issuer;
  std::string subject;
  std::vector<std::string> audiences;
  absl::Time expires;
  std::optional<absl::Time> not_before;
};

// The longest token that is read. Real ones have about 1 KB.
inline constexpr size_t kMaxTokenBytes = 8192;
// The longest subject.
inline constexpr size_t kMaxSubjectBytes = 256;

// Reads a token. UNAUTHENTICATED if it is no JWT of three parts, is too long,
// lacks one of algorithm, issuer, subject, audience and expiry, has one of a
// wrong type or a name twice, or demands an extension ("crit").
absl::StatusOr<Token> ReadToken(absl::string_view text);

struct TokenRules {
  std::string issuer;
  std::string audience;
  std::vector<std::string> algorithms;  // "ES256", "RS256", ...
  // How much the issuer's clock may differ from ours.
  absl::Duration leeway = absl::Seconds(60);

  // UNAUTHENTICATED if its algorithm, issuer or audience is not ours, or if it
  // has expired or is not valid yet.
  absl::Status Check(const Token& token, absl::Time now) const;
  // When a token proves nothing any more.
  absl::Time EndOf(const Token& token) const { return token.expires + leeway; }
};

// The token of an `authorization` value, "Bearer TOKEN"; UNAUTHENTICATED if it
// is anything else.
absl::StatusOr<absl::string_view> BearerToken(absl::string_view authorization);

// Whether `algorithm` can be checked: RS, PS, ES or HS with 256, 384 or 512.
bool IsTokenAlgorithm(absl::string_view algorithm);

}  // namespace pinion

#endif  // PINION_SERVER_SECURITY_IDENTITY_TOKEN_H_
