// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/keyed/use_order.h"

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "pinion/server/testing/seed.h"

namespace pinion::internal {
namespace {

// A UseOrder beside a plain list, with the places as a Keyed has them: those
// that are free are taken first, and the last is given back.
class Model {
 public:
  size_t size() const { return order_.size(); }

  void Add() {
    uint32_t place = static_cast<uint32_t>(at_.size());
    if (free_.empty()) {
      at_.emplace_back();
    } else {
      place = free_.back();
      free_.pop_back();
    }
    uses_.Add(place);
    order_.push_back(place);
    at_[place] = std::prev(order_.end());
  }
  // The one that is the `nth` in some order that stays the same.
  void Use(size_t nth) { UsePlace(PlaceFrom(nth)); }
  void UsePlace(uint32_t place) {
    uses_.Use(place);
    order_.splice(order_.end(), order_, at_[place]);
  }
  void UseAllBackwards() {
    for (uint32_t place = End(); --place > 0;) {
      if (IsUsed(place)) UsePlace(place);
    }
  }
  void RemoveOldest() { Remove(order_.front()); }
  void RemoveOne(size_t nth) { Remove(PlaceFrom(nth)); }

  // One is free.
  void DropLast() {
    const uint32_t last = End() - 1;
    if (IsUsed(last)) {
      const uint32_t to = free_.back();
      free_.pop_back();
      uses_.Move(last, to);
      at_[to] = at_[last];
      *at_[to] = to;
    } else {
      std::erase(free_, last);
    }
    at_.pop_back();
    uses_.DropFrom(last);
  }
  bool HasFree() const { return !free_.empty(); }

  void ExpectSameOldest() {
    ASSERT_EQ(uses_.oldest(), order_.empty() ? 0 : order_.front());
  }
  void ExpectSameOrder() {
    uint32_t number = 0;
    for (const uint32_t place : order_) {
      if (place != order_.front()) {
        ASSERT_GT(uses_.UseNumber(place), number);
      }
      number = uses_.UseNumber(place);
    }
  }

 private:
  uint32_t End() const { return static_cast<uint32_t>(at_.size()); }
  bool IsUsed(uint32_t place) const { return at_[place] != Nowhere(); }
  std::list<uint32_t>::iterator Nowhere() const { return at_[0]; }

  uint32_t PlaceFrom(size_t nth) const {
    uint32_t place = static_cast<uint32_t>(1 + nth % (at_.size() - 1));
    while (!IsUsed(place)) place = place + 1 < End() ? place + 1 : 1;
    return place;
  }
  void Remove(uint32_t place) {
    uses_.Remove(place);
    order_.erase(at_[place]);
    at_[place] = Nowhere();
    free_.push_back(place);
  }

  UseOrder uses_;
  std::list<uint32_t> order_;  // The places, the one used last at the end.
  std::vector<std::list<uint32_t>::iterator> at_{order_.end()};  // By place.
  std::vector<uint32_t> free_;
};

TEST(UseOrderTest, HasNoOldestWhereNothingIs) {
  UseOrder uses;
  EXPECT_EQ(uses.oldest(), 0u);
  uses.Add(1);
  EXPECT_EQ(uses.oldest(), 1u);
  uses.Remove(1);
  EXPECT_EQ(uses.oldest(), 0u);
}

TEST(UseOrderTest, AgreesWithAPlainListWhateverIsDone) {
  const testing::Seed seed;
  std::mt19937_64 random(seed.value());
  Model model;
  size_t most = 0;
  for (int step = 0; step < 300'000; ++step) {
    // So that it grows and shrinks by much, and more than one sweep is made.
    if (step % 30'000 == 0) most = size_t{1} << random() % 14;
    const uint64_t kind = random() % 8;
    if (model.size() == 0 || (kind < 2 && model.size() < most)) {
      model.Add();
    } else if (kind < 6 && model.size() <= most) {
      model.Use(random());
    } else if (kind == 6) {
      model.RemoveOne(random());
    } else {
      model.RemoveOldest();
    }
    if (kind == 7 && model.HasFree()) model.DropLast();
    model.ExpectSameOldest();
    if (step % 5'000 == 0) model.ExpectSameOrder();
    if (::testing::Test::HasFailure()) break;
  }
}

// The worst for who looks for the oldest: what is before it was used again.
TEST(UseOrderTest, AllUsedBackwardsAreLeftInThatOrder) {
  Model model;
  for (int i = 0; i < 20'000; ++i) model.Add();
  for (int times = 0; times < 10; ++times) {
    model.UseAllBackwards();
    model.ExpectSameOldest();
    model.ExpectSameOrder();
  }
  while (model.size() > 0) {
    model.ExpectSameOldest();
    model.RemoveOldest();
  }
  model.ExpectSameOldest();
}

}  // namespace
}  // namespace pinion::internal
