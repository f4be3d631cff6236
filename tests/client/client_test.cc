// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "gtest/gtest.h"
#include "pinion/echo/v1/echo.pb.h"
#include "pinion/server/echo/echo_shard.h"
#include "pinion/server/testing/gate.h"
#include "pinion/tests/support/test_server.h"

namespace pinion {
namespace {

using ::pinion::testing::Gate;
using ::pinion::testing::TestServer;

constexpr char kEcho[] = "/pinion.echo.v1.EchoService/Echo";

class ClientTest : public ::testing::Test {
 protected:
  ClientTest() {
    echo::HostEcho(test_.server());
    test_.Start();
  }
  TestServer test_;
};

TEST_F(ClientTest, WaitsForItsOpenCallsBeforeItGoes) {
  Gate in_callback, callback_may_end;
  std::atomic<bool> callback_ended{false};
  auto client = test_.TcpClient();
  client->StartRaw(kEcho, "", {}, [&](const Reply& reply) {
    EXPECT_TRUE(reply.status.ok());
    in_callback.Open();
    callback_may_end.Pass();
    callback_ended = true;
  });
  in_callback.Pass();
  std::thread opener([&] { callback_may_end.Open(); });
  client.reset();
  EXPECT_TRUE(callback_ended);
  opener.join();
}

TEST_F(ClientTest, SaysThatAResponseCannotBeDecoded) {
  echo::v1::EchoRequest request;
  request.set_payload("\xff\xff");
  // As another message its payload is a string that is not UTF-8.
  const auto wrong =
      test_.client().Call<echo::v1::EchoKeyedRequest>(kEcho, request);
  EXPECT_EQ(wrong.status().code(), absl::StatusCode::kInternal);
}

TEST_F(ClientTest, RefusesMetadataThatCannotBeSent) {
  const std::pair<const char*, const char*> bad[] = {{"X-Upper", "1"},
                                                     {"a b", "1"},
                                                     {"", "1"},
                                                     {"x-line", "a\nb"},
                                                     {"-bin", "\xff"}};
  for (const auto& [name, value] : bad) {
    EXPECT_EQ(test_.client()
                  .CallRaw(kEcho, "", {.metadata = {{name, value}}})
                  .response.status()
                  .code(),
              absl::StatusCode::kInvalidArgument)
        << name;
  }
  EXPECT_TRUE(test_.client()
                  .CallRaw(kEcho, "", {.metadata = {{"x-any-bin", "\n\xff"}}})
                  .response.ok());
}

TEST_F(ClientTest, RefusesANameOfMegabytesAndGoesOn) {
  const std::string name = "/a.B/" + std::string(5 << 20, 'c');
  EXPECT_EQ(test_.client().CallRaw(name, "").response.status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(
      test_.client().CallRaw(name.substr(0, 4096), "").response.status().code(),
      absl::StatusCode::kUnimplemented);
  EXPECT_TRUE(test_.client().CallRaw(kEcho, "").response.ok());
}

TEST_F(ClientTest, AnswersUnavailableByItselfOnceItsServerHasStopped) {
  test_.Stop();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(test_.client().CallRaw(kEcho, "").response.status().code(),
              absl::StatusCode::kUnavailable);
  }
}

TEST_F(ClientTest, AnEmptyTargetIsToldAsOne) {
  for (const bool unary : {false, true}) {
    const auto client = Client::Connect("", {.unary = unary});
    const absl::Status status = client->CallRaw(kEcho, "").response.status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(status.message(),
              "the target is empty; give a HOST:PORT or unix:PATH");
    EXPECT_TRUE(NotExecuted(status));
  }
}

TEST_F(ClientTest, KnowsNoFailureWhereTheServerSaidNothing) {
  const auto client = Client::Connect("127.0.0.1:1", {.unary = true});
  const auto reply = client->CallRaw(kEcho, "", {.timeout = absl::Hours(1)});
  EXPECT_EQ(reply.response.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(FailureOf(reply.response.status()).has_value());
}

// A listener that the kernel connects to and nobody speaks for.
class SilentServer {
 public:
  SilentServer() : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(socket_, any, size), 0);
    EXPECT_EQ(listen(socket_, 16), 0);
    EXPECT_EQ(getsockname(socket_, any, &size), 0);
    address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  ~SilentServer() { close(socket_); }
  const std::string& address() const { return address_; }

 private:
  const int socket_;
  std::string address_;
};

// Longer than the longest rest between two attempts to connect.
TEST_F(ClientTest, DoesNotGiveUpAServerThatIsSlowToSpeak) {
  SilentServer server;
  const auto client = Client::Connect(server.address(), {.unary = true});
  const auto reply =
      client->CallRaw(kEcho, "", {.timeout = absl::Milliseconds(1500)});
  EXPECT_EQ(reply.response.status().code(), absl::StatusCode::kDeadlineExceeded)
      << reply.response.status();
}

using ClientDeathTest = ClientTest;

TEST_F(ClientDeathTest, SaysWhyItCannotBeDestroyedByACallback) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  for (const bool unary : {false, true}) {
    EXPECT_DEATH(
        {
          auto client = std::make_unique<Client>(test_.TcpChannel().channel,
                                                 ClientOptions{.unary = unary});
          Gate never;
          client->StartRaw(kEcho, "", {},
                           [&](const Reply&) { client = nullptr; });
          never.Pass();
        },
        "destroy it elsewhere")
        << unary;
  }
}

}  // namespace
}  // namespace pinion
