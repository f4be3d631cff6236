// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as what strangers, proxies and issuers send: a token, the header
// and the claims of one, x-forwarded-client-cert, or a JWK set. What is taken
// must keep to the rules; nothing may be taken as proven by its own word.
// README.md tells how to run it.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "pinion/proto/wire/utf8.h"
#include "pinion/server/security/identity/certificate_name.h"
#include "pinion/server/security/identity/identity.h"
#include "pinion/server/security/identity/token.h"
#include "pinion/server/security/identity/token_keys.h"

namespace pinion::testing {
namespace {

void Demand(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::abort();
}

const TokenRules& Rules() {
  static const TokenRules rules = {.issuer = "i",
                                   .audience = "a",
                                   .algorithms = {"ES256"},
                                   .leeway = absl::Seconds(60)};
  return rules;
}

void CheckToken(const std::string& text) {
  const absl::StatusOr<Token> token = ReadToken(text);
  if (!token.ok()) {
    Demand(absl::IsUnauthenticated(token.status()), "the code of a bad token");
    Demand(ValidUtf8(token.status().message()) == token.status().message(),
           "a text in UTF-8");
    return;
  }
  Demand(text.size() <= kMaxTokenBytes, "no long token is taken");
  Demand(!token->algorithm.empty() && !token->issuer.empty() &&
             !token->audiences.empty() && !token->subject.empty(),
         "a token has all its claims");
  Demand(token->subject.size() <= kMaxSubjectBytes &&
             OneLine(token->subject) == token->subject,
         "a subject can be logged");
  const absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  if (!Rules().Check(*token, now).ok()) return;
  Demand(token->algorithm == "ES256" && token->issuer == "i",
         "the rules are those of the server");
  Demand(token->expires + Rules().leeway > now, "it has not expired");
}

void CheckForwarded(absl::string_view header) {
  const auto name = ForwardedName(header);
  if (!name.ok() || !name->has_value()) return;
  Demand(!(*name)->name.empty() && OneLine((*name)->name) == (*name)->name,
         "a forwarded name can be logged");
  Demand((*name)->kind == Principal::Kind::kX509, "it is of a certificate");
}

void CheckKeys(absl::string_view text) {
  const std::vector<std::string> algorithms = {"ES256", "RS256", "HS256"};
  const auto keys = TokenKeys::Parse(text, algorithms);
  if (!keys.ok()) return;
  Demand((*keys)->size() > 0, "a set has keys");
  for (const std::string& algorithm : algorithms) {
    const auto key = (*keys)->Find(algorithm, "");
    if (!key.ok()) continue;
    Demand((*key)->Fits(algorithm), "a key fits");
    Demand(!(*key)->HasSigned("e30.e30.AAAA"), "nobody has signed that");
  }
}

}  // namespace

void CheckAll(absl::string_view bytes) {
  if (bytes.empty()) return;
  const char kind = bytes[0];
  const absl::string_view rest = bytes.substr(1);
  switch (kind) {
    case 't':
      CheckToken(std::string(rest));
      BearerToken(rest).status().IgnoreError();
      break;
    case 'j': {
      const size_t end = rest.find('\n');
      const absl::string_view claims =
          end == absl::string_view::npos ? "" : rest.substr(end + 1);
      CheckToken(absl::StrCat(absl::WebSafeBase64Escape(rest.substr(0, end)),
                              ".", absl::WebSafeBase64Escape(claims), ".AA"));
      break;
    }
    case 'f':
      CheckForwarded(rest);
      break;
    case 'k':
      CheckKeys(rest);
      break;
    default:
      break;
  }
}

}  // namespace pinion::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  pinion::testing::CheckAll({reinterpret_cast<const char*>(data), size});
  return 0;
}
