// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/request_maker.h"

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "pinion/client/cli/json_codec.h"
#include "pinion/client/cli/methods.h"
#include "pinion/echo/v1/echo.pb.h"
#include "pinion/kv/v1/kv.pb.h"

namespace pinion::cli {
namespace {

constexpr char kPut[] = "/pinion.kv.v1.KvService/Put";
constexpr char kIncrement[] = "/pinion.kv.v1.KvService/Increment";
constexpr char kEcho[] = "/pinion.echo.v1.EchoService/Echo";

absl::StatusOr<RequestMaker> Make(const std::string& method,
                                  const std::string& json,
                                  std::optional<KeyDistribution> keys) {
  kv::v1::PutRequest::descriptor();
  echo::v1::EchoRequest::descriptor();
  static const Methods methods(
      *google::protobuf::DescriptorPool::generated_pool());
  static auto* codec = new JsonCodec(methods);
  return RequestMaker::Make(
      [&](const std::string& text) { return codec->Encode(method, text); },
      json, keys);
}

template <typename Message>
Message Parsed(absl::string_view bytes) {
  Message message;
  EXPECT_TRUE(
      message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  return message;
}

TEST(RequestMakerTest, PutsTheKeyWithLeadingZerosWhereverItStands) {
  const auto maker =
      Make(kPut, R"({"key":"user-{key}/{key}{key}","value":"{key}!"})",
           KeyDistribution::Uniform(1001));
  ASSERT_TRUE(maker.ok()) << maker.status();
  std::string buffer;
  for (uint64_t key : {0, 7, 1000, 42}) {
    const auto put = Parsed<kv::v1::PutRequest>(maker->Request(key, buffer));
    std::string digits = absl::StrCat(key);
    digits.insert(0, 4 - digits.size(), '0');
    EXPECT_EQ(put.key(), absl::StrCat("user-", digits, "/", digits, digits));
    EXPECT_EQ(put.value(), digits + "!");
  }
}

TEST(RequestMakerTest, PutsANumberIntoAFieldThatIsOne) {
  const auto maker = Make(kIncrement, R"({"key":"a","by":{number}})",
                          KeyDistribution::Uniform(1000));
  ASSERT_TRUE(maker.ok()) << maker.status();
  std::string buffer;
  for (uint64_t key : {0, 1, 127, 128, 999}) {
    EXPECT_EQ(
        Parsed<kv::v1::IncrementRequest>(maker->Request(key, buffer)).by(),
        key);
  }
}

// In base64 a digit is not a byte.
TEST(RequestMakerTest, PutsTheKeyIntoBytesToo) {
  const auto maker =
      Make(kEcho, R"({"payload":"{key}"})", KeyDistribution::Uniform(10'000));
  ASSERT_TRUE(maker.ok()) << maker.status();
  std::string buffer;
  EXPECT_EQ(Parsed<echo::v1::EchoRequest>(maker->Request(0, buffer)).payload(),
            std::string("\xd3\x4d\x34"));
  EXPECT_NE(
      Parsed<echo::v1::EchoRequest>(maker->Request(9999, buffer)).payload(),
      std::string("\xd3\x4d\x34"));
}

TEST(RequestMakerTest, OneKeyAndNoneAreFine) {
  Random random(1);
  std::string buffer;
  const auto one = Make(kPut, R"({"key":"{key}"})", KeyDistribution::One(1));
  EXPECT_EQ(Parsed<kv::v1::PutRequest>(one->Next(random, buffer)).key(), "0");
  buffer.clear();
  const auto none = Make(kPut, R"({"key":"a"})", std::nullopt);
  EXPECT_EQ(Parsed<kv::v1::PutRequest>(none->Next(random, buffer)).key(), "a");
}

TEST(RequestMakerTest, DrawsItsKeysFromTheDistribution) {
  const auto keys = KeyDistribution::Zipf(100, 0.99);
  const auto maker = Make(kPut, R"({"key":"{key}"})", keys);
  Random random(3), same(3);
  std::string buffer, other;
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(maker->Next(random, buffer),
              maker->Request(keys.Draw(same), other));
  }
}

TEST(RequestMakerTest, RefusesWhatDoesNotFitTogether) {
  const auto keys = KeyDistribution::Uniform(10);
  const auto refused = [](const absl::StatusOr<RequestMaker>& maker,
                          absl::string_view why) {
    return maker.status().code() == absl::StatusCode::kInvalidArgument &&
           absl::StrContains(maker.status().message(), why);
  };
  EXPECT_TRUE(refused(Make(kPut, "{}", keys), "no {key}"));
  EXPECT_TRUE(
      refused(Make(kPut, R"({"key":"{key}"})", std::nullopt), "--keys=N"));
  EXPECT_TRUE(refused(Make(kPut, R"({"key":"{key}{number}"})", keys), "both"));
  EXPECT_TRUE(refused(Make(kPut, R"({"kye":"{key}"})", keys), "kye"));
  EXPECT_TRUE(refused(Make(kPut, R"({"kye":1})", std::nullopt), "kye"));
  EXPECT_TRUE(refused(Make(kIncrement, R"({"by":{number}})",
                           KeyDistribution::Uniform(1'000'001)),
                      "1000000 requests"));
}

}  // namespace
}  // namespace pinion::cli
