// SPDX-License-Identifier: Apache-2.0
//
// What is wrong with a certificate, a key or a file of authorities, told before
// a TLS library uses them.
//
// Threads: plain functions; any thread.
// Why:     gRPC says of a wrong pair that a handshake failed, each time one
//          does. OpenSSL, by which gRPC works, is asked here first, in the same
//          way: what is right here is accepted there.
// Example: const auto facts = CheckPair({"the certificate", certificate},
//                                        {"the key", key});
//          // INVALID_ARGUMENT: the key does not belong to the certificate ...
#ifndef PINION_CORE_TLS_CERTIFICATES_H_
#define PINION_CORE_TLS_CERTIFICATES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace pinion {

struct CertificateFacts {
  // Of the first certificate: "CN = server", "1a2b3c".
  std::string subject;
  std::string serial;
  // When it holds.
  absl::Time not_before;
  absl::Time not_after;

  // "CN = server (serial 1a2b3c), which ends 2027-01-01T00:00:00Z"
  std::string ToString() const;
};

// A PEM text, and what an error calls it: "tls_key \"/etc/pinion/key.pem\"".
struct NamedPem {
  std::string name;
  std::string text;
};

// The facts of the first certificate of a text. INVALID_ARGUMENT, with a
// message that begins with the name, if it has none, or a damaged one.
absl::StatusOr<CertificateFacts> FactsOf(const NamedPem& certificate);

// The facts of a certificate with its key. The first certificate of
// `certificate` must be the key's own; those that have issued it may follow.
// The facts hold for all of them: the latest begin, and the earliest end.
// INVALID_ARGUMENT, with a message that begins with a name, if a TLS server or
// client could not use them. It does not look at the time.
absl::StatusOr<CertificateFacts> CheckPair(const NamedPem& certificate,
                                           const NamedPem& key);

// The facts of the authorities that are to be trusted: those of the first one,
// from when one of them holds until the last one ends. INVALID_ARGUMENT, with a
// message that begins with the name, if there is none, one of them is no
// authority, or none of them holds at `now`.
absl::StatusOr<CertificateFacts> CheckAuthorities(const NamedPem& authorities,
                                                  absl::Time now);

// INVALID_ARGUMENT unless `facts` hold at `now`: "NAME has expired, at ...",
// "NAME is not valid before ...".
absl::Status CheckTime(absl::string_view name, const CertificateFacts& facts,
                       absl::Time now);

}  // namespace pinion

#endif  // PINION_CORE_TLS_CERTIFICATES_H_
