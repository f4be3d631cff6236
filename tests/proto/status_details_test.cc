// SPDX-License-Identifier: Apache-2.0
#include "pinion/proto/wire/status_details.h"

#include <initializer_list>
#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "google/protobuf/any.pb.h"
#include "gtest/gtest.h"
#include "tests/proto/status_details_test.pb.h"

namespace pinion {
namespace {

using google::protobuf::Any;
using test::RetryInfoShape;
using test::StatusShape;

constexpr int kResourceExhausted = 8;

v1::Failure LaneFull() {
  v1::Failure failure;
  failure.set_reason(v1::REASON_LANE_FULL);
  failure.set_executed(v1::EXECUTED_NO);
  failure.set_retry_after_us(1500);
  failure.set_worker(0);
  return failure;
}

std::string SerializedAny(const google::protobuf::Message& message) {
  Any any;
  any.PackFrom(message);
  return any.SerializeAsString();
}

std::string RetryInfo(int64_t seconds, int32_t nanos) {
  RetryInfoShape info;
  info.mutable_retry_delay()->set_seconds(seconds);
  info.mutable_retry_delay()->set_nanos(nanos);
  Any any;
  any.set_type_url("type.googleapis.com/google.rpc.RetryInfo");
  any.set_value(info.SerializeAsString());
  return any.SerializeAsString();
}

std::string StatusWith(std::initializer_list<std::string> details) {
  StatusShape status;
  status.set_code(kResourceExhausted);
  status.set_message("full");
  for (const std::string& detail : details) status.add_details(detail);
  return status.SerializeAsString();
}

std::string OtherDetail() {
  StatusShape other;
  other.set_message("not a failure");
  return SerializedAny(other);
}

TEST(StatusDetailsTest, AFailureComesBackAsItWas) {
  const auto failure = FailureFromStatusDetails(
      EncodeStatusDetails(kResourceExhausted, "full", LaneFull()));
  ASSERT_TRUE(failure.has_value());
  EXPECT_EQ(failure->SerializeAsString(), LaneFull().SerializeAsString());
  EXPECT_TRUE(failure->has_worker());
}

TEST(StatusDetailsTest, TheBytesAreThoseThatProtobufWouldWrite) {
  EXPECT_EQ(EncodeStatusDetails(kResourceExhausted, "full", LaneFull()),
            StatusWith({RetryInfo(0, 1'500'000), SerializedAny(LaneFull())}));
}

TEST(StatusDetailsTest, DetailsOfAHandlersFollowTheFailure) {
  StatusShape other;
  other.set_message("not a failure");
  std::string details = EncodeStatusDetails(8, "full", LaneFull());
  AppendStatusDetail("type.googleapis.com/pinion.test.StatusShape",
                     other.SerializeAsString(), &details);
  AppendStatusDetail("a/b", "", &details);
  Any empty;
  empty.set_type_url("a/b");
  EXPECT_EQ(details,
            StatusWith({RetryInfo(0, 1'500'000), SerializedAny(LaneFull()),
                        OtherDetail(), empty.SerializeAsString()}));
  EXPECT_EQ(FailureFromStatusDetails(details)->reason(), v1::REASON_LANE_FULL);
}

TEST(StatusDetailsTest, WhenToRetryIsSaidForClientsOfAnyMake) {
  v1::Failure failure = LaneFull();
  failure.set_retry_after_us(61'000'001);
  EXPECT_EQ(EncodeStatusDetails(kResourceExhausted, "full", failure),
            StatusWith({RetryInfo(61, 1000), SerializedAny(failure)}));
  failure.set_retry_after_us(2'000'000);
  EXPECT_EQ(EncodeStatusDetails(kResourceExhausted, "full", failure),
            StatusWith({RetryInfo(2, 0), SerializedAny(failure)}));
  failure.set_retry_after_us(0);
  EXPECT_EQ(EncodeStatusDetails(kResourceExhausted, "full", failure),
            StatusWith({SerializedAny(failure)}));
}

TEST(StatusDetailsTest, ZeroAndEmptyAreLeftOutAndNegativesSignExtended) {
  StatusShape status;
  status.add_details(SerializedAny(v1::Failure()));
  EXPECT_EQ(EncodeStatusDetails(0, "", v1::Failure()),
            status.SerializeAsString());
  status.set_code(-2);
  EXPECT_EQ(EncodeStatusDetails(-2, "", v1::Failure()),
            status.SerializeAsString());
}

TEST(StatusDetailsTest, AMessageOfManyBytesHasALongLength) {
  const std::string message(100000, 'm');
  StatusShape status;
  ASSERT_TRUE(
      status.ParseFromString(EncodeStatusDetails(3, message, LaneFull())));
  EXPECT_EQ(status.message(), message);
  Any any;
  v1::Failure failure;
  ASSERT_EQ(status.details_size(), 2);
  ASSERT_TRUE(any.ParseFromString(status.details(1)));
  EXPECT_EQ(any.type_url(), "type.googleapis.com/pinion.v1.Failure");
  ASSERT_TRUE(any.UnpackTo(&failure));
  EXPECT_EQ(failure.reason(), v1::REASON_LANE_FULL);
}

TEST(StatusDetailsTest, OtherDetailsBesideTheFailureAreSkipped) {
  const auto failure = FailureFromStatusDetails(StatusWith(
      {OtherDetail(), SerializedAny(LaneFull()), OtherDetail(), ""}));
  ASSERT_TRUE(failure.has_value());
  EXPECT_EQ(failure->reason(), v1::REASON_LANE_FULL);
}

TEST(StatusDetailsTest, TheFirstOfTwoFailuresCounts) {
  v1::Failure second;
  second.set_reason(v1::REASON_HANDLER);
  const auto failure = FailureFromStatusDetails(
      StatusWith({SerializedAny(LaneFull()), SerializedAny(second)}));
  ASSERT_TRUE(failure.has_value());
  EXPECT_EQ(failure->reason(), v1::REASON_LANE_FULL);
}

TEST(StatusDetailsTest, UnknownFieldsAreSkipped) {
  const std::string unknown("\x22\x01x\x28\x07\x33\x34\x3d\x01\x02\x03\x04",
                            12);
  std::string status = StatusWith({SerializedAny(LaneFull()) + unknown});
  EXPECT_TRUE(FailureFromStatusDetails(unknown + status + unknown).has_value());
}

TEST(StatusDetailsTest, AStatusWithoutAFailureHasNone) {
  EXPECT_FALSE(FailureFromStatusDetails("").has_value());
  EXPECT_FALSE(FailureFromStatusDetails(StatusWith({})).has_value());
  EXPECT_FALSE(
      FailureFromStatusDetails(StatusWith({OtherDetail()})).has_value());
}

TEST(StatusDetailsTest, ATypeWhoseNameOnlyEndsLikeFailureIsNotOne) {
  Any any;
  any.PackFrom(LaneFull());
  any.set_type_url("type.googleapis.com/other.pinion.v1.Failure");
  EXPECT_FALSE(FailureFromStatusDetails(StatusWith({any.SerializeAsString()}))
                   .has_value());
}

TEST(StatusDetailsTest, NoPrefixOfTheBytesYieldsAnotherFailure) {
  const std::string whole =
      EncodeStatusDetails(kResourceExhausted, "full", LaneFull());
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(FailureFromStatusDetails(whole.substr(0, size)).has_value())
        << size << " bytes of " << whole.size();
  }
}

TEST(StatusDetailsTest, MalformedBytesYieldNothing) {
  const std::string good = StatusWith({SerializedAny(LaneFull())});
  EXPECT_FALSE(FailureFromStatusDetails(good + "\x0f").has_value());
  EXPECT_FALSE(FailureFromStatusDetails(good + "\x1c").has_value());
  EXPECT_FALSE(
      FailureFromStatusDetails(good + std::string(1, '\0')).has_value());
  EXPECT_FALSE(FailureFromStatusDetails(good + "\x1a\x05").has_value());

  Any any;
  any.PackFrom(LaneFull());
  any.set_value("\x08");
  EXPECT_FALSE(FailureFromStatusDetails(StatusWith({any.SerializeAsString()}))
                   .has_value());
}

TEST(StatusDetailsTest, TheCodeAndTheMessageComeBackAsTheyWere) {
  EXPECT_EQ(StatusFromDetails(EncodeStatusDetails(8, "full", LaneFull())),
            absl::ResourceExhaustedError("full"));
  EXPECT_EQ(StatusFromDetails(EncodeStatus(14, "")),
            absl::UnavailableError(""));
}

TEST(StatusDetailsTest, WhatIsNoStatusSaysNothing) {
  EXPECT_TRUE(StatusFromDetails("").ok());
  EXPECT_TRUE(StatusFromDetails("no status").ok());
  const std::string whole = EncodeStatus(8, "full");
  EXPECT_TRUE(StatusFromDetails(whole.substr(0, whole.size() - 1)).ok());
}

}  // namespace
}  // namespace pinion
