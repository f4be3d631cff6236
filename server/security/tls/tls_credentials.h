// SPDX-License-Identifier: Apache-2.0
//
// TlsCredentials: gRPC's server credentials with the files that a TlsWatch has
//                 now, so that each handshake gets the newest.
//
// Threads: gRPC asks it on the thread that gives gRPC a connection.
// Life:    the watch, and this, must outlive the last connection's begin.
// Why:     gRPC 1.51's own way to replace certificates, its
//          FileWatcherCertificateProvider, uses what the files have, and fails
//          each handshake while they do not belong together
//          (tests/server/security/tls/file_watcher_test.cc). This is built upon
//          the older way below it, in which gRPC asks for the newest files.
// Limit:   for one port; gRPC asks for each port on its own.
// Example: builder.AddListeningPort(
//              address, std::make_shared<TlsCredentials>(watch, client_auth));
#ifndef PINION_SERVER_SECURITY_TLS_TLS_CREDENTIALS_H_
#define PINION_SERVER_SECURITY_TLS_TLS_CREDENTIALS_H_

#include <grpc/grpc_security.h>
#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>

#include "pinion/server/security/tls/tls_files.h"
#include "pinion/server/security/tls/tls_watch.h"
#include "pinion/server/tls_options.h"

namespace pinion {

class TlsCredentials final : public grpc::ServerCredentials {
 public:
  TlsCredentials(TlsWatch& watch, ClientAuth client_auth);
  ~TlsCredentials() override;
  TlsCredentials(const TlsCredentials&) = delete;
  TlsCredentials& operator=(const TlsCredentials&) = delete;

  // Pinion checks metadata itself; a processor would be called for each session
  // only.
  void SetAuthMetadataProcessor(
      const std::shared_ptr<grpc::AuthMetadataProcessor>& processor) override;

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override;

  static grpc_ssl_certificate_config_reload_status Fetch(
      void* self, grpc_ssl_server_certificate_config** config);

  TlsWatch& watch_;
  // What gRPC has got; it asks under a lock of its own.
  std::shared_ptr<const TlsFiles> fetched_;
  grpc_server_credentials* const credentials_;
};

}  // namespace pinion

#endif  // PINION_SERVER_SECURITY_TLS_TLS_CREDENTIALS_H_
