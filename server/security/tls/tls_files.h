// SPDX-License-Identifier: Apache-2.0
//
// TlsFiles: the texts of a server's TLS files, read and checked together.
//
// Threads: plain data; the functions are for any thread.
// Example: auto texts = ReadTlsTexts(options);
//          auto files = CheckTlsTexts(options, *std::move(texts), absl::Now());
#ifndef PINION_SERVER_SECURITY_TLS_TLS_FILES_H_
#define PINION_SERVER_SECURITY_TLS_TLS_FILES_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "pinion/core/tls/certificates.h"
#include "pinion/server/tls_options.h"

namespace pinion {

// What the files have, in PEM form. `client_ca` is empty if there is none.
struct TlsTexts {
  std::string certificate;
  std::string key;
  std::string client_ca;

  bool operator==(const TlsTexts&) const = default;
};

// Texts with which a server can make handshakes.
struct TlsFiles {
  TlsTexts texts;
  CertificateFacts certificate;
  std::optional<CertificateFacts> client_ca;
};

// INVALID_ARGUMENT, with the option and the path of the first file that cannot
// be read.
absl::StatusOr<TlsTexts> ReadTlsTexts(const TlsOptions& options);

// INVALID_ARGUMENT, with the option and the path, if handshakes with these
// would fail: one is damaged, they do not belong together, one does not hold at
// `now`.
absl::StatusOr<TlsFiles> CheckTlsTexts(const TlsOptions& options,
                                       TlsTexts texts, absl::Time now);

}  // namespace pinion

#endif  // PINION_SERVER_SECURITY_TLS_TLS_FILES_H_
