// SPDX-License-Identifier: Apache-2.0
//
// TokenCounts, TlsEnds: what a server has judged of its callers' tokens, and
// when its certificates end.
//
// Threads: plain data.
// Example: if (server.Snapshot().tls->certificate < absl::Now()) Renew();
#ifndef PINION_SERVER_SECURITY_SNAPSHOT_H_
#define PINION_SERVER_SECURITY_SNAPSHOT_H_

#include <cstdint>
#include <optional>

#include "absl/time/time.h"

namespace pinion {

// What a server has judged of its callers' tokens.
struct TokenCounts {
  uint64_t remembered = 0;  // Their verdict was known from before.
  uint64_t checked = 0;     // Their signatures were checked.
  // Invalid without a check of their signature: for their form, their times,
  // their issuer, or because no key is theirs.
  uint64_t refused_unchecked = 0;
  uint64_t refused_signature = 0;  // A check has refused them.
  uint64_t not_checked = 0;        // There were too many to check.
  int64_t entries = 0;             // Remembered now, valid and not.
};

// The listener's certificates.
struct TlsEnds {
  absl::Time certificate;
  std::optional<absl::Time> client_ca = std::nullopt;
};

}  // namespace pinion

#endif  // PINION_SERVER_SECURITY_SNAPSHOT_H_
