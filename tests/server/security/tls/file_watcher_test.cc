// SPDX-License-Identifier: Apache-2.0
//
// Why Pinion does not use the way of gRPC 1.51 to replace certificates, its
// FileWatcherCertificateProvider: while certificate and key do not belong
// together, each new handshake fails. If this test fails one day, gRPC's way
// may be good enough.
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "pinion/tests/support/certificates.h"
#include "pinion/tests/support/test_files.h"
#include "pinion/tests/support/tls_client.h"

namespace pinion {
namespace {

using ::pinion::testing::Handshake;
using ::pinion::testing::PemPair;
using ::pinion::testing::SerialOf;
using ::pinion::testing::TestAuthority;
using ::pinion::testing::TestFiles;

class FileWatcherTest : public ::testing::Test {
 protected:
  FileWatcherTest() {
    Write("cert.pem", pair_.certificate);
    Write("key.pem", pair_.key);
    grpc::experimental::TlsServerCredentialsOptions options(
        std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
            files_.Path("key.pem"), files_.Path("cert.pem"),
            /*refresh_interval_sec=*/1));
    options.watch_identity_key_cert_pairs();
    options.set_cert_request_type(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
    int port = 0;
    builder_.AddListeningPort("127.0.0.1:0",
                              grpc::experimental::TlsServerCredentials(options),
                              &port);
    builder_.RegisterAsyncGenericService(&service_);
    queue_ = builder_.AddCompletionQueue();
    server_ = builder_.BuildAndStart();
    // gRPC accepts and shakes hands on a thread that asks for events.
    poller_ = std::thread([this] {
      void* tag;
      bool ok;
      while (queue_->Next(&tag, &ok)) {
      }
    });
    address_ = absl::StrCat("127.0.0.1:", port);
  }
  ~FileWatcherTest() override {
    server_->Shutdown(std::chrono::system_clock::now());
    queue_->Shutdown();
    poller_.join();
  }

  void Write(const char* name, const std::string& text) {
    files_.Write(name, text);
  }
  absl::StatusOr<std::string> Shake() {
    return Handshake(address_, {.ca = authority_.certificate()});
  }

  const TestAuthority authority_;
  const PemPair pair_ = authority_.Issue({});
  const TestFiles files_;
  grpc::AsyncGenericService service_;
  grpc::ServerBuilder builder_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::unique_ptr<grpc::Server> server_;
  std::thread poller_;
  std::string address_;
};

TEST_F(FileWatcherTest, FailsHandshakesWithinARotation) {
  ASSERT_EQ(*Shake(), SerialOf(pair_.certificate));
  const PemPair next = authority_.Issue({});
  Write("cert.pem", next.certificate);
  // It sees that within its second.
  while (Shake().ok()) {
  }
  EXPECT_FALSE(Shake().ok());
  Write("key.pem", next.key);
  while (!Shake().ok()) {
  }
  EXPECT_EQ(*Shake(), SerialOf(next.certificate));
}

}  // namespace
}  // namespace pinion
