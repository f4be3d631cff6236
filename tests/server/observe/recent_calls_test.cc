// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/observe/recent_calls.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/server/observe/call_note.h"
#include "pinion/server/slot.h"

namespace pinion {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<uint64_t> Numbers(const RecentCalls& recent, int slot) {
  std::vector<uint64_t> numbers;
  for (const CallNote& note : recent.Read(slot)) numbers.push_back(note.number);
  return numbers;
}

TEST(RecentCallsTest, AreTheLastOfTheirSlotWithTheLastOneFirst) {
  const auto recent = std::make_unique<RecentCalls>();
  EXPECT_THAT(Numbers(*recent, 7), IsEmpty());
  recent->Add(7, {.number = 1});
  recent->Add(kSlots - 1, {.number = 2});
  recent->Add(7, {.number = 3});
  EXPECT_THAT(Numbers(*recent, 7), ElementsAre(3, 1));
  for (uint64_t i = 4; i < 100; ++i) recent->Add(7, {.number = i});
  EXPECT_THAT(Numbers(*recent, 7), ElementsAre(99, 98, 97, 96));
  EXPECT_THAT(Numbers(*recent, kSlots - 1), ElementsAre(2));
  EXPECT_THAT(Numbers(*recent, 0), IsEmpty());
}

TEST(RecentCallsTest, APrincipalIsNotCutWithinACharacter) {
  CallNote note;
  const std::string before(CallNote::kMostPrincipalBytes - 1, 'a');
  note.SetPrincipal(before + "\u00e9");  // Two bytes.
  EXPECT_EQ(note.Principal(), before + "...");
}

TEST(RecentCallsTest, HaveTheBeginningOfALongPrincipal) {
  const auto recent = std::make_unique<RecentCalls>();
  CallNote note = {.number = 1};
  note.SetPrincipal("x509:spiffe://shop/cart");
  recent->Add(0, note);
  EXPECT_EQ(recent->Read(0).front().Principal(), "x509:spiffe://shop/cart");
  const std::string most(CallNote::kMostPrincipalBytes, 'p');
  note.SetPrincipal(most);
  EXPECT_EQ(note.Principal(), most);
  note.SetPrincipal(most + "q");
  EXPECT_EQ(note.Principal(), most + "...");
}

}  // namespace
}  // namespace pinion
