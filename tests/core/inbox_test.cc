// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/inbox.h"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "pinion/core/work_item.h"

namespace pinion {
namespace {

TEST(InboxTest, TellsThePusherToWakeOnlyAnOwnerThatSleeps) {
  Inbox inbox;
  WorkItem one, two, three;
  EXPECT_FALSE(inbox.Push(&one));
  EXPECT_EQ(inbox.TakeAll().Pop(), &one);
  ASSERT_TRUE(inbox.TrySleep());
  EXPECT_TRUE(inbox.Push(&two));
  EXPECT_FALSE(inbox.Push(&three));
  WorkChain chain = inbox.TakeAll();
  EXPECT_EQ(chain.Pop(), &two);
  EXPECT_EQ(chain.Pop(), &three);
}

TEST(InboxTest, RefusesToSleepOnWhatHasCome) {
  Inbox inbox;
  WorkItem item;
  EXPECT_FALSE(inbox.Push(&item));
  EXPECT_FALSE(inbox.TrySleep());
  EXPECT_EQ(inbox.TakeAll().Pop(), &item);
  EXPECT_TRUE(inbox.TrySleep());
}

TEST(InboxTest, TakesBackTheAnnouncementOfASleepWhenItTakes) {
  Inbox inbox;
  WorkItem item;
  ASSERT_TRUE(inbox.TrySleep());
  EXPECT_TRUE(inbox.TakeAll().empty());
  EXPECT_FALSE(inbox.Push(&item));
  EXPECT_EQ(inbox.TakeAll().Pop(), &item);
}

// An owner that sleeps whenever it can gets every item: no wake is lost.
TEST(InboxTest, NoWakeIsLost) {
  constexpr int kProducers = 3;
  constexpr int kEach = 30000;
  Inbox inbox;
  std::vector<WorkItem> items(kProducers * kEach);
  std::thread owner([&] {
    size_t taken = 0;
    while (taken < items.size()) {
      WorkChain chain = inbox.TakeAll();
      taken += chain.size();
      while (chain.Pop() != nullptr) {
      }
      if (taken < items.size() && inbox.TrySleep()) inbox.Sleep();
    }
  });
  std::vector<std::thread> producers;
  for (int p = 0; p < kProducers; ++p) {
    producers.emplace_back([&, p] {
      for (int i = 0; i < kEach; ++i) {
        if (inbox.Push(&items[p * kEach + i])) inbox.WakeOwner();
      }
    });
  }
  for (auto& producer : producers) producer.join();
  owner.join();
  EXPECT_TRUE(inbox.empty());
}

}  // namespace
}  // namespace pinion
