// SPDX-License-Identifier: Apache-2.0
//
// TokenKeys: the keys of a JWK set file, with which tokens are checked.
//
// Errors:  they have the key's place in the file, and nothing of its text: a
//          file may have secrets.
// Threads: immutable but for TokenKey's mark; any thread may use it.
// Life:    shared; a key lives as long as a verdict that it has given.
// Example: auto keys = TokenKeys::Load("/etc/pinion/keys.json", {"ES256"});
//          auto key = (*keys)->Find(token.algorithm, token.key_id);
//          if (key.ok() && (*key)->HasSigned(text)) ...
#ifndef PINION_SERVER_SECURITY_IDENTITY_TOKEN_KEYS_H_
#define PINION_SERVER_SECURITY_IDENTITY_TOKEN_KEYS_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "pinion/server/security/identity/json.h"

struct _cjose_jwk_int;  // cjose's key.

namespace pinion {

class TokenKey {
 public:
  // INVALID_ARGUMENT if `jwk` is not a key that can check signatures, is weak
  // (RSA below 2048 bits, with an even modulus, or with an exponent that is
  // even or below 65537; a secret below 256 bits), would keep a thread busy
  // (RSA above 16384 bits, or with an exponent above 2^32), or has a private
  // part.
  static absl::StatusOr<std::unique_ptr<TokenKey>> Make(const Json& jwk);
  ~TokenKey();
  TokenKey(const TokenKey&) = delete;
  TokenKey& operator=(const TokenKey&) = delete;

  // Its name; empty if it has none.
  const std::string& id() const { return id_; }
  // Whether a token with this algorithm can be signed with it: it is of the
  // algorithm's kind, and for no other algorithm alone.
  bool Fits(absl::string_view algorithm) const;
  // Whether the token's signature is this key's. The token's algorithm must
  // fit. Takes 25 to 125 us.
  bool HasSigned(absl::string_view token) const;

  // Whether both are the same key.
  bool SameAs(const TokenKey& other) const { return text_ == other.text_; }

  // Says that the key is in use no more: what it has signed proves nothing.
  void Void() const { voided_->store(true, std::memory_order_release); }
  bool voided() const { return voided_->load(std::memory_order_acquire); }
  // That mark, which may outlive the key.
  const std::shared_ptr<std::atomic<bool>>& mark() const { return voided_; }

 private:
  TokenKey(std::string id, std::string type, std::string algorithm,
           std::string curve, std::string text, _cjose_jwk_int* key);

  const std::string id_;
  const std::string type_;       // "RSA", "EC" or "oct".
  const std::string algorithm_;  // The only one; empty: each that fits.
  const std::string curve_;      // Of an EC key.
  const std::string text_;
  _cjose_jwk_int* const key_;
  // Release and acquire with each other: whoever sees a key voided sees what
  // was there before.
  const std::shared_ptr<std::atomic<bool>> voided_ =
      std::make_shared<std::atomic<bool>>(false);
};

class TokenKeys {
 public:
  // The most bytes of a file, and the most keys in it.
  static constexpr size_t kMaxBytes = 1 << 20;
  static constexpr size_t kMaxKeys = 256;

  // From the text of a JWK set. Leaves out keys that are for encryption, or
  // that fit none of `algorithms`. INVALID_ARGUMENT with the key's place if one
  // of the others is not valid, if two have one name, or if none is left.
  static absl::StatusOr<std::shared_ptr<TokenKeys>> Parse(
      absl::string_view text, absl::Span<const std::string> algorithms);

  // From the JWK set file at `path`. Waits for the disk only: what is no plain
  // file, such as a pipe, is an error. NOT_FOUND if it cannot be read, else
  // INVALID_ARGUMENT as above; the message begins with the path.
  static absl::StatusOr<std::shared_ptr<TokenKeys>> Load(
      const std::string& path, absl::Span<const std::string> algorithms);

  // The key of a token: the one of that name; for a token that names none, the
  // only one that fits. UNAUTHENTICATED if there is none.
  absl::StatusOr<std::shared_ptr<const TokenKey>> Find(
      absl::string_view algorithm, absl::string_view id) const;

  size_t size() const { return keys_.size(); }

  // Takes over the keys of `before` that are here, too, so that what they have
  // proven stands, and voids the others. Returns how many those are. Before
  // others see this.
  size_t Replace(const TokenKeys& before);

 private:
  std::vector<std::shared_ptr<const TokenKey>> keys_;
};

}  // namespace pinion

#endif  // PINION_SERVER_SECURITY_IDENTITY_TOKEN_KEYS_H_
