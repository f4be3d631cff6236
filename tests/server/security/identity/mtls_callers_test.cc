// SPDX-License-Identifier: Apache-2.0
//
// Who makes a call over mTLS, as its handler sees it; and the confused deputy:
// a proxy that is not listed, and one that is and passes on what a client has
// written.
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/client/client.h"
#include "pinion/server/server.h"
#include "pinion/tests/support/certificates.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/tests/support/token_maker.h"

namespace pinion {
namespace {

using ::pinion::testing::AddOf;
using ::pinion::testing::AddShard;
using ::pinion::testing::ClaimsOf;
using ::pinion::testing::HostAdd;
using ::pinion::testing::kAdd;
using ::pinion::testing::KeySetOf;
using ::pinion::testing::PemPair;
using ::pinion::testing::TestAuthority;
using ::pinion::testing::TokenMaker;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Names = std::vector<std::string>;

constexpr char kGateway[] = "spiffe://mesh/gateway";

class MtlsCallersTest : public ::testing::Test {
 protected:
  void Start(const std::string& forwarded_identity_from = "") {
    const PemPair pair = authority_.Issue({});
    testing::WriteFile(File("ca.pem"), authority_.certificate());
    testing::WriteFile(File("server.pem"), pair.certificate);
    testing::WriteFile(File("server.key"), pair.key);
    testing::WriteFile(File("keys.json"), KeySetOf({&issuer_}));
    HostingOptions hosting;
    hosting.workers = 1;
    hosting.token_keys = File("keys.json");
    hosting.token_issuer = testing::kIssuer;
    hosting.token_audience = testing::kAudience;
    hosting.forwarded_identity_from = forwarded_identity_from;
    server_ = std::make_unique<Server>(
        ListenOptions{.listen = "127.0.0.1:0",
                      .tls = {.certificate = File("server.pem"),
                              .key = File("server.key"),
                              .client_ca = File("ca.pem"),
                              .client_auth = ClientAuth::kOptional}},
        hosting);
    HostAdd(*server_, on_add_);
    const absl::Status started = server_->Start();
    ASSERT_TRUE(started.ok()) << started;
  }

  static std::string File(const std::string& name) {
    return ::testing::TempDir() + "/mtls_callers_" + name;
  }

  // A client with a certificate of these names; without any if both are empty.
  std::unique_ptr<Client> ClientNamed(const std::string& common_name,
                                      const std::string& alternative_names,
                                      ClientOptions options = {},
                                      absl::Time not_after = absl::Now() +
                                                             absl::Hours(1)) {
    options.tls = ClientTls{.ca = File("ca.pem"), .server_name = "localhost"};
    if (!common_name.empty()) {
      const PemPair pair =
          authority_.Issue({.name = common_name,
                            .alternative_names = alternative_names,
                            .not_after = not_after});
      testing::WriteFile(File("client.pem"), pair.certificate);
      testing::WriteFile(File("client.key"), pair.key);
      options.tls->cert = File("client.pem");
      options.tls->key = File("client.key");
    }
    return Client::Connect(server_->address(), options);
  }

  // What a call of `client` proves, as its handler sees it.
  Names CallerOf(Client& client, const CallOptions& options = {}) {
    const RawReply reply = client.CallRaw(kAdd, AddOf("a"), options);
    EXPECT_TRUE(reply.response.ok()) << reply.response.status();
    const std::lock_guard lock(mutex_);
    return std::exchange(caller_, {"nobody was called"});
  }
  static CallOptions Forwarded(const std::string& header) {
    CallOptions options;
    options.metadata.emplace_back("x-forwarded-client-cert", header);
    return options;
  }

  const TestAuthority authority_;
  const TokenMaker issuer_ = TokenMaker::Ec("k1");
  std::mutex mutex_;
  Names caller_;
  const AddShard::Handler on_add_ = [this](const auto&, auto*,
                                           CallContext& context) {
    const std::lock_guard lock(mutex_);
    caller_ = context.principals();
    for (const std::string& name : caller_) {
      EXPECT_TRUE(context.HasPrincipal(name));
    }
    EXPECT_FALSE(context.HasPrincipal("x509:somebody else"));
    return absl::OkStatus();
  };
  std::unique_ptr<Server> server_;
};

TEST_F(MtlsCallersTest, ACertificateProvesItsSpiffeUriElseDnsNameElseName) {
  Start();
  for (const bool unary : {true, false}) {
    const ClientOptions options = {.unary = unary};
    EXPECT_THAT(CallerOf(*ClientNamed(
                    "cart", "DNS:cart.shop,URI:spiffe://shop/cart", options)),
                ElementsAre("x509:spiffe://shop/cart"));
    EXPECT_THAT(
        CallerOf(*ClientNamed("cart", "DNS:cart.shop,DNS:other.shop", options)),
        ElementsAre("x509:cart.shop"));
    EXPECT_THAT(CallerOf(*ClientNamed("cart", "", options)),
                ElementsAre("x509:cart"));
    EXPECT_THAT(CallerOf(*ClientNamed("", "", options)), IsEmpty());
    EXPECT_THAT(
        CallerOf(*ClientNamed(
            "cart", "DNS:cart.shop,URI:spiffe://shop/cart,URI:https://cart",
            options)),
        IsEmpty());
    EXPECT_THAT(
        CallerOf(*ClientNamed("cart", "DNS:spiffe://shop/cart", options)),
        IsEmpty());
  }
}

// A connection may be older than its certificate, and TLS resumes connections
// without a look at the time.
TEST_F(MtlsCallersTest, ACertificateProvesNothingOnceItHasEnded) {
  Start();
  for (const bool unary : {true, false}) {
    const auto client =
        ClientNamed("cart", "URI:spiffe://shop/cart", {.unary = unary},
                    absl::Now() + absl::Seconds(6));
    EXPECT_THAT(CallerOf(*client), ElementsAre("x509:spiffe://shop/cart"));
    absl::Status status;
    while (status.ok()) {
      status = client->CallRaw(kAdd, AddOf("a")).response.status();
    }
    EXPECT_EQ(status.code(), absl::StatusCode::kUnauthenticated) << status;
  }
}

TEST_F(MtlsCallersTest, ACallMayHaveBothKinds) {
  Start();
  for (const bool unary : {true, false}) {
    ClientOptions options = {.unary = unary};
    options.token_source = [this]() -> absl::StatusOr<std::string> {
      return issuer_.Sign(ClaimsOf({.subject = "spiffe://shop/admin"}));
    };
    const auto client = ClientNamed("cart", "URI:spiffe://shop/cart", options);
    EXPECT_THAT(CallerOf(*client),
                ElementsAre("x509:spiffe://shop/cart",
                            "jwt:https://issuer.example#spiffe://shop/admin"));
  }
}

TEST_F(MtlsCallersTest, AProxyThatIsNotListedSpeaksForItself) {
  Start("x509:spiffe://mesh/another");
  const auto proxy =
      ClientNamed("gateway", absl::StrCat("URI:", kGateway), {.unary = true});
  EXPECT_THAT(CallerOf(*proxy, Forwarded("URI=spiffe://shop/admin")),
              ElementsAre(absl::StrCat("x509:", kGateway)));
}

TEST_F(MtlsCallersTest, AListedProxySpeaksForItsClientAndNeverForItself) {
  Start(absl::StrCat("x509:other, x509:", kGateway));
  const auto proxy =
      ClientNamed("gateway", absl::StrCat("URI:", kGateway), {.unary = true});
  EXPECT_THAT(CallerOf(*proxy, Forwarded("URI=spiffe://shop/cart")),
              ElementsAre("x509:spiffe://shop/cart"));
  // What the client has written stands before.
  EXPECT_THAT(CallerOf(*proxy, Forwarded("URI=spiffe://shop/admin,"
                                         "URI=spiffe://shop/cart")),
              ElementsAre("x509:spiffe://shop/cart"));
  EXPECT_THAT(CallerOf(*proxy), IsEmpty());
  // Somebody whose certificate has the name as another kind of name is another.
  const auto forger =
      ClientNamed(kGateway, "DNS:gateway.mesh", {.unary = true});
  EXPECT_THAT(CallerOf(*forger, Forwarded("URI=spiffe://shop/admin")),
              ElementsAre("x509:gateway.mesh"));
  const RawReply bad =
      proxy->CallRaw(kAdd, AddOf("a"), Forwarded("URI=\"unclosed"));
  EXPECT_EQ(bad.response.status().code(), absl::StatusCode::kUnauthenticated);
}

}  // namespace
}  // namespace pinion
