// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/base/linked_list.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <list>
#include <random>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/server/testing/seed.h"

namespace pinion {
namespace {

using ::pinion::testing::Seed;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

struct Item : ListHook<Item> {
  explicit Item(int number) : number(number) {}
  int number;
};
using List = LinkedList<Item>;

std::vector<int> Numbers(const List& list) {
  std::vector<int> numbers;
  for (Item* item = list.front(); item != nullptr; item = List::Next(*item)) {
    numbers.push_back(item->number);
  }
  return numbers;
}

std::vector<int> TakeAll(LinkedQueue<Item>& queue) {
  std::vector<int> numbers;
  while (Item* item = queue.front()) {
    queue.Remove(*item);
    numbers.push_back(item->number);
  }
  return numbers;
}

TEST(LinkedListTest, ShowsTheItemThatCameLastFirst) {
  List list;
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.front(), nullptr);
  Item one(1), two(2), three(3);
  for (Item* item : {&one, &two, &three}) list.PushFront(*item);
  EXPECT_FALSE(list.empty());
  EXPECT_THAT(Numbers(list), ElementsAre(3, 2, 1));
}

TEST(LinkedListTest, AnItemLeavesFromAnyPlace) {
  for (const int removed : {1, 2, 3}) {
    List list;
    std::array<Item, 3> items = {Item(1), Item(2), Item(3)};
    for (Item& item : items) list.PushFront(item);
    Item& item = items[removed - 1];
    List::Remove(item);
    EXPECT_FALSE(item.linked());
    EXPECT_THAT(Numbers(list), SizeIs(2));
    EXPECT_THAT(Numbers(list), Not(Contains(removed)));
    list.PushFront(item);
    EXPECT_TRUE(item.linked());
    EXPECT_EQ(list.front(), &item);
  }
}

TEST(LinkedListTest, AnItemLeavesTheListThatItWasMovedTo) {
  List from;
  Item one(1), two(2);
  from.PushFront(one);
  from.PushFront(two);
  List to = std::move(from);
  EXPECT_THAT(Numbers(from), IsEmpty());
  EXPECT_THAT(Numbers(to), ElementsAre(2, 1));
  List::Remove(two);
  EXPECT_THAT(Numbers(to), ElementsAre(1));
  from = std::move(to);
  List::Remove(one);
  EXPECT_TRUE(from.empty());
  to = std::move(from);  // There is nothing to move.
  EXPECT_TRUE(to.empty());
}

TEST(LinkedListTest, AnItemTakesThePlaceOfAnother) {
  for (const int replaced : {1, 2, 3}) {
    List list;
    std::array<Item, 3> items = {Item(1), Item(2), Item(3)};
    for (Item& item : items) list.PushFront(item);
    Item other(9);
    List::Replace(items[replaced - 1], other);
    EXPECT_FALSE(items[replaced - 1].linked());
    std::vector<int> expected = {3, 2, 1};
    std::replace(expected.begin(), expected.end(), replaced, 9);
    EXPECT_EQ(Numbers(list), expected);
    List::Remove(other);
    EXPECT_THAT(Numbers(list), SizeIs(2));
  }
}

TEST(LinkedListTest, ACopyOfAnItemIsInNoList) {
  List list;
  Item one(1), two(2);
  list.PushFront(one);
  list.PushFront(two);
  const Item copy = one;
  EXPECT_FALSE(copy.linked());
  one = Item(7);  // It stays where it is.
  EXPECT_THAT(Numbers(list), ElementsAre(2, 7));
}

TEST(LinkedListTest, AnEmptyListIsZeroBytes) {
  const char zeros[sizeof(List)] = {};
  static_assert(sizeof(List) == sizeof(void*));
  const List list;
  EXPECT_EQ(std::memcmp(static_cast<const void*>(&list), zeros, sizeof(list)),
            0);
}

TEST(LinkedListTest, AgreesWithAPlainListWhateverIsDone) {
  constexpr int kItems = 20;
  std::mt19937_64 random(Seed().value());
  std::vector<Item> items;
  for (int i = 0; i < kItems; ++i) items.push_back(Item(i));
  List lists[2];
  std::list<int> plain[2];
  for (int step = 0; step < 10'000; ++step) {
    Item& item = items[random() % kItems];
    if (item.linked()) {
      List::Remove(item);
      for (auto& list : plain) list.remove(item.number);
    } else {
      const size_t to = random() % 2;
      lists[to].PushFront(item);
      plain[to].push_front(item.number);
    }
    for (int i = 0; i < 2; ++i) {
      ASSERT_THAT(Numbers(lists[i]), ElementsAreArray(plain[i]));
    }
  }
}

TEST(LinkedQueueTest, ShowsTheItemThatCameFirstFirst) {
  LinkedQueue<Item> queue;
  EXPECT_EQ(queue.front(), nullptr);
  Item one(1), two(2), three(3);
  for (Item* item : {&one, &two, &three}) queue.PushBack(*item);
  EXPECT_THAT(TakeAll(queue), ElementsAre(1, 2, 3));
  queue.PushBack(two);  // After it was empty.
  queue.PushBack(one);
  EXPECT_THAT(TakeAll(queue), ElementsAre(2, 1));
}

TEST(LinkedQueueTest, AnItemLeavesFromAnyPlace) {
  for (const int removed : {1, 2, 3}) {
    LinkedQueue<Item> queue;
    std::array<Item, 3> items = {Item(1), Item(2), Item(3)};
    for (Item& item : items) queue.PushBack(item);
    queue.Remove(items[removed - 1]);
    Item last(4);
    queue.PushBack(last);
    std::vector<int> expected = {1, 2, 3, 4};
    expected.erase(expected.begin() + removed - 1);
    EXPECT_EQ(TakeAll(queue), expected);
  }
}

}  // namespace
}  // namespace pinion
