// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/security/tls/listener_tls.h"

#include <utility>

namespace pinion {

absl::StatusOr<std::unique_ptr<ListenerTls>> ListenerTls::Open(
    const TlsOptions& options, LogSink log) {
  auto tls = std::make_unique<ListenerTls>(options, std::move(log));
  const absl::Status read = tls->watch_.Look();
  if (!read.ok()) return read;
  tls->watch_.Start();
  return tls;
}

ListenerTls::ListenerTls(const TlsOptions& options, LogSink log)
    : watch_({.files = options, .log = log}),
      handshakes_(options.min_version, std::move(log)),
      credentials_(
          std::make_shared<TlsCredentials>(watch_, options.client_auth)) {}

}  // namespace pinion
