// SPDX-License-Identifier: Apache-2.0
//
// TlsServerTest: a server whose listener encrypts, its files, and its clients.
//
// Threads: the test's.
// Example: StartTls({.client_auth = ClientAuth::kRequired});
//          EXPECT_TRUE(Shake({.pair = client_}).ok());
#ifndef PINION_TESTS_SERVER_SECURITY_TLS_TLS_SERVER_H_
#define PINION_TESTS_SERVER_SECURITY_TLS_TLS_SERVER_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "pinion/client/client.h"
#include "pinion/client/kv_methods.h"
#include "pinion/kv/v1/kv.pb.h"
#include "pinion/server/kv/host_kv.h"
#include "pinion/server/options.h"
#include "pinion/server/server.h"
#include "pinion/server/tls_options.h"
#include "pinion/tests/server/security/tls/log_lines.h"
#include "pinion/tests/support/certificates.h"
#include "pinion/tests/support/test_files.h"
#include "pinion/tests/support/tls_client.h"

namespace pinion::testing {

class TlsServerTest : public ::testing::Test {
 protected:
  // `tls` needs no files: the test's are added.
  void StartTls(TlsOptions tls, ListenOptions listen = {}) {
    const absl::Status started = TryStart(std::move(tls), std::move(listen));
    ASSERT_TRUE(started.ok()) << started;
  }

  absl::Status TryStart(TlsOptions tls, ListenOptions listen = {}) {
    tls.certificate = files_.Path("cert.pem");
    tls.key = files_.Path("key.pem");
    if (tls.client_auth != ClientAuth::kOff) {
      tls.client_ca = files_.Path("ca.pem");
    }
    listen_ = std::move(listen);
    if (listen_.listen == ListenOptions().listen) {
      listen_.listen = "127.0.0.1:0";
    }
    listen_.tls = std::move(tls);
    hosting_.log = lines_.function();
    hosting_.log_level = LogLevel::kDebug;
    server_ = std::make_unique<Server>(listen_, hosting_);
    kv::HostKv(*server_);
    return server_->Start();
  }

  void WriteFiles(const PemPair& pair, const std::string& ca) {
    files_.Write("cert.pem", pair.certificate);
    files_.Write("key.pem", pair.key);
    files_.Write("ca.pem", ca);
  }

  // What a SIGHUP does.
  absl::Status ReadFilesAgain() { return server_->Reload(listen_, hosting_); }

  absl::StatusOr<std::string> Shake(HandshakeOptions options) {
    return Handshake(server_->address(), options);
  }

  // A client that trusts the test's authority, and shows `pair`, if any.
  std::unique_ptr<Client> NewClient(ClientOptions options = {},
                                    const PemPair* pair = nullptr) {
    ClientTls tls = {.ca =
                         files_.Write("trusted.pem", authority_.certificate())};
    if (pair != nullptr) {
      tls.cert = files_.Write("client.pem", pair->certificate);
      tls.key = files_.Write("client.key", pair->key);
    }
    options.tls = std::move(tls);
    options.connect_timeout = absl::Minutes(5);
    return Client::Connect(server_->address(), options);
  }

  static absl::Status Put(Client& client) {
    kv::v1::PutRequest request;
    request.set_key("a");
    request.set_value("1");
    return client.Call(kv::kPut, request, {.timeout = absl::Minutes(5)})
        .status();
  }

  const TestAuthority authority_;
  const PemPair server_pair_ = authority_.Issue({});
  const PemPair client_ = authority_.Issue({.name = "client"});
  const TestFiles files_;
  LogLines lines_;
  ListenOptions listen_;
  HostingOptions hosting_ = {.workers = 1};
  std::unique_ptr<Server> server_;

  TlsServerTest() { WriteFiles(server_pair_, authority_.certificate()); }
};

}  // namespace pinion::testing

#endif  // PINION_TESTS_SERVER_SECURITY_TLS_TLS_SERVER_H_
