// SPDX-License-Identifier: Apache-2.0
//
// A client that encrypts: what is wrong with its files it says of each call,
// before it sends anything; and whom it trusts.
#include <grpcpp/security/credentials.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/client/client.h"
#include "pinion/client/echo_methods.h"
#include "pinion/echo/v1/echo.pb.h"
#include "pinion/server/echo/echo_shard.h"
#include "pinion/server/server.h"
#include "pinion/server/tls_options.h"
#include "pinion/tests/support/certificates.h"
#include "pinion/tests/support/test_files.h"

namespace pinion {
namespace {

using ::pinion::testing::PemPair;
using ::pinion::testing::TestAuthority;
using ::pinion::testing::TestFiles;
using ::testing::AllOf;
using ::testing::HasSubstr;

class ClientTlsTest : public ::testing::Test {
 protected:
  ClientTlsTest() {
    files_.Write("ca.pem", authority_.certificate());
    files_.Write("server.pem", server_pair_.certificate);
    files_.Write("server.key", server_pair_.key);
    files_.Write("client.pem", client_pair_.certificate);
    files_.Write("client.key", client_pair_.key);
    echo::HostEcho(server_);
    const absl::Status started = server_.Start();
    EXPECT_TRUE(started.ok()) << started;
  }

  ClientTls Right() {
    return {.ca = files_.Path("ca.pem"),
            .cert = files_.Path("client.pem"),
            .key = files_.Path("client.key")};
  }

  absl::Status Call(const ClientOptions& options) {
    const auto client = Client::Connect(server_.address(), options);
    return client
        ->Call(echo::kEcho, echo::v1::EchoRequest(),
               {.timeout = absl::Minutes(5)})
        .status();
  }

  // Of sessions, which try again, the first error is wanted.
  absl::Status CallOnce(const ClientTls& tls) {
    return Call({.unary = true, .retry = {.max_attempts = 1}, .tls = tls});
  }

  std::string Mistake(const ClientTls& tls) {
    std::string message;
    for (const bool unary : {true, false}) {
      const absl::Status status = Call({.unary = unary, .tls = tls});
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
      message = std::string(status.message());
    }
    return message;
  }

  const TestAuthority authority_;
  const PemPair server_pair_ = authority_.Issue(
      {.name = "server", .alternative_names = "DNS:shop.example.org"});
  const PemPair client_pair_ = authority_.Issue({.name = "client"});
  const TestFiles files_;
  Server server_{{.listen = "127.0.0.1:0",
                  .tls = {.certificate = files_.Path("server.pem"),
                          .key = files_.Path("server.key"),
                          .client_ca = files_.Path("ca.pem"),
                          .client_auth = ClientAuth::kRequired}},
                 {.workers = 1}};
};

TEST_F(ClientTlsTest, CallsAServerByTheNameInItsCertificate) {
  ClientTls tls = Right();
  tls.server_name = "shop.example.org";
  for (const bool unary : {true, false}) {
    EXPECT_EQ(
        Call({.unary = unary, .connect_timeout = absl::Minutes(5), .tls = tls}),
        absl::OkStatus());
  }
  const absl::Status refused = CallOnce(Right());
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable) << refused;
}

TEST_F(ClientTlsTest, TrustsNobodyElse) {
  ClientTls tls = Right();
  tls.server_name = "shop.example.org";
  tls.ca = files_.Write("other.pem", TestAuthority("other").certificate());
  const absl::Status refused = CallOnce(tls);
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("certificate verify failed"));
}

TEST_F(ClientTlsTest, SaysWhichFileIsWrongAndWhy) {
  ClientTls tls = Right();
  tls.ca = files_.Path("none");
  EXPECT_EQ(Mistake(tls), absl::StrCat("tls.ca \"", files_.Path("none"),
                                       "\" cannot be read: No such file or "
                                       "directory"));
  tls.ca = files_.Path("client.pem");
  EXPECT_THAT(Mistake(tls), AllOf(HasSubstr("tls.ca "),
                                  HasSubstr("no certificate authority")));
  tls = Right();
  tls.key = files_.Path("server.key");
  EXPECT_THAT(
      Mistake(tls),
      AllOf(HasSubstr("tls.key "),
            HasSubstr("does not belong to the certificate CN = client")));
  tls = Right();
  tls.cert = files_.Write("garbage", "garbage");
  EXPECT_THAT(Mistake(tls), HasSubstr("tls.cert "));
  const PemPair ended =
      authority_.Issue({.not_before = absl::Now() - absl::Hours(9),
                        .not_after = absl::Now() - absl::Hours(1)});
  tls.cert = files_.Write("ended.pem", ended.certificate);
  tls.key = files_.Write("ended.key", ended.key);
  EXPECT_THAT(Mistake(tls), HasSubstr("ended.pem\" has expired, at "));
}

TEST_F(ClientTlsTest, SaysWhichOptionsDoNotGoTogether) {
  EXPECT_THAT(Mistake({.cert = "a"}),
              HasSubstr("tls.key is empty, and tls.cert is \"a\""));
  EXPECT_THAT(Mistake({.key = "b"}),
              HasSubstr("tls.cert is empty, and tls.key is \"b\""));
  const absl::Status both =
      Call({.tls = Right(), .credentials = grpc::InsecureChannelCredentials()});
  EXPECT_THAT(std::string(both.message()), HasSubstr("set one of them"));
}

}  // namespace
}  // namespace pinion
