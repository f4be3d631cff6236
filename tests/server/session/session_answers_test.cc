// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/session/session_answers.h"

#include <grpcpp/support/slice.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "gtest/gtest.h"
#include "pinion/server/call/answer_buffer.h"
#include "pinion/server/internal/answer.h"
#include "pinion/server/internal/credit.h"
#include "pinion/server/internal/payload.h"
#include "pinion/server/io/outbox.h"
#include "pinion/server/session/call_with_id.h"
#include "pinion/server/session/session_host.h"
#include "pinion/v1/failure.pb.h"
#include "pinion/v1/session.pb.h"

namespace pinion {
namespace {

// A call that was answered, without the session and the lane it would have.
class AnsweredCall final : public CallWithId {
 public:
  explicit AnsweredCall(uint64_t id) {
    set_id(id);
    in_session = true;
  }

  void Deliver() override {}
  void OnDelivered() override {}
  Credit& credit() const override { return credit_; }

 private:
  mutable Credit credit_{1, 1};
};

Answer Refusal() {
  return Failed(absl::UnavailableError("no"), v1::REASON_STOPPING,
                v1::EXECUTED_NO);
}

class SessionAnswersTest : public ::testing::Test {
 protected:
  // A call with an answer of `size` bytes.
  AnsweredCall& CallWith(uint64_t id, size_t size = 1) {
    AnsweredCall& call = calls_.emplace_back(id);
    call.answer.payload = Payload(size);
    std::fill_n(call.answer.payload.data(), size, 'x');
    return call;
  }

  // The next message, which must be there; without it, an empty one.
  v1::OpenResponse Next() {
    const std::optional<OutboxOwner::Message> message = NextMessage();
    EXPECT_TRUE(message.has_value());
    return message.has_value() ? Parse(*message) : v1::OpenResponse();
  }
  std::optional<OutboxOwner::Message> NextMessage() {
    return answers_.NextMessage(
        [this](CallWithId& call) { released_.push_back(call.id()); },
        [this](absl::Span<const AnswerBuffer::Entry> entries) {
          ReleaseBuffered(entries);
        });
  }
  void Drop() {
    answers_.Drop([this](CallWithId& call) { released_.push_back(call.id()); },
                  [this](absl::Span<const AnswerBuffer::Entry> entries) {
                    ReleaseBuffered(entries);
                  });
  }
  void ReleaseBuffered(absl::Span<const AnswerBuffer::Entry> entries) {
    for (const AnswerBuffer::Entry& entry : entries) {
      if (entry.call == nullptr) continue;
      released_.push_back(static_cast<CallWithId*>(entry.call)->id());
    }
  }

  static v1::OpenResponse Parse(const OutboxOwner::Message& message) {
    grpc::Slice slice;
    EXPECT_TRUE(message.bytes.DumpToSingleSlice(&slice).ok());
    v1::OpenResponse response;
    EXPECT_TRUE(
        response.ParseFromArray(slice.begin(), static_cast<int>(slice.size())));
    return response;
  }
  static std::vector<uint64_t> IdsOf(const v1::OpenResponse& response) {
    std::vector<uint64_t> ids;
    for (const v1::SessionAnswer& answer : response.answers()) {
      ids.push_back(answer.id());
    }
    return ids;
  }

  const SessionTimes times_{.age_grace = LiveSpan(std::chrono::seconds(2)),
                            .stop_grace = LiveSpan(std::chrono::seconds(3))};
  const SessionHost host_{.service = nullptr,
                          .index = 0,
                          .door = nullptr,
                          .expirer = nullptr,
                          .limits = {.max_calls = 7,
                                     .max_bytes = 8000,
                                     .max_message_bytes = 1 << 20},
                          .instance_id = "this one",
                          .times = times_,
                          .methods = {}};
  SessionAnswers answers_{host_};
  std::deque<AnsweredCall> calls_;
  std::vector<uint64_t> released_;  // Their ids.
};

using Ids = std::vector<uint64_t>;

TEST_F(SessionAnswersTest, TheFirstMessageHasTheHelloAndNoOtherHas) {
  EXPECT_FALSE(answers_.empty());
  const v1::OpenResponse first = Next();
  EXPECT_EQ(first.hello().instance_id(), "this one");
  EXPECT_EQ(first.hello().revision(), 1u);
  EXPECT_EQ(first.hello().max_open_calls(), 7u);
  EXPECT_EQ(first.hello().max_open_bytes(), 8000u);
  EXPECT_EQ(first.hello().max_message_bytes(), uint64_t{1} << 20);
  EXPECT_TRUE(answers_.empty());
  EXPECT_FALSE(NextMessage().has_value());
  answers_.Add(CallWith(1));
  EXPECT_FALSE(Next().has_hello());
}

TEST_F(SessionAnswersTest, ADrainIsDueUntilItIsInAMessage) {
  EXPECT_FALSE(answers_.drain_due());
  answers_.AddDrain(v1::DRAIN_REASON_CONNECTION_AGE);
  EXPECT_TRUE(answers_.drain_due());
  const v1::OpenResponse old = Next();
  EXPECT_FALSE(answers_.drain_due());
  EXPECT_EQ(old.drain().reason(), v1::DRAIN_REASON_CONNECTION_AGE);
  EXPECT_EQ(old.drain().grace_us(), 2'000'000u);
  answers_.AddDrain(v1::DRAIN_REASON_STOPPING);
  const v1::OpenResponse stopping = Next();
  EXPECT_EQ(stopping.drain().reason(), v1::DRAIN_REASON_STOPPING);
  EXPECT_EQ(stopping.drain().grace_us(), 3'000'000u);
}

TEST_F(SessionAnswersTest, OnlyTheLastOfTwoDrainsIsSent) {
  answers_.AddDrain(v1::DRAIN_REASON_CONNECTION_AGE);
  answers_.AddDrain(v1::DRAIN_REASON_STOPPING);
  EXPECT_EQ(Next().drain().reason(), v1::DRAIN_REASON_STOPPING);
  EXPECT_FALSE(NextMessage().has_value());
}

TEST_F(SessionAnswersTest, ALargeResponseIsNotCopiedIntoItsMessage) {
  Next();
  answers_.Add(CallWith(1));
  AnsweredCall& large = CallWith(2, 5000);
  const uint8_t* const bytes = large.answer.payload.data();
  answers_.Add(large);
  answers_.Add(CallWith(3));
  const auto message = NextMessage();
  ASSERT_TRUE(message.has_value());
  const v1::OpenResponse response = Parse(*message);
  EXPECT_EQ(IdsOf(response), (Ids{1, 2, 3}));
  EXPECT_EQ(response.answers(1).payload(), std::string(5000, 'x'));
  std::vector<grpc::Slice> slices;
  ASSERT_TRUE(message->bytes.Dump(&slices).ok());
  ASSERT_EQ(slices.size(), 3u);
  EXPECT_EQ(slices[1].begin(), bytes);
}

TEST_F(SessionAnswersTest, OneMessageHasAllThatIsReadyRefusalsFirst) {
  int64_t added = answers_.Add(CallWith(1));
  added += answers_.Add(CallWith(2));
  added += answers_.Refuse(3, {}, Refusal, /*inside=*/false);
  EXPECT_GT(answers_.refusal_bytes(), 0);
  const auto message = NextMessage();
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->added, added);
  const v1::OpenResponse response = Parse(*message);
  EXPECT_TRUE(response.has_hello());
  EXPECT_EQ(IdsOf(response), Ids({3, 1, 2}));
  EXPECT_EQ(response.answers(0).message(), "no");
  EXPECT_EQ(response.answers(1).payload(), "x");
  EXPECT_EQ(released_, Ids({1, 2}));
  EXPECT_EQ(answers_.refusal_bytes(), 0);
}

TEST_F(SessionAnswersTest, WhatDoesNotFitFollowsInOrder) {
  Next();
  for (const uint64_t id : {1, 2, 3, 4, 5}) {
    answers_.Add(CallWith(id, 25 << 10));
  }
  EXPECT_EQ(IdsOf(Next()), Ids({1, 2}));
  EXPECT_EQ(released_, Ids({1, 2}));
  answers_.Add(CallWith(6));
  EXPECT_EQ(IdsOf(Next()), Ids({3, 4}));
  EXPECT_EQ(IdsOf(Next()), Ids({5, 6}));
  EXPECT_FALSE(NextMessage().has_value());
}

TEST_F(SessionAnswersTest, AnAnswerThatFillsAMessageGoesAlone) {
  answers_.Add(CallWith(1, 100 << 10));
  answers_.Add(CallWith(2));
  EXPECT_EQ(IdsOf(Next()), Ids());  // The hello.
  EXPECT_EQ(IdsOf(Next()), Ids({1}));
  EXPECT_EQ(IdsOf(Next()), Ids({2}));
}

TEST_F(SessionAnswersTest, AnErrorIsCutToWhatAMessageHolds) {
  AnsweredCall& call = CallWith(1, 0);
  call.answer = Failed(absl::InternalError(std::string(2 << 20, 'x')),
                       v1::REASON_HANDLER, v1::EXECUTED_YES);
  answers_.Add(call);
  Next();  // The hello.
  const v1::OpenResponse response = Next();
  EXPECT_LE(response.ByteSizeLong(), size_t{1} << 20);
  ASSERT_EQ(response.answers_size(), 1);
  EXPECT_EQ(response.answers(0).failure().reason(), v1::REASON_HANDLER);
}

TEST_F(SessionAnswersTest, CountsWhatTheServerStillHoldsForWhatIsWritten) {
  AnsweredCall& inside = CallWith(1);
  inside.inside = true;
  inside.HoldAnswer(100);
  AnsweredCall& outside = CallWith(2);
  outside.HoldAnswer(10);
  answers_.Add(inside);
  answers_.Add(outside);
  answers_.Refuse(3, {}, Refusal, /*inside=*/true);
  answers_.Refuse(4, {}, Refusal, /*inside=*/false);
  EXPECT_EQ(answers_.TakeLeaving().calls, 0);
  Next();
  const SessionAnswers::Leaving leaving = answers_.TakeLeaving();
  EXPECT_EQ(leaving.calls, 2);
  EXPECT_EQ(leaving.bytes, 110);
  EXPECT_EQ(answers_.TakeLeaving().calls, 0);
  EXPECT_EQ(answers_.TakeLeaving().bytes, 0);
}

TEST_F(SessionAnswersTest, WhatIsDroppedIsReleasedAndCounted) {
  AnsweredCall& call = CallWith(1);
  call.inside = true;
  call.HoldAnswer(100);
  answers_.Add(call);
  answers_.Add(CallWith(2));
  answers_.Refuse(3, {}, Refusal, /*inside=*/true);
  answers_.AddDrain(v1::DRAIN_REASON_STOPPING);
  Drop();
  EXPECT_EQ(released_, Ids({1, 2}));
  const SessionAnswers::Leaving leaving = answers_.TakeLeaving();
  EXPECT_EQ(leaving.calls, 2);
  EXPECT_EQ(leaving.bytes, 100);
  EXPECT_TRUE(answers_.empty());
  EXPECT_FALSE(answers_.drain_due());
  EXPECT_EQ(answers_.refusal_bytes(), 0);
  EXPECT_FALSE(NextMessage().has_value());
}

}  // namespace
}  // namespace pinion
