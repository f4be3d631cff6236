// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/observe/published.h"

#include <array>
#include <cstdint>
#include <optional>
#include <thread>

#include "gtest/gtest.h"

namespace pinion {
namespace {

using Many = std::array<uint64_t, 24>;

Many AllOf(uint64_t number) {
  Many many;
  many.fill(number);
  return many;
}

TEST(PublishedTest, HasNothingBeforeTheFirstValueAndThenTheLast) {
  Published<Many> published;
  EXPECT_EQ(published.Get(), std::nullopt);
  EXPECT_EQ(published.Own(), AllOf(0));
  for (uint64_t i = 1; i < 4; ++i) {
    published.Set(AllOf(i));
    EXPECT_EQ(published.Get(), AllOf(i));
    EXPECT_EQ(published.Own(), AllOf(i));
  }
}

TEST(PublishedTest, IsNeverReadWhileHalfOfItIsSet) {
  Published<Many> published;
  published.Set(AllOf(1));
  std::thread writer([&] {
    for (uint64_t i = 2; i <= 100'000; ++i) published.Set(AllOf(i));
  });
  uint64_t last = 0;
  while (last < 100'000) {
    const std::optional<Many> many = published.Get();
    if (!many.has_value()) continue;  // The writer has lost its CPU.
    ASSERT_EQ(*many, AllOf(many->front()));
    ASSERT_GE(many->front(), last);
    last = many->front();
  }
  writer.join();
}

}  // namespace
}  // namespace pinion
