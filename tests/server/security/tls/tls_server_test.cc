// SPDX-License-Identifier: Apache-2.0
//
// A server whose listener encrypts: who can connect, and what is said of those
// who cannot.
#include "pinion/tests/server/security/tls/tls_server.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/server/snapshot.h"

namespace pinion {
namespace {

using ::pinion::testing::PemPair;
using ::pinion::testing::SendInClear;
using ::pinion::testing::SerialOf;
using ::pinion::testing::SilentConnection;
using ::pinion::testing::TestAuthority;
using ::pinion::testing::TlsServerTest;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST_F(TlsServerTest, ServesCallsSessionsAndUnaryOnesEncrypted) {
  StartTls({});
  for (const bool unary : {true, false}) {
    const auto client = NewClient({.unary = unary});
    EXPECT_EQ(Put(*client), absl::OkStatus());
  }
}

TEST_F(TlsServerTest, ServesInProcessAsWell) {
  StartTls({});
  Client client(server_->InProcessChannel(), {.unary = true});
  EXPECT_EQ(Put(client), absl::OkStatus());
}

TEST_F(TlsServerTest, ServesAPublicAddressWithoutFurtherWords) {
  StartTls({}, {.listen = "0.0.0.0:0"});
  EXPECT_FALSE(server_->address().empty());
}

TEST_F(TlsServerTest, DoesNotStartWithWrongFiles) {
  const absl::Status wrong = [&] {
    WriteFiles({server_pair_.certificate, client_.key},
               authority_.certificate());
    return TryStart({});
  }();
  EXPECT_EQ(wrong.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(
      std::string(wrong.message()),
      AllOf(HasSubstr("tls_key \""), HasSubstr("key.pem\" does not belong")));
}

TEST_F(TlsServerTest, AsksNobodyIfClientAuthIsOff) {
  StartTls({});
  EXPECT_TRUE(Shake({.ca = authority_.certificate()}).ok());
  EXPECT_TRUE(Shake({.pair = TestAuthority("another").Issue({})}).ok());
}

TEST_F(TlsServerTest, TakesNoneOrAValidOneIfClientAuthIsOptional) {
  StartTls({.client_auth = ClientAuth::kOptional});
  EXPECT_TRUE(Shake({}).ok());
  EXPECT_TRUE(Shake({.pair = client_}).ok());
  EXPECT_FALSE(Shake({.pair = TestAuthority("another").Issue({})}).ok());
}

TEST_F(TlsServerTest, TakesAValidOneOnlyIfClientAuthIsRequired) {
  StartTls({.client_auth = ClientAuth::kRequired});
  EXPECT_TRUE(Shake({.pair = client_}).ok());
  const auto client = NewClient({}, &client_);
  EXPECT_EQ(Put(*client), absl::OkStatus());
  lines_.Take();

  EXPECT_FALSE(Shake({}).ok());
  EXPECT_THAT(lines_.Await("failed"),
              AllOf(HasSubstr("warning tls: the handshake with 127.0.0.1:"),
                    HasSubstr("it shows no certificate, and client_auth is "
                              "required")));
  EXPECT_FALSE(Shake({.pair = TestAuthority("another").Issue({})}).ok());
  EXPECT_THAT(lines_.Await("failed"),
              HasSubstr("its certificate is not accepted: unable to get local "
                        "issuer certificate"));
  EXPECT_FALSE(Shake({.pair = authority_.Issue(
                          {.not_before = absl::Now() - absl::Hours(9),
                           .not_after = absl::Now() - absl::Hours(1)})})
                   .ok());
  EXPECT_THAT(lines_.Await("failed"),
              HasSubstr("not accepted: certificate has expired"));
  // Of the authority's name, with another key.
  EXPECT_FALSE(Shake({.pair = TestAuthority().Issue({.name = "client"})}).ok());
  EXPECT_THAT(lines_.Await("failed"), HasSubstr("not accepted: "));
}

TEST_F(TlsServerTest, TellsWhatAClientDoesNotLike) {
  StartTls({});
  const TestAuthority another("another");
  for (const int newest : {2, 3}) {
    EXPECT_FALSE(Shake({.ca = another.certificate(), .newest = newest}).ok());
    EXPECT_THAT(lines_.Await("failed"),
                AllOf(HasSubstr("it ends the handshake with \"unknown CA\""),
                      HasSubstr("does not accept this server's certificate")));
  }
}

TEST_F(TlsServerTest, TellsWhatIsNotTlsOrNotHttp2) {
  StartTls({});
  // As a client of gRPC's begins that does not encrypt.
  EXPECT_EQ(SendInClear(server_->address(), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
            absl::OkStatus());
  EXPECT_THAT(lines_.Await("failed"), HasSubstr("what it sends is not TLS"));
  EXPECT_FALSE(Shake({.protocol = ""}).ok());
  EXPECT_THAT(lines_.Await("failed"), HasSubstr("HTTP/2 (ALPN h2)"));
}

TEST_F(TlsServerTest, AConnectionWithoutAWordIsNoTrouble) {
  StartTls({});
  EXPECT_EQ(SendInClear(server_->address(), ""), absl::OkStatus());
  EXPECT_THAT(lines_.Await("failed"),
              AllOf(HasSubstr("debug tls:"), HasSubstr("it sent nothing")));
}

TEST_F(TlsServerTest, TakesTls12AndNothingOlder) {
  StartTls({});
  EXPECT_TRUE(Shake({.newest = 2}).ok());
  EXPECT_FALSE(Shake({.newest = 1}).ok());
  EXPECT_THAT(lines_.Await("failed"), HasSubstr("(tls_min_version)"));
}

TEST_F(TlsServerTest, TakesNothingBelowTls13IfSoWanted) {
  StartTls({.min_version = TlsVersion::k13});
  EXPECT_TRUE(Shake({.newest = 3}).ok());
  EXPECT_FALSE(Shake({.newest = 2}).ok());
  EXPECT_THAT(lines_.Await("failed"), HasSubstr("(tls_min_version)"));
  const auto client = NewClient();
  EXPECT_EQ(Put(*client), absl::OkStatus());
  // Another server of the same process has its own.
  const std::unique_ptr<Server> first = std::move(server_);
  StartTls({});
  EXPECT_TRUE(Shake({.newest = 2}).ok());
}

TEST_F(TlsServerTest, AReloadReadsTheFilesAtOnceOrChangesNothing) {
  StartTls({});
  const PemPair next = authority_.Issue({});
  WriteFiles({next.certificate, server_pair_.key}, authority_.certificate());
  HostingOptions more_grace = hosting_;
  more_grace.grace = absl::Seconds(17);
  const absl::Status refused = server_->Reload(listen_, more_grace);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("does not belong to"));
  EXPECT_EQ(*Shake({}), SerialOf(server_pair_.certificate));
  WriteFiles(next, authority_.certificate());
  EXPECT_EQ(ReadFilesAgain(), absl::OkStatus());
  EXPECT_EQ(*Shake({}), SerialOf(next.certificate));
}

TEST_F(TlsServerTest, OtherPathsNeedARestart) {
  StartTls({});
  ListenOptions listen = listen_;
  listen.tls.key = files_.Path("another.key");
  const absl::Status refused = server_->Reload(listen, hosting_);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("tls_key"));
}

TEST_F(TlsServerTest, AConnectionOutlivesTheCertificateThatItBeganWith) {
  StartTls({.client_auth = ClientAuth::kRequired});
  const auto client = NewClient({}, &client_);
  ASSERT_EQ(Put(*client), absl::OkStatus());
  const TestAuthority another("another");
  WriteFiles(another.Issue({}), another.certificate());
  ASSERT_EQ(ReadFilesAgain(), absl::OkStatus());
  EXPECT_EQ(Put(*client), absl::OkStatus());
  EXPECT_FALSE(Shake({.pair = client_}).ok());
  EXPECT_TRUE(Shake({.pair = another.Issue({})}).ok());
}

TEST_F(TlsServerTest, HandshakesUnderWayDoNotHoldUpAStop) {
  StartTls({});
  const auto client = NewClient();
  ASSERT_EQ(Put(*client), absl::OkStatus());
  const SilentConnection silent(server_->address());
  while (server_->Snapshot().connections.accepted < 2) {
    ASSERT_EQ(Put(*client), absl::OkStatus());
  }
  EXPECT_EQ(server_->Stop(), absl::OkStatus());
}

}  // namespace
}  // namespace pinion
