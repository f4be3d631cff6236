// SPDX-License-Identifier: Apache-2.0
//
// ListenerTls: what a listener needs to encrypt: the newest files that are
//              right, gRPC's credentials with them, and its handshakes.
//
// Threads: the owner opens and reloads it, and destroys it when no connection
//          can come any more. Any thread may call Give().
// Example: auto tls = ListenerTls::Open(options.tls, log);
//          if (!tls.ok()) return tls.status();
//          builder.AddListeningPort(address, (*tls)->credentials());
#ifndef PINION_SERVER_SECURITY_TLS_LISTENER_TLS_H_
#define PINION_SERVER_SECURITY_TLS_LISTENER_TLS_H_

#include <grpcpp/security/server_credentials.h>

#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pinion/server/log.h"
#include "pinion/server/security/tls/tls_credentials.h"
#include "pinion/server/security/tls/tls_files.h"
#include "pinion/server/security/tls/tls_handshakes.h"
#include "pinion/server/security/tls/tls_watch.h"
#include "pinion/server/tls_options.h"

namespace pinion {

class ListenerTls {
 public:
  // Reads the files, and watches them from then on. INVALID_ARGUMENT, with the
  // option and the path, if they cannot be used. `options` are valid and on().
  // Call it on a thread that is not pinned: the watch's inherits its CPUs.
  static absl::StatusOr<std::unique_ptr<ListenerTls>> Open(
      const TlsOptions& options, LogSink log);

  ListenerTls(const TlsOptions& options, LogSink log);
  ListenerTls(const ListenerTls&) = delete;
  ListenerTls& operator=(const ListenerTls&) = delete;

  // For one port.
  const std::shared_ptr<TlsCredentials>& credentials() const {
    return credentials_;
  }

  // Reads the files now, and returns what is wrong; then those of before are
  // still used.
  absl::Status Reload() { return watch_.Look(); }

  // What is used now.
  std::shared_ptr<const TlsFiles> files() { return watch_.current(); }

  // Calls `give`, which gives the connection of `descriptor` to gRPC.
  void Give(int descriptor, absl::FunctionRef<void()> give) {
    handshakes_.Give(descriptor, give);
  }

 private:
  TlsWatch watch_;
  TlsHandshakes handshakes_;
  const std::shared_ptr<TlsCredentials> credentials_;
};

}  // namespace pinion

#endif  // PINION_SERVER_SECURITY_TLS_LISTENER_TLS_H_
