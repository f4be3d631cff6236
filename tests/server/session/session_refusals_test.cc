// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/session/session_refusals.h"

#include <cstdint>
#include <limits>
#include <string>

#include "gtest/gtest.h"
#include "pinion/v1/session.pb.h"

namespace pinion {
namespace {

Answer Full(int holds) {
  return Failed(absl::ResourceExhaustedError(
                    "there are " + std::to_string(holds) + " already"),
                v1::REASON_TOO_MANY_CALLS, v1::EXECUTED_NO);
}

// Writes all that wait, as one message.
v1::OpenResponse Write(SessionRefusals& refusals) {
  size_t size = 0;
  for (size_t i = 0; i < refusals.size(); ++i) size += refusals.SizeOf(i);
  std::string bytes(size, '\0');
  auto* at = reinterpret_cast<uint8_t*>(bytes.data());
  while (!refusals.empty()) at = refusals.WriteNext(at).end;
  EXPECT_EQ(at, reinterpret_cast<uint8_t*>(bytes.data()) + size);
  v1::OpenResponse response;
  EXPECT_TRUE(response.ParseFromString(bytes));
  return response;
}

TEST(SessionRefusalsTest, EachIsToldItsIdAndWhy) {
  SessionRefusals refusals(1 << 20);
  constexpr uint64_t kIds[] = {0, 7, std::numeric_limits<uint64_t>::max()};
  for (const uint64_t id : kIds)
    refusals.Add(id, {1, 3}, [] { return Full(3); });
  refusals.Add(8, {1, 4}, [] { return Full(4); });
  const v1::OpenResponse response = Write(refusals);
  ASSERT_EQ(response.answers_size(), 4);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(response.answers(i).id(), kIds[i]);
    EXPECT_EQ(response.answers(i).message(), "there are 3 already");
  }
  EXPECT_EQ(response.answers(3).message(), "there are 4 already");
  for (const v1::SessionAnswer& answer : response.answers()) {
    EXPECT_EQ(answer.code(),
              static_cast<int>(absl::StatusCode::kResourceExhausted));
    EXPECT_EQ(answer.failure().reason(), v1::REASON_TOO_MANY_CALLS);
    EXPECT_EQ(answer.failure().executed(), v1::EXECUTED_NO);
  }
}

TEST(SessionRefusalsTest, WhatIsAlikeIsMadeOnceAndTakesFewBytes) {
  SessionRefusals refusals(1 << 20);
  int made = 0;
  int64_t bytes = 0;
  for (uint64_t id = 0; id < 1000; ++id) {
    bytes += refusals.Add(id, {1, 3}, [&] {
      ++made;
      return Full(3);
    });
  }
  EXPECT_EQ(made, 1);
  EXPECT_EQ(refusals.bytes(), bytes);
  EXPECT_LE(bytes, 1000 * 64 + 200);
  Write(refusals);
  EXPECT_EQ(refusals.bytes(), 0);
}

TEST(SessionRefusalsTest, FourAnswersInTurnAreEachMadeOnce) {
  SessionRefusals refusals(1 << 20);
  int made = 0;
  for (uint64_t id = 0; id < 1000; ++id) {
    refusals.Add(id, {1, id % 4}, [&] {
      ++made;
      return Full(static_cast<int64_t>(id % 4));
    });
  }
  EXPECT_EQ(made, 4);
  EXPECT_LE(refusals.bytes(), 1000 * 64 + 4 * 200);
}

TEST(SessionRefusalsTest, WhatIsAlikeNothingIsToldItsOwn) {
  SessionRefusals refusals(1 << 20);
  for (int i = 0; i < 2; ++i) {
    refusals.Add(i, {}, [&] { return Full(i); });
  }
  const v1::OpenResponse response = Write(refusals);
  EXPECT_EQ(response.answers(0).message(), "there are 0 already");
  EXPECT_EQ(response.answers(1).message(), "there are 1 already");
}

TEST(SessionRefusalsTest, WhatIsToldFitsIntoAMessageWhateverTheId) {
  SessionRefusals refusals(1024);
  refusals.Add(std::numeric_limits<uint64_t>::max(), {}, [] {
    return Failed(absl::UnimplementedError(std::string(5000, 'x')),
                  v1::REASON_NO_SUCH_METHOD, v1::EXECUTED_NO);
  });
  EXPECT_LE(refusals.SizeOf(0), 1024u);
  EXPECT_GT(refusals.SizeOf(0), 1000u);
  refusals.Clear();
}

TEST(SessionRefusalsTest, TellsWhichOfThemTheDoorCounts) {
  SessionRefusals refusals(1024);
  for (uint64_t id = 0; id < 5; ++id) {
    refusals.Add(
        id, {1, 3}, [] { return Full(3); }, /*inside=*/id % 2 == 0);
  }
  std::string room(refusals.SizeOf(0), '\0');
  const auto written =
      refusals.WriteNext(reinterpret_cast<uint8_t*>(room.data()));
  EXPECT_TRUE(written.inside);
  EXPECT_EQ(refusals.Clear(), 2);
  EXPECT_TRUE(refusals.empty());
  EXPECT_EQ(refusals.bytes(), 0);
}

TEST(SessionRefusalsTest, ALongLineThatIsAddedToWhileItIsWrittenStaysInOrder) {
  SessionRefusals refusals(1024);
  uint64_t next_in = 0, next_out = 0;
  std::string room(200, '\0');
  while (next_out < 20'000) {
    for (int i = 0; i < 3 && next_in < 20'000; ++i) {
      refusals.Add(next_in++, {1, 3}, [] { return Full(3); });
    }
    const size_t size = refusals.SizeOf(0);
    refusals.WriteNext(reinterpret_cast<uint8_t*>(room.data()));
    v1::OpenResponse response;
    ASSERT_TRUE(response.ParseFromString(room.substr(0, size)));
    ASSERT_EQ(response.answers(0).id(), next_out++);
  }
  EXPECT_TRUE(refusals.empty());
}

}  // namespace
}  // namespace pinion
