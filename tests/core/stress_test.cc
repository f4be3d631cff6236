// SPDX-License-Identifier: Apache-2.0
//
// Everything at once, on more workers than there are CPUs, with delays of
// random length wherever threads may overtake each other. Looks for what the
// other tests did not think of; so it is run under the sanitizers too.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/base/interleaving.h"
#include "pinion/core/cpu/affinity.h"
#include "pinion/core/scheduler.h"
#include "pinion/core/work_lists.h"
#include "pinion/server/testing/seed.h"

namespace pinion {
namespace {

using ::pinion::testing::Seed;

constexpr std::chrono::minutes kLong{5};

// Draws numbers that depend on the seed and on how many threads drew before.
class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}
  uint32_t Roll(uint32_t sides) { return random_() % sides; }

 private:
  std::minstd_rand random_;
};

struct Item : WorkItem {
  int producer = 0, number = 0;
};

class StressTest : public ::testing::Test {
 protected:
  static constexpr int kProducers = 4;
  static constexpr int kEach = 4000;

  // What a worker saw; its alone.
  struct Seen {
    std::vector<int> next = std::vector<int>(kProducers);
    int items = 0;
    bool in_order = true, on_its_worker = true;
  };

  StressTest() {
    SetInterleavingHook([this](Point) { Delay(); });
    const int workers = 3 * static_cast<int>(AllowedCpus().value().size());
    Dice dice(seed_.value());
    constexpr SpinPolicy kPolicies[] = {
        SpinPolicy::kNever, SpinPolicy::kAdaptive, SpinPolicy::kAlways};
    scheduler_ = Scheduler::Start(
                     {.workers = workers,
                      .cpu_policy = CpuPolicy::kFloat,
                      .worker = {.spin = {.policy = kPolicies[dice.Roll(3)]}}})
                     .value();
    seen_.resize(workers);
  }
  ~StressTest() override {
    scheduler_.reset();
    SetInterleavingHook(nullptr);
  }

  Dice& MyDice() {
    // Each thread its own; which thread comes first is the kernel's choice.
    thread_local Dice dice(seed_.value() + ++threads_);
    return dice;
  }

  // Mostly nothing; now and then a pause in which others do much.
  void Delay() {
    const uint32_t roll = MyDice().Roll(64);
    if (roll == 0) std::this_thread::yield();
    if (roll != 1) return;
    for (uint32_t left = MyDice().Roll(5000); left > 0; --left) {
      std::atomic_signal_fence(std::memory_order_seq_cst);
    }
  }

  void Handle(int worker, WorkBatch& batch) {
    Seen& seen = seen_[worker];
    seen.on_its_worker &= Scheduler::CurrentWorker() == worker;
    while (Item* item = batch.Pop<Item>()) {
      int& next = seen.next[item->producer];
      seen.in_order &= item->number >= next;
      next = item->number + 1;
      ++seen.items;
      delete item;
    }
  }

  // Adds items one by one and in chains, to workers by chance; counts those
  // that were accepted. Ends early when told CLOSED.
  void Produce(int producer, WorkLists<Item>& lists) {
    Dice& dice = MyDice();
    for (int number = 0; number < kEach;) {
      WorkChain chain;
      for (uint32_t left = 1 + dice.Roll(3); left > 0; --left) {
        Item* item = new Item;
        item->producer = producer;
        item->number = number++;
        chain.Push(item);
      }
      const auto size = static_cast<int>(chain.size());
      Appended appended;
      do {
        appended = lists.Add(static_cast<int>(dice.Roll(seen_.size())), chain);
      } while (appended == Appended::kFull);
      if (appended == Appended::kClosed) {
        closed_ = true;
        Free(std::move(chain));
        return;
      }
      accepted_ += size;
    }
  }

  static int Free(WorkChain chain) {
    int count = 0;
    for (; Item* item = chain.Pop<Item>(); ++count) delete item;
    return count;
  }

  WorkLists<Item>* MakeLists() {
    return WorkLists<Item>::Create(
               *scheduler_, {.capacity = 64, .budget = {.items = 16}},
               [this](int worker, WorkBatch& batch) { Handle(worker, batch); },
               [this](int, WorkChain items) {
                 handed_back_ += Free(std::move(items));
               })
        .value();
  }

  void ExpectAllAccountedFor() {
    int handled = 0;
    uint64_t counted = 0;
    for (const Seen& seen : seen_) {
      handled += seen.items;
      EXPECT_TRUE(seen.in_order);
      EXPECT_TRUE(seen.on_its_worker);
    }
    for (const WorkerStats& stats : scheduler_->Snapshot()) {
      counted += stats.items;
    }
    EXPECT_EQ(handled + handed_back_, accepted_);
    EXPECT_EQ(counted, static_cast<uint64_t>(handled));
  }

  const Seed seed_;
  std::atomic<uint64_t> threads_{0};
  std::vector<Seen> seen_;
  std::atomic<int> accepted_{0}, handed_back_{0};
  std::atomic<bool> closed_{false};
  std::unique_ptr<Scheduler> scheduler_;
};

TEST_F(StressTest, ADrainHandlesAllThatManyProducersAdded) {
  WorkLists<Item>* lists = MakeLists();
  std::vector<std::thread> producers;
  for (int p = 0; p < kProducers; ++p) {
    producers.emplace_back([this, p, lists] { Produce(p, *lists); });
  }
  for (auto& producer : producers) producer.join();
  ASSERT_TRUE(scheduler_->Drain(kLong).ok());
  EXPECT_GE(accepted_, kProducers * kEach);
  EXPECT_EQ(handed_back_, 0);
  ExpectAllAccountedFor();
}

TEST_F(StressTest, ADrainAndAStopInTheMidstOfItLoseNothing) {
  WorkLists<Item>* lists = MakeLists();
  std::vector<std::thread> threads;
  for (int p = 0; p < kProducers; ++p) {
    threads.emplace_back([this, p, lists] { Produce(p, *lists); });
  }
  const auto wait_for_some = [&] {
    const int enough = static_cast<int>(MyDice().Roll(kProducers * kEach / 2));
    // Unless the other was first, and nothing more is accepted.
    while (accepted_ < enough && !closed_) std::this_thread::yield();
  };
  threads.emplace_back([&] {
    wait_for_some();
    if (MyDice().Roll(2) == 0) {
      EXPECT_TRUE(scheduler_->Drain(kLong).ok());
    }
  });
  threads.emplace_back([&] {
    wait_for_some();
    EXPECT_TRUE(scheduler_->Stop(kLong).ok());
  });
  for (auto& thread : threads) thread.join();
  ExpectAllAccountedFor();
}

TEST_F(StressTest, WakesTimersAndKillsLeaveEachTaskRunOrReleased) {
  constexpr int kTasks = 40;
  struct Victim {
    std::atomic<int> given{0}, seen{0}, released{0};
    std::atomic<bool> inside{false}, broken{false};
    bool killed = false;
    Task* task = nullptr;
  };
  std::vector<Victim> victims(kTasks);
  for (int i = 0; i < kTasks; ++i) {
    Victim& victim = victims[i];
    std::shared_ptr<void> token(nullptr, [&](void*) { ++victim.released; });
    const int worker = i % scheduler_->worker_count();
    victim.killed = i % 4 == 0;
    victim.task = scheduler_->AddTask(
        worker, {.task_class = static_cast<TaskClass>(i % kTaskClasses)},
        [&victim, worker, token](WakeReasons) {
          if (victim.inside.exchange(true) ||
              Scheduler::CurrentWorker() != worker || victim.released > 0) {
            victim.broken = true;
          }
          victim.seen = victim.given.load();
          victim.inside = false;
        });
  }
  std::vector<std::thread> threads;
  for (int t = 0; t < kProducers; ++t) {
    threads.emplace_back([&] {
      Dice& dice = MyDice();
      for (int i = 0; i < kEach; ++i) {
        Victim& victim = victims[dice.Roll(kTasks)];
        switch (dice.Roll(8)) {
          case 0:
            victim.task->WakeAfter(std::chrono::microseconds(dice.Roll(200)));
            break;
          case 1:
            victim.task->CancelTimer();
            break;
          case 2:
            if (victim.killed && i > kEach / 2) victim.task->Kill();
            break;
          default:
            ++victim.given;
            victim.task->Wake();
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (Victim& victim : victims) {
    if (victim.killed) victim.task->Kill();
  }
  ASSERT_TRUE(scheduler_->Drain(kLong).ok());
  ASSERT_TRUE(scheduler_->Stop(kLong).ok());  // For the timers.
  for (const Victim& victim : victims) {
    EXPECT_FALSE(victim.broken);
    EXPECT_EQ(victim.released, victim.killed ? 1 : 0);
    if (!victim.killed) {
      EXPECT_EQ(victim.seen, victim.given) << "a wake was lost";
    }
  }
  scheduler_.reset();
  for (const Victim& victim : victims) EXPECT_EQ(victim.released, 1);
}

}  // namespace
}  // namespace pinion
