// SPDX-License-Identifier: Apache-2.0
//
// Identity: who makes a call, as far as that is proven: its principals, and the
//           address that it comes from.
//
// Threads: immutable, but for the end of what it proves; any thread may read
// it. Life:    shared by the calls and sessions that have it. Example: if
// (identity->Has("x509:spiffe://shop/cart")) ...
#ifndef PINION_SERVER_SECURITY_IDENTITY_IDENTITY_H_
#define PINION_SERVER_SECURITY_IDENTITY_IDENTITY_H_

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace pinion {

// A proven name of a client. The kind is part of it, so that a certificate and
// a token never prove each other's names.
struct Principal {
  enum class Kind {
    kX509,  // From a certificate: its SPIFFE URI, else DNS name, else CN.
    kJwt,   // From a token: "<issuer>#<subject>".
  };

  Kind kind;
  std::string name;

  // "x509:spiffe://shop/cart", "jwt:https://issuer.example#user 7": as policies
  // and logs write it.
  std::string ToString() const;
  // Whether ToString() would return `text`.
  bool Is(absl::string_view text) const;

  friend bool operator==(const Principal&, const Principal&) = default;
};

class Identity {
 public:
  // A client at `address` that has proven nothing.
  explicit Identity(std::string address) : address_(std::move(address)) {}
  // `expires`: when the first ends of what proves them, a certificate or a
  // token; none: nothing of it does.
  // `voided`: becomes true when its key is in use no more; null without one.
  Identity(std::string address, std::vector<Principal> principals,
           std::optional<absl::Time> expires,
           std::shared_ptr<const std::atomic<bool>> voided = nullptr)
      : address_(std::move(address)),
        principals_(std::move(principals)),
        expires_(expires),
        voided_(std::move(voided)) {}

  // At most one of each kind; the one of a token comes last. Empty if nothing
  // is proven.
  absl::Span<const Principal> principals() const { return principals_; }

  // The IP address of the connection's other end, "10.1.2.3" or "fe80::1"; a
  // proxy's, if there is one between. Empty if the connection has none: a Unix
  // socket, or within the process.
  const std::string& address() const { return address_; }

  // From this time on the identity proves nothing. None: it does not end while
  // the connection lives.
  std::optional<absl::Time> expires() const { return expires_; }

  // Whether it still proves its principals.
  bool StandsAt(absl::Time now) const { return !voided() && !ExpiredAt(now); }
  bool ExpiredAt(absl::Time now) const {
    return expires_.has_value() && now >= *expires_;
  }
  // Whether the key of its token is in use no more.
  bool voided() const {
    // Acquire, with the release of whoever drops the key.
    return voided_ != nullptr && voided_->load(std::memory_order_acquire);
  }

  // Whether a principal is written so, with its kind.
  bool Has(absl::string_view principal) const;

  // The party that is answerable for the calls: the last principal, else
  // nothing.
  const Principal* party() const {
    return principals_.empty() ? nullptr : &principals_.back();
  }

  // For logs: "x509:a jwt:b#c", with %20 for a space in a name; or "nobody at
  // 10.1.2.3".
  std::string ToString() const;

 private:
  const std::string address_;
  const std::vector<Principal> principals_;
  const std::optional<absl::Time> expires_;
  const std::shared_ptr<const std::atomic<bool>> voided_;
};

}  // namespace pinion

#endif  // PINION_SERVER_SECURITY_IDENTITY_IDENTITY_H_
