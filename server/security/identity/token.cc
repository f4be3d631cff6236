// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/security/identity/token.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "pinion/proto/wire/utf8.h"
#include "pinion/server/security/identity/json.h"

namespace pinion {
namespace {

// How much of a token an error repeats: never a part that is secret.
constexpr size_t kQuotedBytes = 64;

// Times beyond this year are no times: 9999-12-31.
constexpr double kLastSecond = 253402300799.0;

absl::Status Bad(absl::string_view why) {
  return absl::UnauthenticatedError(absl::StrCat("the token ", why));
}

// The JSON object that a part of a token is.
absl::StatusOr<Json> ReadPart(absl::string_view part, absl::string_view name) {
  // Only what RFC 7515 allows: no padding, and nothing but its alphabet.
  const bool valid =
      !part.empty() && std::all_of(part.begin(), part.end(), [](char c) {
        return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' ||
               c == '_';
      });
  std::string bytes;
  if (!valid || !absl::WebSafeBase64Unescape(part, &bytes)) {
    return Bad(absl::StrCat("has a ", name, " that is not base64url"));
  }
  absl::StatusOr<Json> json = Json::Parse(bytes);
  if (!json.ok() || !json->is_object()) {
    return Bad(absl::StrCat("has a ", name, " that is no JSON object"));
  }
  return json;
}

absl::StatusOr<std::string> TextOf(const Json& object, const char* name) {
  const std::optional<absl::string_view> text = object.text(name);
  if (!text.has_value() || text->empty()) {
    return Bad(absl::StrCat("has no text as its \"", name, "\""));
  }
  return std::string(*text);
}

absl::StatusOr<absl::Time> TimeOf(const Json& object, const char* name) {
  const std::optional<double> seconds = object.number(name);
  if (!seconds.has_value() || !(*seconds >= 0) || *seconds > kLastSecond) {
    return Bad(absl::StrCat("has no time as its \"", name, "\""));
  }
  return absl::FromUnixMillis(std::llround(*seconds * 1000));
}

absl::Status ReadHeader(absl::string_view part, Token& token) {
  const absl::StatusOr<Json> header = ReadPart(part, "header");
  if (!header.ok()) return header.status();
  absl::StatusOr<std::string> algorithm = TextOf(*header, "alg");
  if (!algorithm.ok()) return algorithm.status();
  token.algorithm = *std::move(algorithm);
  if (header->has("crit")) {
    return Bad("demands an extension (\"crit\"), and none is known");
  }
  if (!header->has("kid")) return absl::OkStatus();
  absl::StatusOr<std::string> key_id = TextOf(*header, "kid");
  if (!key_id.ok()) return key_id.status();
  token.key_id = *std::move(key_id);
  return absl::OkStatus();
}

absl::Status ReadAudiences(const Json& claims, Token& token) {
  token.audiences = claims.texts("aud");
  if (!token.audiences.empty()) return absl::OkStatus();
  return Bad("has no text, or list of texts, as its \"aud\"");
}

// A principal is written into logs and policies, as text.
bool IsSubject(absl::string_view subject) {
  return subject.size() <= kMaxSubjectBytes && OneLine(subject) == subject;
}

absl::Status ReadClaims(absl::string_view part, Token& token) {
  const absl::StatusOr<Json> claims = ReadPart(part, "payload");
  if (!claims.ok()) return claims.status();
  absl::StatusOr<std::string> issuer = TextOf(*claims, "iss");
  if (!issuer.ok()) return issuer.status();
  absl::StatusOr<std::string> subject = TextOf(*claims, "sub");
  if (!subject.ok()) return subject.status();
  if (!IsSubject(*subject)) {
    return Bad(absl::StrCat("has a \"sub\" with control characters, or of ",
                            subject->size(), " bytes, of at most ",
                            kMaxSubjectBytes));
  }
  token.issuer = *std::move(issuer);
  token.subject = *std::move(subject);
  absl::Status status = ReadAudiences(*claims, token);
  if (!status.ok()) return status;
  const absl::StatusOr<absl::Time> expires = TimeOf(*claims, "exp");
  if (!expires.ok()) return expires.status();
  token.expires = *expires;
  if (!claims->has("nbf")) return absl::OkStatus();
  const absl::StatusOr<absl::Time> not_before = TimeOf(*claims, "nbf");
  if (!not_before.ok()) return not_before.status();
  token.not_before = *not_before;
  return absl::OkStatus();
}

bool Contains(const std::vector<std::string>& texts, absl::string_view text) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

}  // namespace

absl::StatusOr<Token> ReadToken(absl::string_view text) {
  if (text.size() > kMaxTokenBytes) {
    return Bad(absl::StrCat("has ", text.size(), " bytes, of at most ",
                            kMaxTokenBytes));
  }
  const std::vector<absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits('.', 3));
  if (parts.size() != 3 || parts[2].empty()) {
    return Bad("is no signed JWT, of three parts with dots between them");
  }
  Token token;
  absl::Status status = ReadHeader(parts[0], token);
  if (status.ok()) status = ReadClaims(parts[1], token);
  if (!status.ok()) return status;
  return token;
}

absl::Status TokenRules::Check(const Token& token, absl::Time now) const {
  if (!Contains(algorithms, token.algorithm)) {
    return Bad(absl::StrCat("has the algorithm ",
                            Quoted(token.algorithm, kQuotedBytes),
                            ", which this server does not take"));
  }
  if (token.issuer != issuer) {
    return Bad(absl::StrCat("is of the issuer ",
                            Quoted(token.issuer, kQuotedBytes),
                            ", which this server does not trust"));
  }
  if (!Contains(token.audiences, audience)) {
    return Bad("is for another audience than this server");
  }
  if (now >= EndOf(token)) {
    return Bad(absl::StrCat("has expired at ", absl::FormatTime(token.expires),
                            "; get a new one"));
  }
  if (token.not_before.has_value() && now < *token.not_before - leeway) {
    return Bad(absl::StrCat("is not valid before ",
                            absl::FormatTime(*token.not_before)));
  }
  return absl::OkStatus();
}

absl::StatusOr<absl::string_view> BearerToken(absl::string_view authorization) {
  constexpr absl::string_view kScheme = "bearer ";
  if (!absl::StartsWithIgnoreCase(authorization, kScheme)) {
    return absl::UnauthenticatedError(
        "the metadata \"authorization\" is not \"Bearer\" and a token");
  }
  return absl::StripAsciiWhitespace(authorization.substr(kScheme.size()));
}

bool IsTokenAlgorithm(absl::string_view algorithm) {
  for (const absl::string_view family : {"RS", "PS", "ES", "HS"}) {
    for (const absl::string_view bits : {"256", "384", "512"}) {
      if (algorithm == absl::StrCat(family, bits)) return true;
    }
  }
  return false;
}

}  // namespace pinion
