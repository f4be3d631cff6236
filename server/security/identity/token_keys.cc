// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/security/identity/token_keys.h"

#include <cjose/cjose.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "pinion/core/base/file_kind.h"
#include "pinion/proto/wire/utf8.h"

namespace pinion {
namespace {

constexpr size_t kQuotedBytes = 64;
constexpr size_t kLeastRsaBytes = 256;
// OpenSSL checks no signature of larger ones.
constexpr size_t kMostRsaBytes = 2048;
constexpr uint64_t kLeastRsaExponent = 65537;
constexpr size_t kMostRsaExponentBytes = 4;
constexpr size_t kLeastSecretBytes = 32;

absl::Status Bad(absl::string_view why) {
  return absl::InvalidArgumentError(why);
}

std::string TextOr(const Json& jwk, const char* name) {
  return std::string(jwk.text(name).value_or(""));
}

// A number's bytes, the highest first, without leading zeros; or a secret's.
std::string BytesOf(const Json& jwk, const char* name) {
  std::string bytes;
  if (!absl::WebSafeBase64Unescape(TextOr(jwk, name), &bytes)) return "";
  return bytes;
}

std::string NumberOf(const Json& jwk, const char* name) {
  const std::string bytes = BytesOf(jwk, name);
  return bytes.substr(std::min(bytes.find_first_not_of('\0'), bytes.size()));
}

bool IsOdd(absl::string_view number) {
  return !number.empty() && (number.back() & 1) != 0;
}

// A signature of a key with the exponent 1 is its own text: anybody can make
// one.
absl::Status CheckExponent(absl::string_view exponent) {
  uint64_t value = 0;
  if (exponent.size() <= kMostRsaExponentBytes) {
    for (const char byte : exponent) {
      value = value << 8 | static_cast<uint8_t>(byte);
    }
  }
  if (value >= kLeastRsaExponent && IsOdd(exponent)) return absl::OkStatus();
  return Bad(
      "has an exponent (\"e\") that is no odd number from 65537 to 2^32");
}

absl::Status CheckRsa(const Json& jwk) {
  const std::string modulus = NumberOf(jwk, "n");
  if (modulus.size() < kLeastRsaBytes || modulus.size() > kMostRsaBytes) {
    return Bad(absl::StrCat("has ", 8 * modulus.size(), " bits, of at least ",
                            8 * kLeastRsaBytes, " and at most ",
                            8 * kMostRsaBytes));
  }
  if (!IsOdd(modulus)) {
    return Bad("has an even modulus (\"n\"), which is no RSA key's");
  }
  return CheckExponent(NumberOf(jwk, "e"));
}

// A mistake that cjose would not see.
absl::Status CheckStrength(const Json& jwk, absl::string_view type) {
  if (type != "oct" && jwk.has("d")) {
    return Bad("has a private part (\"d\"); the file needs public keys only");
  }
  if (type == "RSA") return CheckRsa(jwk);
  const size_t size = BytesOf(jwk, "k").size();
  if (type == "oct" && size < kLeastSecretBytes) {
    return Bad(absl::StrCat("has ", 8 * size, " bits, of at least ",
                            8 * kLeastSecretBytes));
  }
  return absl::OkStatus();
}

absl::string_view CurveOf(absl::string_view algorithm) {
  if (algorithm == "ES256") return "P-256";
  return algorithm == "ES384" ? "P-384" : "P-521";
}

// Whether a JWK is for signatures, as far as it says.
bool IsForSignatures(const Json& jwk) {
  return !jwk.has("use") || jwk.text("use") == "sig";
}

bool FitsAny(const TokenKey& key, absl::Span<const std::string> algorithms) {
  return std::any_of(
      algorithms.begin(), algorithms.end(),
      [&](const std::string& algorithm) { return key.Fits(algorithm); });
}

// The text of a plain file, up to one byte more than `most`.
absl::StatusOr<std::string> ReadText(const std::string& path, size_t most) {
  const auto error = [&] {
    return absl::NotFoundError(absl::StrCat(path, ": ", std::strerror(errno)));
  };
  // Nonblocking: nobody may ever write to a pipe.
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return error();
  const absl::Cleanup close_file = [file] { close(file); };
  struct stat status;
  if (fstat(file, &status) != 0) return error();
  if (!S_ISREG(status.st_mode)) {
    return Bad(absl::StrCat(path, " is ", FileKind(status.st_mode),
                            ", not a plain file"));
  }
  std::string text(most + 1, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = read(file, text.data() + size, text.size() - size);
    if (got == 0) break;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return error();
    size += static_cast<size_t>(got);
  }
  text.resize(size);
  return text;
}

absl::Status AtPlace(size_t index, absl::string_view why) {
  return Bad(absl::StrCat("the key at place ", index, " of \"keys\" ", why));
}

}  // namespace

absl::StatusOr<std::unique_ptr<TokenKey>> TokenKey::Make(const Json& jwk) {
  const std::string type = TextOr(jwk, "kty");
  if (type != "RSA" && type != "EC" && type != "oct") {
    return Bad("is of another type (\"kty\") than \"RSA\", \"EC\" and \"oct\"");
  }
  absl::Status status = CheckStrength(jwk, type);
  if (!status.ok()) return status;
  const std::string text = jwk.Canonical();
  cjose_err error;
  cjose_jwk_t* const key = cjose_jwk_import(text.data(), text.size(), &error);
  if (key == nullptr) return Bad("cannot be read; is it whole?");
  return std::unique_ptr<TokenKey>(new TokenKey(TextOr(jwk, "kid"), type,
                                                TextOr(jwk, "alg"),
                                                TextOr(jwk, "crv"), text, key));
}

TokenKey::TokenKey(std::string id, std::string type, std::string algorithm,
                   std::string curve, std::string text, _cjose_jwk_int* key)
    : id_(std::move(id)),
      type_(std::move(type)),
      algorithm_(std::move(algorithm)),
      curve_(std::move(curve)),
      text_(std::move(text)),
      key_(key) {}

TokenKey::~TokenKey() { cjose_jwk_release(key_); }

bool TokenKey::Fits(absl::string_view algorithm) const {
  if (!algorithm_.empty() && algorithm_ != algorithm) return false;
  if (type_ == "oct") return absl::StartsWith(algorithm, "HS");
  if (type_ == "EC") {
    return absl::StartsWith(algorithm, "ES") && curve_ == CurveOf(algorithm);
  }
  return absl::StartsWith(algorithm, "RS") || absl::StartsWith(algorithm, "PS");
}

bool TokenKey::HasSigned(absl::string_view token) const {
  cjose_err error;
  cjose_jws_t* const signed_text =
      cjose_jws_import(token.data(), token.size(), &error);
  if (signed_text == nullptr) return false;
  const bool result = cjose_jws_verify(signed_text, key_, &error);
  cjose_jws_release(signed_text);
  return result;
}

absl::StatusOr<std::shared_ptr<TokenKeys>> TokenKeys::Parse(
    absl::string_view text, absl::Span<const std::string> algorithms) {
  if (text.size() > kMaxBytes) {
    return Bad(
        absl::StrCat("it has ", text.size(), " bytes, of at most ", kMaxBytes));
  }
  const absl::StatusOr<Json> set = Json::Parse(text);
  if (!set.ok()) return set.status();
  const std::optional<std::vector<Json>> jwks = set->list("keys");
  if (!jwks.has_value()) {
    return Bad("it is no JWK set: an object with a list \"keys\"");
  }
  if (jwks->size() > kMaxKeys) {
    return Bad(
        absl::StrCat("it has ", jwks->size(), " keys, of at most ", kMaxKeys));
  }
  auto keys = std::make_shared<TokenKeys>();
  for (size_t i = 0; i < jwks->size(); ++i) {
    const Json& jwk = (*jwks)[i];
    if (!jwk.is_object()) return AtPlace(i, "is no object");
    if (!IsForSignatures(jwk)) continue;
    absl::StatusOr<std::unique_ptr<TokenKey>> key = TokenKey::Make(jwk);
    if (!key.ok()) return AtPlace(i, key.status().message());
    if (!FitsAny(**key, algorithms)) continue;
    const bool is_known = std::any_of(
        keys->keys_.begin(), keys->keys_.end(), [&](const auto& other) {
          return !other->id().empty() && other->id() == (*key)->id();
        });
    if (is_known) return AtPlace(i, "has the \"kid\" of another key");
    keys->keys_.push_back(*std::move(key));
  }
  if (keys->keys_.empty()) {
    return Bad("it has no key for one of the configured algorithms");
  }
  return keys;
}

absl::StatusOr<std::shared_ptr<TokenKeys>> TokenKeys::Load(
    const std::string& path, absl::Span<const std::string> algorithms) {
  const absl::StatusOr<std::string> text = ReadText(path, kMaxBytes);
  if (!text.ok()) return text.status();
  auto keys = Parse(*text, algorithms);
  if (!keys.ok()) return Bad(absl::StrCat(path, ": ", keys.status().message()));
  return keys;
}

absl::StatusOr<std::shared_ptr<const TokenKey>> TokenKeys::Find(
    absl::string_view algorithm, absl::string_view id) const {
  std::shared_ptr<const TokenKey> found;
  for (const auto& key : keys_) {
    if (!key->Fits(algorithm) || (!id.empty() && key->id() != id)) continue;
    if (found != nullptr) {
      return absl::UnauthenticatedError(absl::StrCat(
          "the token names no key (\"kid\"), and several fit ", algorithm));
    }
    found = key;
  }
  if (found == nullptr) {
    return absl::UnauthenticatedError(absl::StrCat(
        "the token is of the key ", Quoted(id, kQuotedBytes), " for ",
        Quoted(algorithm, kQuotedBytes), ", which this server does not have"));
  }
  return found;
}

size_t TokenKeys::Replace(const TokenKeys& before) {
  size_t voided = 0;
  for (const auto& old : before.keys_) {
    const auto same =
        std::find_if(keys_.begin(), keys_.end(),
                     [&](const auto& key) { return key->SameAs(*old); });
    if (same != keys_.end()) {
      *same = old;
    } else {
      old->Void();
      ++voided;
    }
  }
  return voided;
}

}  // namespace pinion
