// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/json_codec.h"

#include <google/protobuf/descriptor.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/client/cli/methods.h"
#include "pinion/kv/v1/kv.pb.h"
#include "pinion/v1/session.pb.h"

namespace pinion {
namespace {

using ::google::protobuf::DescriptorPool;
using ::testing::HasSubstr;

constexpr char kPut[] = "/pinion.kv.v1.KvService/Put";

class JsonCodecTest : public ::testing::Test {
 protected:
  const cli::Methods methods_{*DescriptorPool::generated_pool()};
  JsonCodec codec_{methods_};
};

TEST_F(JsonCodecTest, EncodesARequestAndDecodesAResponse) {
  const auto request =
      codec_.Encode(kPut, R"({"key": "ä", "value": "1", "ttl_ms": "7"})");
  ASSERT_TRUE(request.ok()) << request.status();
  kv::v1::PutRequest put;
  ASSERT_TRUE(put.ParseFromString(*request));
  EXPECT_EQ(put.key(), "ä");
  EXPECT_EQ(put.value(), "1");
  EXPECT_EQ(put.ttl_ms(), 7u);

  kv::v1::PutResponse response;
  response.set_version(12);
  EXPECT_EQ(codec_.Decode(kPut, response.SerializeAsString()).value(),
            R"({"version":"12"})");
}

TEST_F(JsonCodecTest, TakesJsonBehindAByteOrderMark) {
  EXPECT_TRUE(codec_.Encode(kPut, "\xef\xbb\xbf{\"key\":\"a\"}").ok());
}

TEST_F(JsonCodecTest, PrintsFieldsThatHoldTheirDefault) {
  EXPECT_EQ(codec_.Decode(kPut, "").value(), R"({"version":"0"})");
}

TEST_F(JsonCodecTest, RefusesJsonThatIsNotTheRequest) {
  for (const char* json : {"", "{", "[]", R"({"nokey": 1})",
                           R"({"ttl_ms": "x"})", R"({"ttl_ms": -1})"}) {
    const auto request = codec_.Encode(kPut, json);
    EXPECT_EQ(request.status().code(), absl::StatusCode::kInvalidArgument)
        << json;
    EXPECT_THAT(std::string(request.status().message()),
                HasSubstr("pinion.kv.v1.PutRequest"));
  }
}

TEST_F(JsonCodecTest, RefusesBytesThatAreNotTheResponse) {
  EXPECT_EQ(codec_.Decode(kPut, "\x08").status().code(),
            absl::StatusCode::kInternal);
}

TEST_F(JsonCodecTest, KnowsTheMessagesOfAServerStream) {
  constexpr char kWatch[] = "/pinion.kv.v1.KvService/Watch";
  EXPECT_TRUE(codec_.IsServerStreaming(kWatch));
  EXPECT_FALSE(codec_.IsServerStreaming(kPut));
  EXPECT_FALSE(codec_.IsServerStreaming("/a.B/C"));
  EXPECT_TRUE(codec_.Encode(kWatch, R"({"key": "a"})").ok());
  kv::v1::WatchResponse message;
  message.set_value("1");
  EXPECT_THAT(codec_.Decode(kWatch, message.SerializeAsString()).value(),
              HasSubstr(R"("value":"1")"));
}

TEST_F(JsonCodecTest, RefusesAMethodThatTakesAStreamOfRequests) {
  v1::OpenRequest::descriptor();
  const auto request = codec_.Encode("/pinion.v1.SessionService/Open", R"({})");
  EXPECT_EQ(request.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(request.status().message()),
              HasSubstr("takes a stream of requests"));
}

}  // namespace
}  // namespace pinion
