// SPDX-License-Identifier: Apache-2.0
//
// What always holds in core/, each as a test of its name. Most of them look at
// one scenario over and over: each time something else breaks in at another
// point of it, so that each of the races that are possible with one intruder
// happens here, and not by chance.
#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/base/interleaving.h"
#include "pinion/core/fake_clock.h"
#include "pinion/core/scheduler.h"
#include "pinion/core/work_lists.h"
#include "pinion/server/testing/gate.h"

namespace pinion {
namespace {

using ::pinion::testing::Gate;
using ::std::chrono::microseconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::Le;

constexpr std::chrono::minutes kLong{1};

// What another thread does when it breaks in.
enum class Deed { kAdd, kWake, kClose, kKill, kStep, kDrain, kStop };

bool StepsTheWorker(Deed deed) {
  return deed == Deed::kStep || deed == Deed::kDrain || deed == Deed::kStop;
}

struct Intrusion {
  Point point;
  int nth;  // At which of the times the point is reached, from 1.
  Deed deed;
};

bool IsAProducers(Point point) {
  return point == Point::kLinked || point == Point::kAppended ||
         point == Point::kMarked || point == Point::kPushed ||
         point == Point::kWaking;
}

void Elsewhere(const std::function<void()>& function) {
  std::thread(function).join();
}

struct Item : WorkItem {
  Item(int producer, int number) : producer(producer), number(number) {}
  const int producer, number;
};

// One worker, stepped by hand, with a list and a task. A producer adds and
// wakes, and somewhere in between the intruder does its deed, once.
class Scenario {
 public:
  explicit Scenario(const Intrusion& intrusion) : intrusion_(intrusion) {
    SetInterleavingHook([this](Point point) { Reach(point); });
    Play();
  }

  // What came of each item, by producer and number.
  struct Fate {
    int handled = 0, handed_back = 0, refused = 0;
  };
  std::map<std::pair<int, int>, Fate> fates;
  bool handled_before_add_returned = false;
  bool in_order = true;

  // By reason: how often it was told, and whether by a run that started after
  // the wake had begun.
  std::array<int, 16> given = {}, told = {};
  bool told_too_early = false;

  bool off_its_worker = false, two_at_once = false;
  int released = 0;
  bool released_while_running = false, ran_after_release = false;
  bool intruded = false;
  // A kill or a stop came before the end, so that not all wakes lead to a run.
  bool cut_short = false;
  bool slept_on_work = false;
  uint64_t counted_items = 0;

 private:
  static constexpr int kProducer = 0, kIntruder = 1;

  void Play() {
    for (int i = 0; i < 3; ++i) Elsewhere([this, i] { Add(kProducer, i); });
    scheduler_->Step(0);
    Elsewhere([this] { Wake(4); });
    Elsewhere([this] { task_->WakeAfter(microseconds(1)); });
    Elsewhere([this] { Add(kProducer, 3); });
    scheduler_->Step(0);
    time_.Advance(microseconds(2));
    Elsewhere([this] { Wake(5); });
    scheduler_->RunUntilIdle(/*seed=*/1);
    // It has announced its sleep by now.
    Elsewhere([this] { Add(kProducer, 4); });
    Elsewhere([this] { Wake(6); });
    scheduler_->RunUntilIdle(/*seed=*/1);
    counted_items = scheduler_->Snapshot()[0].items;
    stopping_ = true;
    EXPECT_TRUE(scheduler_->Stop(kLong).ok());
    TakeBack(lists_->CloseAll());
    SetInterleavingHook(nullptr);
    scheduler_.reset();
  }

  void Reach(Point point) {
    // Unless who added it is held up before it could wake anyone.
    slept_on_work |= point == Point::kAnnounced && lists_->waiting(0) > 0 &&
                     !(intruding_ && IsAProducers(intrusion_.point));
    if (intruding_ || point != intrusion_.point) return;
    // The worker passes a producer's points too, when it wakes a task itself.
    if (StepsTheWorker(intrusion_.deed) && Scheduler::CurrentWorker() == 0) {
      return;
    }
    if (++reached_ != intrusion_.nth) return;
    intruding_ = true;
    cut_short |= stopping_;
    Elsewhere([this] { Intrude(); });
    intruding_ = false;
    intruded = true;
  }

  void Intrude() {
    switch (intrusion_.deed) {
      case Deed::kAdd:
        return Add(kIntruder, 0);
      case Deed::kWake:
        return Wake(15);
      case Deed::kClose:
        return TakeBack(lists_->CloseAll());
      case Deed::kKill:
        cut_short = true;
        return task_->Kill();
      case Deed::kStep:
        scheduler_->Step(0);
        return;
      case Deed::kDrain:
        scheduler_->Drain({}).IgnoreError();
        return;
      case Deed::kStop:
        cut_short = true;
        scheduler_->Stop(std::chrono::nanoseconds(0)).IgnoreError();
        return;
    }
  }

  void Add(int producer, int number) {
    Fate& fate = fates[{producer, number}];
    Item* item = new Item(producer, number);
    if (Accepted(lists_->Add(0, item))) {
      handled_before_add_returned |= fate.handled > 0;
    } else {
      ++fate.refused;
      delete item;
    }
  }

  void Wake(int reason) {
    ++given[reason];
    wake_began_[reason] = ++now_;
    task_->Wake(1u << reason);
  }

  void Handle(WorkBatch& batch) {
    NoteWhere();
    while (Item* item = batch.Pop<Item>()) {
      ++fates[{item->producer, item->number}].handled;
      in_order &= item->number >= next_[item->producer];
      next_[item->producer] = item->number + 1;
      delete item;  // So that who touches it now is seen by asan.
    }
    inside_ = false;
  }

  void RunTask(WakeReasons reasons) {
    NoteWhere();
    const int started = ++now_;
    ran_after_release |= released > 0;
    for (size_t i = 0; i < told.size(); ++i) {
      if ((reasons >> i & 1) == 0) continue;
      ++told[i];
      told_too_early |= given[i] > 0 && started < wake_began_[i];
    }
    inside_ = false;
  }

  void NoteWhere() {
    off_its_worker |= Scheduler::CurrentWorker() != 0;
    two_at_once |= inside_;
    inside_ = true;
  }

  void TakeBack(WorkChain items) {
    while (Item* item = items.Pop<Item>()) {
      ++fates[{item->producer, item->number}].handed_back;
      delete item;
    }
  }

  std::shared_ptr<void> Token() {
    return {nullptr, [this](void*) {
              ++released;
              released_while_running |= inside_;
            }};
  }

  const Intrusion intrusion_;
  int reached_ = 0;
  bool intruding_ = false, stopping_ = false;

  int now_ = 0;
  std::array<int, 16> wake_began_ = {};
  std::array<int, 2> next_ = {};
  bool inside_ = false;

  FakeClock time_;
  std::unique_ptr<Scheduler> scheduler_ =
      Scheduler::Manual({.workers = 1}, time_.clock());
  WorkLists<Item>* const lists_ =
      WorkLists<Item>::Create(
          *scheduler_, {.capacity = 4, .budget = {.items = 2, .time = kLong}},
          [this](int, WorkBatch& batch) { Handle(batch); })
          .value();
  Task* const task_ = scheduler_->AddTask(
      0, [this, token = Token()](WakeReasons reasons) { RunTask(reasons); });
};

// All intrusions that are possible: those that step the worker are not while it
// is in a step. Each point is passed fewer than `kMaxTimes` times.
constexpr int kMaxTimes = 20;

void ForEachIntrusion(const std::function<void(const Scenario&)>& look) {
  for (Point point :
       {Point::kLinked, Point::kAppended, Point::kMarked, Point::kPushed,
        Point::kWaking, Point::kSorted, Point::kCleared, Point::kTaken,
        Point::kIdle, Point::kAnnounced}) {
    for (Deed deed : {Deed::kAdd, Deed::kWake, Deed::kClose, Deed::kKill,
                      Deed::kStep, Deed::kDrain, Deed::kStop}) {
      if (StepsTheWorker(deed) && !IsAProducers(point)) continue;
      int nth = 1;
      for (; nth < kMaxTimes; ++nth) {
        const Scenario scenario({point, nth, deed});
        SCOPED_TRACE(::testing::Message()
                     << "point " << static_cast<int>(point) << ", time " << nth
                     << ", deed " << static_cast<int>(deed));
        if (!scenario.intruded) break;
        look(scenario);
      }
      EXPECT_GT(nth, 1) << "the point was never reached";
      EXPECT_LT(nth, kMaxTimes) << "not all was looked at";
    }
  }
}

TEST(InvariantsTest, WhatIsPostedIsHandledOnceOrHandedBackOnce) {
  ForEachIntrusion([](const Scenario& scenario) {
    for (const auto& [item, fate] : scenario.fates) {
      EXPECT_EQ(fate.handled + fate.handed_back + fate.refused, 1)
          << "item " << item.second << " of producer " << item.first;
    }
  });
}

TEST(InvariantsTest, PostingTouchesNothingAfterwards) {
  // The item is freed when it is handled; asan sees who touches it then.
  bool handled_before_add_returned = false;
  ForEachIntrusion([&](const Scenario& scenario) {
    handled_before_add_returned |= scenario.handled_before_add_returned;
  });
  EXPECT_TRUE(handled_before_add_returned) << "nothing was ever that quick";
}

TEST(InvariantsTest, AfterAnyWakeThereIsAStartAfterTheWakeBegan) {
  ForEachIntrusion([](const Scenario& scenario) {
    EXPECT_FALSE(scenario.told_too_early);
    if (scenario.cut_short) return;
    for (size_t i = 4; i < scenario.given.size(); ++i) {
      EXPECT_GE(scenario.told[i], scenario.given[i]) << "reason " << i;
    }
  });
}

TEST(InvariantsTest, NoReasonIsLostOrDoubled) {
  ForEachIntrusion([](const Scenario& scenario) {
    for (size_t i = 4; i < scenario.given.size(); ++i) {
      EXPECT_LE(scenario.told[i], scenario.given[i]) << "reason " << i;
      if (!scenario.cut_short) {
        EXPECT_EQ(scenario.told[i], scenario.given[i]);
      }
    }
    EXPECT_LE(scenario.told[3], 1) << "the timer";
    if (!scenario.cut_short) {
      EXPECT_EQ(scenario.told[3], 1) << "the timer";
    }
  });
}

TEST(InvariantsTest, NeverTwoThreadsAndNeverOffItsWorker) {
  ForEachIntrusion([](const Scenario& scenario) {
    EXPECT_FALSE(scenario.two_at_once);
    EXPECT_FALSE(scenario.off_its_worker);
  });
}

TEST(InvariantsTest, ItemsOfOneProducerKeepTheirOrder) {
  ForEachIntrusion(
      [](const Scenario& scenario) { EXPECT_TRUE(scenario.in_order); });
}

TEST(InvariantsTest, AFunctionIsFreedOnceAndNotWhileItRunsOrIsToRun) {
  ForEachIntrusion([](const Scenario& scenario) {
    EXPECT_EQ(scenario.released, 1);
    EXPECT_FALSE(scenario.released_while_running);
    EXPECT_FALSE(scenario.ran_after_release);
  });
}

TEST(InvariantsTest, CountersEqualContents) {
  ForEachIntrusion([](const Scenario& scenario) {
    uint64_t handled = 0;
    for (const auto& [item, fate] : scenario.fates) handled += fate.handled;
    EXPECT_EQ(scenario.counted_items, handled);
  });
}

TEST(InvariantsTest, RunnableWorkMeansNoSleep) {
  ForEachIntrusion(
      [](const Scenario& scenario) { EXPECT_FALSE(scenario.slept_on_work); });
}

TEST(InvariantsTest, AStopIsAcknowledgedOnlyWithEmptyLists) {
  for (const bool hands_back : {true, false}) {
    FakeClock time;
    auto scheduler = Scheduler::Manual({}, time.clock());
    int handled = 0, handed_back = 0;
    WorkLists<Item>* lists =
        WorkLists<Item>::Create(
            *scheduler, {.budget = {.items = 1, .time = kLong}},
            [&](int, WorkBatch& batch) {
              while (batch.Pop<Item>()) ++handled;
            },
            [&](int, WorkChain items) {
              while (items.Pop() != nullptr) ++handed_back;
            })
            .value();
    Item items[] = {{0, 0}, {0, 1}, {0, 2}};
    for (Item& item : items) lists->Add(0, &item);
    scheduler->Step(0);  // Which leaves two of a batch.
    if (hands_back) {
      ASSERT_TRUE(scheduler->Stop(kLong).ok());
    } else {
      ASSERT_TRUE(scheduler->Drain(kLong).ok());
    }
    EXPECT_EQ(handled, hands_back ? 1 : 3);
    EXPECT_EQ(handed_back, hands_back ? 2 : 0);
    EXPECT_EQ(lists->waiting(0), 0u);
    EXPECT_TRUE(lists->CloseAll().empty());
  }
}

TEST(InvariantsTest, ADrainWaitsForAThreadThatHasYetToPushWhatOthersRelyOn) {
  FakeClock time;
  auto scheduler = Scheduler::Manual({}, time.clock());
  WakeReasons told = 0;
  Task* task =
      scheduler->AddTask(0, [&](WakeReasons reasons) { told |= reasons; });
  absl::Status drained;
  bool intruding = false;
  SetInterleavingHook([&](Point point) {
    if (point != Point::kMarked || intruding) return;
    intruding = true;
    Elsewhere([&] {
      task->Wake(kWakeItems);  // Queued already, so it relies on the other.
      drained = scheduler->Drain({});
    });
  });
  Elsewhere([&] { task->Wake(kWakeOther); });
  SetInterleavingHook(nullptr);
  EXPECT_EQ(drained.code(), absl::StatusCode::kDeadlineExceeded);
  ASSERT_TRUE(scheduler->Drain(kLong).ok());
  EXPECT_EQ(told, kWakeItems | kWakeOther);
}

// A worker with a thread of its own, and an item that comes when it passes
// `point` on its way to sleep. Returns the points that it passed from there on
// until the item was handled.
std::vector<Point> PassedByASleeper(Point point) {
  std::atomic<bool> armed{false};
  std::vector<Point> passed;  // The worker's, until it has ended.
  Item item(0, 0);
  Gate handled;
  WorkLists<Item>* lists = nullptr;
  bool intruded = false, over = false;
  SetInterleavingHook([&](Point reached) {
    if (Scheduler::CurrentWorker() != 0 || !armed || over) return;
    if (intruded) passed.push_back(reached);
    if (reached != point || intruded) return;
    intruded = true;
    Elsewhere([&] { EXPECT_EQ(lists->Add(0, &item), Appended::kFirst); });
  });
  auto scheduler =
      Scheduler::Start(
          {.workers = 1, .worker = {.spin = {.policy = SpinPolicy::kNever}}})
          .value();
  lists = WorkLists<Item>::Create(*scheduler, {}, [&](int, WorkBatch& batch) {
            while (batch.Pop<Item>()) over = true;
            handled.Open();
          }).value();
  // Armed by the worker itself: by now it may still be on its first way to
  // sleep, where this wake would count as well.
  scheduler->AddTask(0, [&](WakeReasons) { armed = true; })->Wake();
  handled.Pass();
  EXPECT_TRUE(scheduler->Stop(kLong).ok());
  SetInterleavingHook(nullptr);
  return passed;
}

TEST(InvariantsTest, SleepsOnlyAfterAnnouncingItAndLookingAgain) {
  // Before the announcement: the second look, which is one with it, sees it.
  EXPECT_THAT(PassedByASleeper(Point::kIdle),
              ElementsAre(Point::kSorted, Point::kCleared, Point::kTaken));
  // After it: the last look does.
  EXPECT_THAT(PassedByASleeper(Point::kAnnounced),
              ElementsAre(Point::kAwake, Point::kSorted, Point::kCleared,
                          Point::kTaken));
  // After that: the kernel's own look does, or the wake.
  EXPECT_THAT(PassedByASleeper(Point::kSleeping),
              ElementsAre(Point::kAwake, Point::kSorted, Point::kCleared,
                          Point::kTaken));
}

TEST(InvariantsTest, TimersAreNeverEarlyNorStuckNorConfusedByJumps) {
  FakeClock time;
  auto scheduler = Scheduler::Manual({}, time.clock());
  int fired = 0;
  std::vector<Task*> tasks;
  for (int i = 0; i < 3; ++i) {
    tasks.push_back(scheduler->AddTask(0, [&](WakeReasons) { ++fired; }));
  }
  const auto arm = [&](int task, std::chrono::nanoseconds span) {
    scheduler->AddTask(0, [=](WakeReasons) { tasks[task]->WakeAfter(span); })
        ->Wake();
    scheduler->RunUntilIdle(/*seed=*/1);
  };
  constexpr auto kYear = std::chrono::hours(24 * 365);
  arm(0, 50 * kYear);
  arm(1, 60 * kYear);
  // An old, far time is no reason to be late with a new, near one.
  arm(0, microseconds(5));
  time.Advance(microseconds(5) - std::chrono::nanoseconds(1));
  scheduler->RunUntilIdle(/*seed=*/1);
  EXPECT_EQ(fired, 0);
  time.Advance(std::chrono::nanoseconds(1));
  scheduler->RunUntilIdle(/*seed=*/1);
  EXPECT_EQ(fired, 1);
  // A clock that jumps far ahead makes due what lies before it, and no more.
  arm(2, 10 * kYear);
  time.Advance(40 * kYear);
  scheduler->RunUntilIdle(/*seed=*/1);
  EXPECT_EQ(fired, 2);
  time.Advance(20 * kYear);
  scheduler->RunUntilIdle(/*seed=*/1);
  EXPECT_EQ(fired, 3);
}

TEST(InvariantsTest, ATimeAskedForBeforeTheOldOneIsToldReplacesIt) {
  FakeClock time;
  auto scheduler = Scheduler::Manual({}, time.clock());
  int told = 0;
  Task* task = scheduler->AddTask(0, [&](WakeReasons) { ++told; });
  task->WakeAfter(microseconds(1));
  scheduler->RunUntilIdle(/*seed=*/1);
  time.Advance(microseconds(2));
  bool intruding = false;
  SetInterleavingHook([&](Point point) {
    // The timer has fired, and its task has yet to run.
    if (point != Point::kMarked || intruding) return;
    intruding = true;
    Elsewhere([&] { task->WakeAfter(kLong); });
  });
  scheduler->RunUntilIdle(/*seed=*/1);
  SetInterleavingHook(nullptr);
  EXPECT_TRUE(intruding);
  EXPECT_EQ(told, 0);
  time.Advance(2 * kLong);
  scheduler->RunUntilIdle(/*seed=*/1);
  EXPECT_EQ(told, 1);
}

TEST(InvariantsTest, OnlyTheOwnerEditsItsTimers) {
  FakeClock time;
  auto scheduler = Scheduler::Manual({.workers = 2}, time.clock());
  Task* task = scheduler->AddTask(0, [](WakeReasons) {});
  const auto armed = [&] { return scheduler->Snapshot()[0].timers_armed; };
  Elsewhere([&] { task->WakeAfter(kLong); });
  scheduler->AddTask(1, [&](WakeReasons) { task->WakeAfter(kLong); })->Wake();
  while (scheduler->Step(1)) {
  }
  EXPECT_EQ(armed(), 0u);
  while (scheduler->Step(0)) {
  }
  EXPECT_EQ(armed(), 1u);
  Elsewhere([&] { task->CancelTimer(); });
  EXPECT_EQ(armed(), 1u);
  while (scheduler->Step(0)) {
  }
  EXPECT_EQ(armed(), 0u);
}

// Handlers of normal and bulk items and tasks, and an urgent task that has run
// in the round before any of them and is woken again: at a point that the
// worker passes, or by a handler.
class UrgentScenario {
 public:
  struct Break {
    Point point;
    int nth;          // At which of the times the point is reached; 0: never.
    int handler = 0;  // By which handler, from 1; 0: by none.
  };

  explicit UrgentScenario(const Break& wake) : wake_(wake) {
    for (Item& item : items_) lists_->Add(0, &item);
    for (int i = 0; i < 6; ++i) {
      scheduler_
          ->AddTask(
              0, {.task_class = i < 3 ? TaskClass::kNormal : TaskClass::kBulk},
              [this](WakeReasons) { Handle(); })
          ->Wake();
    }
    urgent_->Wake();
    SetInterleavingHook([this](Point point) { Reach(point); });
    scheduler_->RunUntilIdle(/*seed=*/1);
    SetInterleavingHook(nullptr);
  }

  bool woken = false;
  int urgent_runs = 0, handled = 0;
  // How many handlers began between the wake and the run that followed it.
  int began_meanwhile = 0;

 private:
  void Reach(Point point) {
    if (woken || urgent_runs == 0 || point != wake_.point) return;
    if (++reached_ == wake_.nth) Elsewhere([this] { Wake(); });
  }

  void Handle() {
    ++handled;
    if (woken && urgent_runs == 1) ++began_meanwhile;
    if (handled == wake_.handler) Wake();
  }

  void Wake() {
    woken = true;
    urgent_->Wake();
  }

  const Break wake_;
  int reached_ = 0;
  Item items_[4] = {{0, 0}, {0, 1}, {0, 2}, {0, 3}};
  FakeClock time_;
  std::unique_ptr<Scheduler> scheduler_ =
      Scheduler::Manual({.workers = 1}, time_.clock());
  Task* const urgent_ =
      scheduler_->AddTask(0, {.task_class = TaskClass::kUrgent},
                          [this](WakeReasons) { ++urgent_runs; });
  WorkLists<Item>* const lists_ =
      WorkLists<Item>::Create(*scheduler_, {}, [this](int, WorkBatch& batch) {
        while (batch.Pop<Item>()) Handle();
      }).value();
};

constexpr int kHandlers = 10;

TEST(InvariantsTest, AnUrgentTaskGoesBeforeAllOthersEachTimeItIsWoken) {
  for (int handler = 1; handler <= kHandlers; ++handler) {
    const UrgentScenario scenario(
        {.point = Point::kAwake, .nth = 0, .handler = handler});
    SCOPED_TRACE(::testing::Message() << "woken by handler " << handler);
    EXPECT_EQ(scenario.handled, kHandlers);
    EXPECT_EQ(scenario.urgent_runs, 2);
    EXPECT_EQ(scenario.began_meanwhile, 0);
  }
}

TEST(InvariantsTest, AnUrgentTaskWaitsForOneHandlerOfOthersAtMost) {
  for (Point point : {Point::kSorted, Point::kCleared, Point::kTaken}) {
    int nth = 1;
    for (; nth < 2 * kMaxTimes; ++nth) {
      const UrgentScenario scenario({.point = point, .nth = nth});
      SCOPED_TRACE(::testing::Message()
                   << "point " << static_cast<int>(point) << ", time " << nth);
      if (!scenario.woken) break;
      EXPECT_EQ(scenario.handled, kHandlers);
      EXPECT_EQ(scenario.urgent_runs, 2);
      EXPECT_LE(scenario.began_meanwhile, 1);
    }
    EXPECT_GT(nth, 1) << "the point was never reached";
    EXPECT_LT(nth, 2 * kMaxTimes) << "not all was looked at";
  }
}

// Each of these tasks wakes itself whenever it runs, so none is ever idle.
TEST(InvariantsTest, EveryRoundIsBoundedAndNoClassStarves) {
  FakeClock time;
  auto scheduler = Scheduler::Manual({}, time.clock());
  constexpr int kTasks = 300;
  constexpr int kRounds = 100;
  std::array<std::vector<Task*>, kTaskClasses> tasks;
  for (int c = 0; c < kTaskClasses; ++c) {
    tasks[c].resize(kTasks);
    for (int i = 0; i < kTasks; ++i) {
      tasks[c][i] = scheduler->AddTask(
          0, {.task_class = static_cast<TaskClass>(c)}, [&, c, i](WakeReasons) {
            time.Advance(microseconds(1));
            tasks[c][i]->Wake();
            tasks[c][i]->WakeAfter({});
          });
      tasks[c][i]->Wake();
    }
  }
  const WorkerOptions options;
  for (int round = 1; round <= kRounds; ++round) {
    ASSERT_TRUE(scheduler->Step(0));  // It returns, whatever there is to do.
    const WorkerStats stats = scheduler->Snapshot()[0];
    EXPECT_EQ(stats.rounds, static_cast<uint64_t>(round));
    // Each run takes a microsecond. The urgent tasks get ahead by what they
    // may, and by the rest of the sweep in which they do; then they run once a
    // round.
    const int at_first = static_cast<int>(options.urgent_lead.count()) + kTasks;
    EXPECT_THAT(
        stats.runs,
        ElementsAre(AllOf(Ge(kTasks * round), Le(kTasks * round + at_first)),
                    options.normal.runs * round, options.bulk.runs * round));
  }
  // Nor does one task of a class starve another.
  for (Task* task : tasks[static_cast<int>(TaskClass::kNormal)]) {
    EXPECT_GE(task->stats().runs, uint64_t{kRounds / 4});
  }
  for (Task* task : tasks[static_cast<int>(TaskClass::kBulk)]) {
    EXPECT_GE(task->stats().runs, uint64_t{kRounds / 40});
  }
  scheduler->Stop(kLong).IgnoreError();
}

}  // namespace
}  // namespace pinion
