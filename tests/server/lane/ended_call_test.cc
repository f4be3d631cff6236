// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/lane/ended_call.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "pinion/core/clock.h"
#include "pinion/core/fake_clock.h"
#include "pinion/server/call/routed_call.h"
#include "pinion/server/internal/answer.h"
#include "pinion/server/internal/credit.h"
#include "pinion/v1/failure.pb.h"
#include "pinion/v1/timing.pb.h"

namespace pinion {
namespace {

using std::chrono::nanoseconds;

constexpr int64_t kMost = 1000;

// Which nobody answers, and whose message is as large as the test says.
struct TestCall final : RoutedCall {
  void Deliver() override {}
  size_t MessageSize(const Answer&) const override { return message_size; }
  Credit& credit() const override { return no_credit; }
  size_t message_size = 1;
  mutable Credit no_credit{1, 1};
};

// A call that waited 20 ns for worker 3, and ran 50 ns with two others.
class EndedCallTest : public ::testing::Test {
 protected:
  EndedCallTest() {
    call_->worker = 3;
    call_->accepted = FakeClock().Now();
  }
  ~EndedCallTest() override { call_->Unref(); }

  Answer Prepared(Answer answer) const {
    const Moment claimed = call_->accepted + nanoseconds(20);
    EndedCall ended = {
        .call = call_,
        .times = {.claimed = claimed, .ended = claimed + nanoseconds(50)},
        .batch = 3,
        .answer = std::move(answer),
        .room = {}};
    ended.PrepareAnswer(kMost);
    return std::move(ended.answer);
  }

  // An OK answer whose message is that large; what makes it so is beside its
  // payload.
  Answer OfSize(size_t message_size) const {
    call_->message_size = message_size;
    Answer answer;
    answer.MakeExtras().trailing.emplace_back("name", "value");
    return answer;
  }

  TestCall* const call_ = new TestCall;
};

TEST_F(EndedCallTest, AnAnswerThatNeedsNothingStaysAsItIs) {
  const Answer answer = Prepared(Answer());
  EXPECT_TRUE(answer.status.ok());
  EXPECT_EQ(answer.extras, nullptr);
}

TEST_F(EndedCallTest, ACallThatAsksForItGetsItsTimes) {
  call_->wants_timing = true;
  const Answer answer = Prepared(Answer());
  ASSERT_NE(answer.timing(), nullptr);
  EXPECT_EQ(answer.timing()->worker(), 3);
  EXPECT_EQ(answer.timing()->waited_ns(), 20);
  EXPECT_EQ(answer.timing()->ran_ns(), 50);
  EXPECT_EQ(answer.timing()->batch(), 3u);
}

TEST_F(EndedCallTest, AnErrorSaysOnWhichWorkerItWas) {
  const Answer answer = Prepared(Failed(absl::NotFoundError("no such key"),
                                        v1::REASON_HANDLER, v1::EXECUTED_YES));
  EXPECT_EQ(answer.status, absl::NotFoundError("no such key"));
  EXPECT_EQ(answer.failure()->worker(), 3);
}

TEST_F(EndedCallTest, AnAnswerAsLargeAsAMessageMayBeLeaves) {
  EXPECT_TRUE(Prepared(OfSize(kMost)).status.ok());
}

TEST_F(EndedCallTest, AnAnswerThatIsTooLargeBecomesAnErrorThatSaysSo) {
  const Answer answer = Prepared(OfSize(kMost + 1));
  EXPECT_EQ(answer.status,
            absl::ResourceExhaustedError(
                "the response has 1001 bytes, more than the 1000 that a "
                "message may have; ask for less at once"));
  EXPECT_EQ(answer.failure()->reason(), v1::REASON_RESPONSE_TOO_LARGE);
  EXPECT_EQ(answer.failure()->executed(), v1::EXECUTED_YES);
  EXPECT_EQ(answer.failure()->worker(), 3);
  EXPECT_TRUE(answer.extras->trailing.empty());
}

TEST_F(EndedCallTest, AnAnswerThatIsTooLargeKeepsItsTimes) {
  call_->wants_timing = true;
  const Answer answer = Prepared(OfSize(kMost + 1));
  ASSERT_NE(answer.timing(), nullptr);
  EXPECT_EQ(answer.timing()->ran_ns(), 50);
}

}  // namespace
}  // namespace pinion
