// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/security/tls/tls_files.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "pinion/core/tls/pem_file.h"

namespace pinion {
namespace {

constexpr absl::string_view kCertificate = "tls_certificate";
constexpr absl::string_view kKey = "tls_key";
constexpr absl::string_view kClientCa = "tls_client_ca";

absl::Status Read(absl::string_view option, const std::string& path,
                  std::string& text) {
  auto read = ReadPemFile(path);
  if (!read.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(option, " ", read.status().message()));
  }
  text = *std::move(read);
  return absl::OkStatus();
}

std::string NameOf(absl::string_view option, const std::string& path) {
  return absl::StrCat(option, " \"", path, "\"");
}

}  // namespace

absl::StatusOr<TlsTexts> ReadTlsTexts(const TlsOptions& options) {
  TlsTexts texts;
  absl::Status status =
      Read(kCertificate, options.certificate, texts.certificate);
  if (status.ok()) status = Read(kKey, options.key, texts.key);
  if (status.ok() && !options.client_ca.empty()) {
    status = Read(kClientCa, options.client_ca, texts.client_ca);
  }
  if (!status.ok()) return status;
  return texts;
}

absl::StatusOr<TlsFiles> CheckTlsTexts(const TlsOptions& options,
                                       TlsTexts texts, absl::Time now) {
  const std::string name = NameOf(kCertificate, options.certificate);
  auto certificate = CheckPair({name, texts.certificate},
                               {NameOf(kKey, options.key), texts.key});
  if (!certificate.ok()) return certificate.status();
  const absl::Status time = CheckTime(name, *certificate, now);
  if (!time.ok()) return time;
  TlsFiles files = {.texts = std::move(texts),
                    .certificate = *std::move(certificate),
                    .client_ca = std::nullopt};
  if (options.client_ca.empty()) return files;
  auto authorities = CheckAuthorities(
      {NameOf(kClientCa, options.client_ca), files.texts.client_ca}, now);
  if (!authorities.ok()) return authorities.status();
  files.client_ca = *std::move(authorities);
  return files;
}

}  // namespace pinion
