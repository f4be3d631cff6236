// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/internal/tls_credentials.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "pinion/core/tls/certificates.h"
#include "pinion/core/tls/pem_file.h"

namespace pinion::client_internal {
namespace {

absl::StatusOr<NamedPem> Read(absl::string_view member,
                              const std::string& path) {
  auto text = ReadPemFile(path);
  if (!text.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(member, " ", text.status().message()));
  }
  return NamedPem{absl::StrCat(member, " \"", path, "\""), *std::move(text)};
}

absl::Status AddAuthorities(const ClientTls& tls,
                            grpc::SslCredentialsOptions& options) {
  auto authorities = Read("tls.ca", tls.ca);
  if (!authorities.ok()) return authorities.status();
  const auto facts = CheckAuthorities(*authorities, absl::Now());
  if (!facts.ok()) return facts.status();
  options.pem_root_certs = std::move(authorities->text);
  return absl::OkStatus();
}

absl::Status AddPair(const ClientTls& tls,
                     grpc::SslCredentialsOptions& options) {
  auto certificate = Read("tls.cert", tls.cert);
  if (!certificate.ok()) return certificate.status();
  auto key = Read("tls.key", tls.key);
  if (!key.ok()) return key.status();
  const auto facts = CheckPair(*certificate, *key);
  if (!facts.ok()) return facts.status();
  const absl::Status time = CheckTime(certificate->name, *facts, absl::Now());
  if (!time.ok()) return time;
  options.pem_cert_chain = std::move(certificate->text);
  options.pem_private_key = std::move(key->text);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> TlsCredentialsOf(
    const ClientTls& tls) {
  grpc::SslCredentialsOptions options;
  absl::Status status;
  if (!tls.ca.empty()) status = AddAuthorities(tls, options);
  if (status.ok() && !tls.cert.empty()) status = AddPair(tls, options);
  if (!status.ok()) return status;
  return grpc::SslCredentials(options);
}

}  // namespace pinion::client_internal
