// SPDX-License-Identifier: Apache-2.0
#include "pinion/proto/wire/session_response.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/proto/wire/session_answer.h"
#include "pinion/tests/proto/session_oracle.h"
#include "pinion/v1/session.pb.h"

namespace pinion {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::ResponseDisagreement;

constexpr int kResourceExhausted = 8;

v1::Failure LaneFull() {
  v1::Failure failure;
  failure.set_reason(v1::REASON_LANE_FULL);
  failure.set_executed(v1::EXECUTED_NO);
  failure.set_retry_after_us(1500);
  failure.set_worker(0);
  return failure;
}

v1::Timing SomeTiming() {
  v1::Timing timing;
  timing.set_worker(1);
  timing.set_waited_ns(15'000);
  timing.set_ran_ns(2'000);
  timing.set_batch(4);
  return timing;
}

std::string Written(const OutgoingAnswer& answer) {
  std::string bytes(AnswerSize(answer), '\0');
  uint8_t* const begin = reinterpret_cast<uint8_t*>(bytes.data());
  EXPECT_EQ(WriteAnswer(answer, begin), begin + bytes.size());
  return bytes;
}

std::vector<AnswerView> AnswersOf(absl::string_view bytes) {
  SessionResponse response(bytes);
  EXPECT_TRUE(response.Scan()) << response.status();
  std::vector<AnswerView> answers;
  AnswerView answer;
  while (response.NextAnswer(&answer)) answers.push_back(answer);
  EXPECT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(answers.size(), response.answers());
  return answers;
}

TEST(SessionAnswerTest, TheLargestPayloadFitsAndOneByteMoreDoesNot) {
  v1::Timing timing;
  timing.set_worker(std::numeric_limits<uint32_t>::max());
  timing.set_waited_ns(std::numeric_limits<uint64_t>::max());
  timing.set_ran_ns(std::numeric_limits<uint64_t>::max());
  timing.set_batch(std::numeric_limits<uint32_t>::max());
  // Around each size at which a length takes one byte more.
  for (const size_t middle : {200u, 1u << 14, 1u << 21, 4u << 20}) {
    const std::string longest(middle + 200, 'x');
    for (size_t message = middle - 100; message < middle + 200; ++message) {
      const size_t payload = LargestPayload(message);
      OutgoingAnswer answer = {
          .id = std::numeric_limits<uint64_t>::max(),
          .payload = absl::string_view(longest).substr(0, payload),
          .timing = &timing};
      ASSERT_LE(AnswerSize(answer), message);
      answer.payload = absl::string_view(longest).substr(0, payload + 1);
      ASSERT_GT(AnswerSize(answer), message);
    }
  }
  EXPECT_EQ(LargestPayload(0), 0u);
  EXPECT_EQ(LargestPayload(20), 0u);
}

TEST(SessionAnswerTest, AnOkAnswerComesBackAsItWas) {
  const std::string payload(64, 'x');
  const std::string bytes = Written({.id = 1000, .payload = payload});
  EXPECT_EQ(bytes.size(), 2 + 3 + 2 + payload.size());
  const AnswerView answer = AnswersOf(bytes)[0];
  EXPECT_EQ(answer.id, 1000u);
  EXPECT_EQ(answer.payload, payload);
  EXPECT_EQ(answer.code, 0);
  EXPECT_FALSE(answer.has_failure);
  EXPECT_FALSE(answer.has_timing);
  EXPECT_FALSE(answer.has_trailing);
}

TEST(SessionAnswerTest, AnAnswerOfNothingIsAnAnswer) {
  const std::string bytes = Written({});
  EXPECT_EQ(bytes.size(), 2u);
  EXPECT_EQ(AnswersOf(bytes).size(), 1u);
}

TEST(SessionAnswerTest, AFailedAnswerComesBackAsItWas) {
  const v1::Failure failure = LaneFull();
  const v1::Timing timing = SomeTiming();
  const std::vector<MetadataView> trailing = {{"a", "1"}, {"b-bin", "\xff"}};
  const std::string bytes = Written({.id = 7,
                                     .code = kResourceExhausted,
                                     .message = "full",
                                     .failure = &failure,
                                     .timing = &timing,
                                     .status_details = "details",
                                     .trailing = trailing});
  const AnswerView answer = AnswersOf(bytes)[0];
  EXPECT_EQ(answer.code, kResourceExhausted);
  EXPECT_EQ(answer.message, "full");
  EXPECT_EQ(answer.failure().SerializeAsString(), failure.SerializeAsString());
  EXPECT_EQ(answer.timing().SerializeAsString(), timing.SerializeAsString());
  EXPECT_EQ(answer.status_details, "details");
  MetadataReader reader = answer.trailing();
  MetadataView metadata;
  ASSERT_TRUE(reader.Next(&metadata));
  EXPECT_EQ(metadata.name, "a");
  EXPECT_EQ(metadata.value, "1");
  ASSERT_TRUE(reader.Next(&metadata));
  EXPECT_EQ(metadata.name, "b-bin");
  EXPECT_EQ(metadata.value, "\xff");
  EXPECT_FALSE(reader.Next(&metadata));
  EXPECT_EQ(ResponseDisagreement(bytes), "");
}

TEST(SessionAnswerTest, AnErrorMessageThatIsNotUtf8DoesNotBreakTheResponse) {
  const std::string bytes =
      Written({.id = 7, .code = 2, .message = "na\xc3\xafve \xff\xe2\x82."});
  v1::OpenResponse parsed;
  ASSERT_TRUE(parsed.ParseFromString(bytes));
  EXPECT_EQ(parsed.answers(0).message(), "na\xc3\xafve ???.");
}

TEST(SessionAnswerTest, ANegativeCodeIsWrittenAsProtobufDoes) {
  const std::string bytes = Written({.code = -1});
  EXPECT_EQ(AnswersOf(bytes)[0].code, -1);
  EXPECT_EQ(ResponseDisagreement(bytes), "");
}

TEST(SessionAnswerTest, LargePayloadsHaveLongLengths) {
  for (const size_t size : {127u, 128u, 16'383u, 16'384u, 1u << 21}) {
    const std::string payload(size, 'x');
    const std::string bytes = Written({.id = 1, .payload = payload});
    EXPECT_EQ(AnswersOf(bytes)[0].payload.size(), size);
    EXPECT_EQ(ResponseDisagreement(bytes), "") << size;
  }
}

TEST(SessionResponseTest, HelloAndDrainMayStandAroundAnswers) {
  v1::ServerHello hello;
  hello.set_instance_id("5f3a");
  hello.set_revision(1);
  hello.set_max_open_calls(4096);
  hello.set_max_open_bytes(64 << 20);
  hello.set_max_message_bytes(4 << 20);
  const std::string bytes = EncodeServerHello(hello) + Written({.id = 7}) +
                            EncodeDrain(5'000'000, v1::DRAIN_REASON_STOPPING);
  SessionResponse response(bytes);
  ASSERT_TRUE(response.Scan());
  ASSERT_TRUE(response.hello().has_value());
  EXPECT_EQ(response.hello()->instance_id, "5f3a");
  EXPECT_EQ(response.hello()->revision, 1u);
  EXPECT_EQ(response.hello()->max_open_calls, 4096u);
  EXPECT_EQ(response.hello()->max_open_bytes, uint64_t{64 << 20});
  EXPECT_EQ(response.hello()->max_message_bytes, uint64_t{4 << 20});
  ASSERT_TRUE(response.drain().has_value());
  EXPECT_EQ(response.drain()->grace_us, 5'000'000u);
  EXPECT_EQ(response.drain()->reason, v1::DRAIN_REASON_STOPPING);
  EXPECT_EQ(AnswersOf(bytes)[0].id, 7u);
}

TEST(SessionResponseTest, AnEmptyMessageHasNothing) {
  SessionResponse response("");
  EXPECT_TRUE(response.Scan());
  EXPECT_FALSE(response.hello().has_value());
  EXPECT_FALSE(response.drain().has_value());
  EXPECT_THAT(AnswersOf(""), IsEmpty());
}

TEST(SessionResponseTest, AFailureSaidTwiceIsMerged) {
  v1::SessionAnswer first;
  *first.mutable_failure() = LaneFull();
  v1::SessionAnswer second;
  second.mutable_failure()->set_reason(v1::REASON_EXPIRED);
  const std::string both =
      first.SerializeAsString() + second.SerializeAsString();
  const std::string bytes =
      std::string{'\x0a', static_cast<char>(both.size())} + both;
  const v1::Failure failure = AnswersOf(bytes)[0].failure();
  EXPECT_EQ(failure.reason(), v1::REASON_EXPIRED);
  EXPECT_EQ(failure.executed(), v1::EXECUTED_NO);
  EXPECT_EQ(ResponseDisagreement(bytes), "");
}

TEST(SessionResponseTest, AMessageCutAtAnyByteIsJudgedAsByProtobuf) {
  const v1::Failure failure = LaneFull();
  const std::string bytes =
      Written({.id = 7, .payload = "abc"}) +
      Written({.id = 8, .code = 8, .message = "full", .failure = &failure}) +
      EncodeDrain(300, v1::DRAIN_REASON_CONNECTION_AGE);
  for (size_t size = 0; size <= bytes.size(); ++size) {
    EXPECT_EQ(ResponseDisagreement(bytes.substr(0, size)), "") << size;
  }
}

TEST(SessionResponseTest, AFaultSaysWhatAndAtWhichByte) {
  SessionResponse response("\x0a\x02\x08\x80");
  AnswerView answer;
  ASSERT_TRUE(response.Scan());
  EXPECT_FALSE(response.NextAnswer(&answer));
  EXPECT_FALSE(response.ok());
  EXPECT_EQ(response.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(
      std::string(response.status().message()),
      HasSubstr("pinion.v1.OpenResponse: a truncated varint at byte 3"));
}

}  // namespace
}  // namespace pinion
