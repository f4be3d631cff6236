// SPDX-License-Identifier: Apache-2.0
//
// A proxy that the environment names is asked for other machines only, and
// errors then say so.
#include "pinion/client/internal/proxy.h"

#include <cstdlib>
#include <string>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/client/client.h"
#include "pinion/echo/v1/echo.pb.h"
#include "pinion/server/echo/echo_shard.h"
#include "pinion/tests/support/test_server.h"

namespace pinion {
namespace {

using ::pinion::client_internal::FindProxy;
using ::pinion::client_internal::IsOnThisMachine;
using ::pinion::client_internal::Proxy;
using ::pinion::testing::TestServer;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kEcho[] = "/pinion.echo.v1.EchoService/Echo";
// Nobody listens on this port.
constexpr char kProxy[] = "http://user:secret@127.0.0.1:1";

class ProxyTest : public ::testing::Test {
 protected:
  ProxyTest() { Clear(); }
  ~ProxyTest() override { Clear(); }

  static void Clear() {
    for (const char* name : {"grpc_proxy", "https_proxy", "http_proxy",
                             "no_grpc_proxy", "no_proxy"}) {
      unsetenv(name);
    }
  }
  static void Set(const char* name, const char* value) {
    setenv(name, value, /*overwrite=*/1);
  }
  static std::string VariableFor(absl::string_view target) {
    return FindProxy(target).value_or(Proxy()).variable;
  }
};

TEST_F(ProxyTest, TargetsOnThisMachineAreKnown) {
  for (const char* target :
       {"127.0.0.1:50051", "127.1.2.3:1", "localhost:50051", "LOCALHOST:1",
        "localhost", "a.localhost:1", "[::1]:50051", "::1",
        "[::ffff:127.0.0.1]:1", "dns:localhost:1", "dns:///localhost:1",
        "dns://8.8.8.8/127.0.0.1:1", "ipv4:127.0.0.1:1,127.0.0.2:1",
        "ipv6:[::1]:1", "unix:/run/pinion", "unix:///run/pinion",
        "unix-abstract:pinion"}) {
    EXPECT_TRUE(IsOnThisMachine(target)) << target;
  }
  for (const char* target :
       {"", "10.0.0.1:1", "128.0.0.1:1", "localhost.example.org:1",
        "notlocalhost:1", "[::2]:1", "dns:///server:1", "dns://127.0.0.1/b:1",
        "ipv4:127.0.0.1:1,10.0.0.1:1", "0.0.0.0:1", "xds:///a"}) {
    EXPECT_FALSE(IsOnThisMachine(target)) << target;
  }
}

TEST_F(ProxyTest, TheFirstVariableThatIsSetRules) {
  EXPECT_EQ(VariableFor("server:1"), "");
  Set("http_proxy", kProxy);
  EXPECT_EQ(VariableFor("server:1"), "http_proxy");
  Set("https_proxy", "http://other:8");
  EXPECT_EQ(VariableFor("server:1"), "https_proxy");
  Set("grpc_proxy", "");
  EXPECT_EQ(VariableFor("server:1"), "");
  Set("grpc_proxy", "https://encrypted:8");  // gRPC cannot use it.
  EXPECT_EQ(VariableFor("server:1"), "");
}

TEST_F(ProxyTest, HostsThatAreExceptedNeedNone) {
  Set("http_proxy", kProxy);
  Set("no_proxy", "other,.example.org");
  EXPECT_EQ(VariableFor("dns:///a.example.org:1"), "");
  EXPECT_EQ(VariableFor("a.Example.ORG:1"), "");
  EXPECT_EQ(VariableFor("example.org:1"), "http_proxy");
  Set("no_grpc_proxy", "");
  EXPECT_EQ(VariableFor("a.example.org:1"), "http_proxy");
}

TEST_F(ProxyTest, ItsAddressIsToldWithoutThePassword) {
  Set("http_proxy", "http://user:secret@proxy.example.org:3128/path");
  const auto proxy = FindProxy("dns:///server.example.org:50051");
  ASSERT_TRUE(proxy.has_value());
  EXPECT_EQ(proxy->address, "proxy.example.org:3128");
  EXPECT_EQ(proxy->host, "server.example.org");
}

// The parameter: whether calls are unary.
class ClientBehindProxyTest : public ProxyTest,
                              public ::testing::WithParamInterface<bool> {};

INSTANTIATE_TEST_SUITE_P(, ClientBehindProxyTest, ::testing::Bool(),
                         [](const auto& info) {
                           return info.param ? "Unary" : "Session";
                         });

TEST_P(ClientBehindProxyTest, ReachesAServerOnThisMachine) {
  Set("http_proxy", kProxy);
  TestServer test;
  echo::HostEcho(test.server());
  test.Start();
  const auto client =
      Client::Connect(test.server().address(), {.unary = GetParam()});
  const auto reply =
      client->Call<echo::v1::EchoResponse>(kEcho, echo::v1::EchoRequest());
  EXPECT_TRUE(reply.ok()) << reply.status();
}

TEST_P(ClientBehindProxyTest, SaysThatItAskedTheProxy) {
  Set("http_proxy", kProxy);
  const auto client = Client::Connect(
      "pinion.invalid:1",
      {.unary = GetParam(), .connect_timeout = absl::ZeroDuration()});
  const absl::Status status =
      client->CallRaw(kEcho, "", {.timeout = absl::Minutes(1)})
          .response.status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("the HTTP proxy 127.0.0.1:1, which http_proxy "
                              "names; set no_proxy=pinion.invalid"),
                    Not(HasSubstr("secret"))));
}

}  // namespace
}  // namespace pinion
