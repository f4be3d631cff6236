// SPDX-License-Identifier: Apache-2.0
//
// The largest value that the kv service takes, to the byte: what Put takes, Get
// and Watch can return, alone and within a session.
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "google/protobuf/message.h"
#include "gtest/gtest.h"
#include "pinion/client/client.h"
#include "pinion/kv/v1/kv.pb.h"
#include "pinion/server/kv/host_kv.h"
#include "pinion/tests/support/session_client.h"
#include "pinion/tests/support/stream_client.h"
#include "pinion/tests/support/test_server.h"
#include "pinion/v1/session.pb.h"

namespace pinion::kv {
namespace {

using ::pinion::testing::GuardedChannel;
using ::pinion::testing::SessionClient;
using ::pinion::testing::StreamClient;
using ::pinion::testing::TestServer;

constexpr char kGet[] = "/pinion.kv.v1.KvService/Get";
constexpr char kPut[] = "/pinion.kv.v1.KvService/Put";
constexpr char kCompareAndSet[] = "/pinion.kv.v1.KvService/CompareAndSet";
constexpr char kWatch[] = "/pinion.kv.v1.KvService/Watch";

constexpr int64_t kMessage = 4096;
constexpr uint64_t kLongestId = std::numeric_limits<uint64_t>::max();

// All but the tag and the length of the answer and of its payload, the longest
// id, and the longest Timing.
constexpr size_t kLargestResponse =
    kMessage - (1 + 2) - (1 + 2) - (1 + 10) - (2 + 34);
// All but the tag and the length of the value, and the longest version.
constexpr size_t kLargestValue = kLargestResponse - (1 + 2) - (1 + 10);

class KvLargestValueTest : public ::testing::TestWithParam<bool> {
 protected:
  KvLargestValueTest()
      : test_({.workers = 1,
               .stream_bytes = kMessage,
               .max_message_bytes = kMessage}) {
    HostKv(test_.server());
    test_.Start();
    channel_ = GetParam() ? test_.TcpChannel() : test_.InProcessChannel();
    session_ = std::make_unique<SessionClient>(channel_);
    client_ = std::make_unique<Client>(
        channel_.channel,
        ClientOptions{.unary = true, .guard = channel_.guard});
  }

  pinion::v1::SessionAnswer InSession(
      const char* method, const google::protobuf::Message& request) {
    pinion::v1::OpenRequest message;
    pinion::v1::SessionCall& call = *message.add_calls();
    call.set_id(kLongestId);
    call.set_method(method);
    call.set_payload(request.SerializeAsString());
    call.set_want_timing(true);
    EXPECT_LE(message.ByteSizeLong(), static_cast<size_t>(kMessage));
    session_->Send(message);
    return session_->Await(kLongestId);
  }

  static v1::PutRequest PutOf(size_t bytes) {
    v1::PutRequest request;
    request.set_key("a");
    request.set_value(std::string(bytes, 'x'));
    return request;
  }
  absl::Status Put(size_t bytes) {
    return client_->Call<v1::PutResponse>(kPut, PutOf(bytes)).status();
  }
  absl::StatusCode PutInSession(size_t bytes) {
    return static_cast<absl::StatusCode>(InSession(kPut, PutOf(bytes)).code());
  }

  absl::StatusCode CompareAndSet(uint64_t version, size_t bytes) {
    v1::CompareAndSetRequest request;
    request.set_key("a");
    request.set_expected_version(version);
    request.set_value(std::string(bytes, 'x'));
    return client_->Call<v1::CompareAndSetResponse>(kCompareAndSet, request)
        .status()
        .code();
  }

  // Expects that each way of reading returns a value of so many bytes. Returns
  // its version.
  uint64_t ExpectBytes(size_t bytes) {
    v1::GetRequest request;
    request.set_key("a");
    const auto alone = client_->Call<v1::GetResponse>(kGet, request);
    EXPECT_TRUE(alone.ok()) << alone.status();
    if (!alone.ok()) return 0;
    EXPECT_EQ(alone->value().size(), bytes);

    const pinion::v1::SessionAnswer answer = InSession(kGet, request);
    EXPECT_EQ(answer.code(), 0) << answer.message();
    EXPECT_TRUE(answer.has_timing());
    v1::GetResponse within;
    EXPECT_TRUE(within.ParseFromString(answer.payload()));
    EXPECT_EQ(within.value().size(), bytes);

    StreamClient watch(channel_, kWatch, request.SerializeAsString());
    v1::WatchResponse present;
    EXPECT_TRUE(present.ParseFromString(watch.Next().value_or("")));
    EXPECT_EQ(present.value().size(), bytes);
    return alone->version();
  }

  TestServer test_;
  GuardedChannel channel_;
  std::unique_ptr<SessionClient> session_;
  std::unique_ptr<Client> client_;
};

INSTANTIATE_TEST_SUITE_P(, KvLargestValueTest, ::testing::Bool(),
                         [](const auto& info) {
                           return info.param ? "OverTcp" : "InProcess";
                         });

TEST_P(KvLargestValueTest, WhatACallAlonePutsCanBeReadInEveryWay) {
  EXPECT_EQ(Put(kLargestValue), absl::OkStatus());
  ExpectBytes(kLargestValue);
  const absl::Status refusal = Put(kLargestValue + 1);
  EXPECT_EQ(refusal.code(), absl::StatusCode::kInvalidArgument) << refusal;
  ExpectBytes(kLargestValue);
}

TEST_P(KvLargestValueTest, WhatASessionPutsCanBeReadInEveryWay) {
  EXPECT_EQ(PutInSession(kLargestValue), absl::StatusCode::kOk);
  ExpectBytes(kLargestValue);
  EXPECT_EQ(PutInSession(kLargestValue + 1),
            absl::StatusCode::kInvalidArgument);
  ExpectBytes(kLargestValue);
}

TEST_P(KvLargestValueTest, WhatIsComparedAndSetCanBeReadInEveryWay) {
  EXPECT_EQ(CompareAndSet(0, kLargestValue), absl::StatusCode::kOk);
  const uint64_t version = ExpectBytes(kLargestValue);
  EXPECT_EQ(CompareAndSet(version, kLargestValue + 1),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ExpectBytes(kLargestValue), version);
}

TEST_P(KvLargestValueTest, AWatcherIsToldOfTheLargestValue) {
  v1::WatchRequest request;
  request.set_key("a");
  StreamClient watch(channel_, kWatch, request.SerializeAsString());
  EXPECT_TRUE(watch.Next().has_value());
  EXPECT_EQ(Put(kLargestValue), absl::OkStatus());
  v1::WatchResponse written;
  EXPECT_TRUE(written.ParseFromString(watch.Next().value_or("")));
  EXPECT_EQ(written.value().size(), kLargestValue);
}

}  // namespace
}  // namespace pinion::kv
