// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/internal/answer_room.h"

#include <algorithm>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "pinion/core/fake_clock.h"

namespace pinion {
namespace {

using Grant = Credit::Grant;

Answer OfBytes(size_t size) {
  Answer answer;
  answer.payload = Payload(size);
  std::fill_n(answer.payload.data(), size, 0);
  return answer;
}

class AnswerRoomTest : public ::testing::Test {
 protected:
  AnswerRoom Room() { return AnswerRoom(credit_, &party_, largest_); }
  int64_t held() const { return credit_.bytes(); }

  FakeClock time_;
  const Moment now_ = time_.clock().Now();
  Credit credit_{10, 1000};
  Holding party_;
  LargestAnswer largest_{1000};
};

TEST_F(AnswerRoomTest, IsMadeThatOfTheAnswer) {
  AnswerRoom room = Room();
  ASSERT_EQ(room.Reserve(100), Grant::kGranted);
  EXPECT_EQ(held(), 100);
  Answer answer = OfBytes(30);
  room.Fit(answer, now_);
  EXPECT_EQ(held(), 30);
  EXPECT_EQ(party_.Look().bytes(), 30);
  answer = OfBytes(200);
  room.Fit(answer, now_);
  EXPECT_EQ(held(), 200);
  EXPECT_EQ(largest_.expected(), 200);
  EXPECT_EQ(room.Release(), 200);
  EXPECT_EQ(held(), 200) << "it is for the caller to give back";
}

TEST_F(AnswerRoomTest, GoesBackWithItsLastOwner) {
  {
    AnswerRoom room = Room();
    ASSERT_EQ(room.Reserve(100), Grant::kGranted);
    AnswerRoom moved = std::move(room);
    room = Room();
    ASSERT_EQ(room.Reserve(50), Grant::kGranted);
    moved = std::move(room);
    EXPECT_EQ(held(), 50);
  }
  EXPECT_EQ(held(), 0);
  EXPECT_EQ(party_.Look().bytes(), 0);
}

TEST_F(AnswerRoomTest, KeepsToThePartysShare) {
  AnswerRoom first = Room(), second = Room();
  EXPECT_EQ(first.Reserve(500), Grant::kGranted);
  EXPECT_EQ(second.Reserve(1), Grant::kShareOfBytes);
}

TEST_F(AnswerRoomTest, OfNobodysLeavesAsMuchFreeAsItTakes) {
  AnswerRoom first(credit_, nullptr, largest_);
  AnswerRoom second(credit_, nullptr, largest_);
  AnswerRoom third(credit_, nullptr, largest_);
  EXPECT_EQ(first.Reserve(500), Grant::kGranted);
  EXPECT_EQ(second.Reserve(251), Grant::kShareOfBytes);
  EXPECT_EQ(second.Reserve(250), Grant::kGranted);
  EXPECT_EQ(third.Reserve(10), Grant::kGranted);
}

TEST_F(AnswerRoomTest, AnAnswerForWhichTheServerHasNoRoomBecomesAnError) {
  ASSERT_EQ(credit_.Reserve(1, 900), Grant::kGranted);
  AnswerRoom room = Room();
  ASSERT_EQ(room.Reserve(20), Grant::kGranted);
  Answer answer = OfBytes(101);
  room.Fit(answer, now_);
  EXPECT_EQ(answer.status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(answer.failure()->reason(), v1::REASON_SERVER_FULL);
  EXPECT_EQ(answer.failure()->executed(), v1::EXECUTED_YES);
  EXPECT_NE(answer.status.message().find("its answer of 101 bytes"),
            std::string::npos);
  EXPECT_LE(held(), credit_.max_bytes());
  EXPECT_EQ(largest_.expected(), 101) << "the next will not begin";
}

TEST_F(AnswerRoomTest, OfAStreamIsNone) {
  AnswerRoom none;
  Answer answer = OfBytes(100);
  none.Fit(answer, now_);
  EXPECT_TRUE(answer.status.ok());
  EXPECT_EQ(none.Release(), 0);
}

}  // namespace
}  // namespace pinion
