// SPDX-License-Identifier: Apache-2.0
//
// One unary call that nothing disturbs; in-process and over TCP.
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/client/client.h"
#include "pinion/echo/v1/echo.pb.h"
#include "pinion/kv/v1/kv.pb.h"
#include "pinion/server/echo/echo_shard.h"
#include "pinion/server/kv/host_kv.h"
#include "pinion/tests/support/test_server.h"

namespace pinion {
namespace {

using ::pinion::testing::TestServer;
using ::testing::HasSubstr;

constexpr char kGet[] = "/pinion.kv.v1.KvService/Get";
constexpr char kPut[] = "/pinion.kv.v1.KvService/Put";
constexpr char kEcho[] = "/pinion.echo.v1.EchoService/Echo";
constexpr char kEchoKeyed[] = "/pinion.echo.v1.EchoService/EchoKeyed";

v1::Failure FailureIn(const absl::Status& status) {
  const auto failure = FailureOf(status);
  EXPECT_TRUE(failure.has_value()) << status;
  return failure.value_or(v1::Failure());
}

// The parameter: whether calls come over TCP.
class UnaryTest : public ::testing::TestWithParam<bool> {
 protected:
  void Start(HostingOptions options, const kv::KvOptions& kv_options = {}) {
    test_ = std::make_unique<TestServer>(options);
    kv::HostKv(test_->server(), kv_options);
    echo::HostEcho(test_->server());
    test_->Start();
    if (GetParam()) tcp_ = test_->TcpClient();
  }
  Client& client() { return GetParam() ? *tcp_ : test_->client(); }

  std::unique_ptr<TestServer> test_;
  std::unique_ptr<Client> tcp_;
};

INSTANTIATE_TEST_SUITE_P(, UnaryTest, ::testing::Bool(), [](const auto& info) {
  return info.param ? "OverTcp" : "InProcess";
});

TEST_P(UnaryTest, CarriesACallToItsWorkerAndBack) {
  Start({});
  kv::v1::PutRequest put;
  put.set_key("a");
  put.set_value("1");
  ASSERT_TRUE(client().Call<kv::v1::PutResponse>(kPut, put).ok());
  kv::v1::GetRequest get;
  get.set_key("a");
  const auto got = client().Call<kv::v1::GetResponse>(kGet, get);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->value(), "1");
}

TEST_P(UnaryTest, CarriesAnErrorOfTheHandlerAndSaysThatItRan) {
  Start({});
  kv::v1::GetRequest get;
  get.set_key("nothing");
  const auto got = client().Call<kv::v1::GetResponse>(kGet, get);
  EXPECT_EQ(got.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(got.status().message()), HasSubstr("nothing"));
  EXPECT_EQ(FailureIn(got.status()).reason(), v1::REASON_HANDLER);
  EXPECT_EQ(FailureIn(got.status()).executed(), v1::EXECUTED_YES);
}

TEST_P(UnaryTest, CarriesThatTheServiceHasNoRoomAndNoAdviceToRetry) {
  Start({}, {.bytes = 1024});
  kv::v1::PutRequest put;
  put.set_key("a");
  put.set_value(std::string(2000, 'x'));
  const auto status = client().Call<kv::v1::PutResponse>(kPut, put).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("raise kv_bytes"));
  EXPECT_EQ(FailureIn(status).reason(), v1::REASON_HANDLER);
  EXPECT_EQ(FailureIn(status).executed(), v1::EXECUTED_YES);
  EXPECT_EQ(FailureIn(status).retry_after_us(), 0u);
}

TEST_P(UnaryTest, RefusesAKeyThatIsEmptyAbsentOrTooLong) {
  Start({});
  kv::v1::GetRequest empty, longest, too_long;
  longest.set_key(std::string(1024, 'k'));
  too_long.set_key(std::string(1025, 'k'));
  EXPECT_EQ(client().Call<kv::v1::GetResponse>(kGet, longest).status().code(),
            absl::StatusCode::kNotFound);
  for (const auto& bad : {empty, too_long}) {
    const auto got = client().Call<kv::v1::GetResponse>(kGet, bad);
    EXPECT_EQ(got.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(got.status().message()), HasSubstr("1024"));
    EXPECT_EQ(FailureIn(got.status()).reason(), v1::REASON_BAD_REQUEST);
    EXPECT_EQ(FailureIn(got.status()).executed(), v1::EXECUTED_NO);
  }
}

TEST_P(UnaryTest, RefusesWhatCannotBeDecoded) {
  Start({});
  // Cut short before the key, and, with a key that can be read, behind it.
  for (const std::string& bytes : {std::string("\x0a\x05"
                                               "ab"),
                                   std::string("\x0a\x01"
                                               "a\x12\x05"
                                               "b"),
                                   std::string("\x0a\x01\xff")}) {
    const auto reply = client().CallRaw(kPut, bytes);
    EXPECT_EQ(reply.response.status().code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(reply.response.status().message()),
                HasSubstr("cannot decode"));
    EXPECT_EQ(FailureIn(reply.response.status()).executed(), v1::EXECUTED_NO);
  }
}

TEST_P(UnaryTest, SaysWhichMethodIsNotHosted) {
  Start({});
  for (const char* method :
       {"/pinion.kv.v1.KvService/Gets", "/no.such.Service/Get", "/x"}) {
    const auto reply = client().CallRaw(method, "");
    EXPECT_EQ(reply.response.status().code(), absl::StatusCode::kUnimplemented);
    EXPECT_THAT(std::string(reply.response.status().message()),
                HasSubstr(method));
    EXPECT_EQ(FailureIn(reply.response.status()).reason(),
              v1::REASON_NO_SUCH_METHOD);
  }
}

TEST_P(UnaryTest, RunsACallWithoutAKeyOnTheWorkerItAsksFor) {
  Start({.workers = 2});
  for (int worker : {0, 1, 0, 1}) {
    const auto reply = client().Call<echo::v1::EchoResponse>(
        kEcho, echo::v1::EchoRequest(), {.worker = worker});
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->worker(), static_cast<uint32_t>(worker));
  }
}

TEST_P(UnaryTest, RefusesAWorkerThatIsNotThereAndSaysWhichAre) {
  Start({.workers = 2});
  for (const char* worker : {"2", "-1", "x", "", "99999999999999999999"}) {
    const auto reply =
        client().CallRaw(kEcho, "", {.metadata = {{"pinion-worker", worker}}});
    EXPECT_EQ(reply.response.status().code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(reply.response.status().message()),
                HasSubstr("0 to 1"));
  }
}

TEST_P(UnaryTest, RefusesAWorkerThatIsGivenTwice) {
  Start({.workers = 2});
  const auto reply = client().CallRaw(
      kEcho, "",
      {.metadata = {{"pinion-worker", "0"}, {"pinion-worker", "1"}}});
  EXPECT_EQ(reply.response.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_P(UnaryTest, RefusesAWorkerForACallThatHasAKey) {
  Start({.workers = 2});
  echo::v1::EchoKeyedRequest request;
  request.set_key("a");
  const auto reply = client().Call<echo::v1::EchoKeyedResponse>(
      kEchoKeyed, request, {.worker = 0});
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(FailureIn(reply.status()).executed(), v1::EXECUTED_NO);
}

TEST_P(UnaryTest, RefusesARequestThatIsTooLarge) {
  Start({.max_message_bytes = 1024});
  echo::v1::EchoRequest request;
  request.set_payload(std::string(2000, 'x'));
  EXPECT_EQ(
      client().Call<echo::v1::EchoResponse>(kEcho, request).status().code(),
      absl::StatusCode::kResourceExhausted);
}

TEST_P(UnaryTest, RefusesAResponseThatIsTooLargeAndSaysThatTheHandlerRan) {
  Start({.max_message_bytes = 1024});
  echo::v1::EchoKeyedRequest keyed;
  // The response has the worker's number beside the payload.
  echo::v1::EchoRequest request;
  request.set_payload(std::string(1021, 'x'));
  ASSERT_EQ(request.ByteSizeLong(), 1024u);
  const auto reply =
      client().Call<echo::v1::EchoResponse>(kEcho, request, {.worker = 0});
  EXPECT_TRUE(reply.ok()) << reply.status();
  test_->Stop();
  Start({.workers = 2, .max_message_bytes = 1024});
  const auto too_large =
      client().Call<echo::v1::EchoResponse>(kEcho, request, {.worker = 1});
  EXPECT_EQ(too_large.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(FailureIn(too_large.status()).reason(),
            v1::REASON_RESPONSE_TOO_LARGE);
  EXPECT_EQ(FailureIn(too_large.status()).executed(), v1::EXECUTED_YES);
}

TEST_P(UnaryTest, TellsWhereTheTimeWentToWhoAsks) {
  Start({});
  echo::v1::EchoRequest request;
  request.set_block_us(1000);
  const std::string bytes = request.SerializeAsString();
  const RawReply asked = client().CallRaw(kEcho, bytes, {.want_timing = true});
  ASSERT_TRUE(asked.timing.has_value());
  EXPECT_EQ(asked.timing->worker(), 0u);
  // How long a tick takes is known to a thousandth.
  EXPECT_GE(asked.timing->ran_ns(), 990'000u);
  EXPECT_GT(asked.timing->waited_ns(), 0u);
  EXPECT_GE(asked.timing->batch(), 1u);
  EXPECT_FALSE(client().CallRaw(kEcho, bytes).timing.has_value());
}

// gRPC must not unpack it, to any size, and a handler must not see its packed
// bytes.
TEST(UnaryCompressionTest, ACompressedRequestIsRefusedAndAPlainOneIsServed) {
  TestServer test;
  echo::HostEcho(test.server());
  test.Start();
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetCompressionAlgorithm(GRPC_COMPRESS_GZIP);
  Client compressing(
      grpc::CreateCustomChannel(test.server().address(),
                                grpc::InsecureChannelCredentials(), arguments),
      {.unary = true});
  echo::v1::EchoRequest request;
  request.set_payload(std::string(4096, 'a'));
  const auto refused = compressing.Call<echo::v1::EchoResponse>(kEcho, request);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kUnimplemented)
      << refused.status();
  const auto served =
      test.TcpClient()->Call<echo::v1::EchoResponse>(kEcho, request);
  ASSERT_TRUE(served.ok()) << served.status();
  EXPECT_EQ(served->payload(), request.payload());
}

}  // namespace
}  // namespace pinion
