// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/stall_watch.h"

#include <sys/types.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/clock.h"
#include "pinion/core/fake_clock.h"
#include "pinion/core/run_record.h"
#include "pinion/core/thread_times.h"
#include "pinion/server/testing/gate.h"

namespace pinion {
namespace {

using ::pinion::testing::Gate;
using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::IsEmpty;
using ::testing::Le;

constexpr milliseconds kThreshold{100};
constexpr milliseconds kPeriod{25};
// By how much a report may come late: a look period, and twice what is worth no
// look.
constexpr milliseconds kLate{27};

// Two tasks, told apart by where they are; the watch looks into neither.
const char kPlaces[2] = {};
const Task* const kTask = reinterpret_cast<const Task*>(&kPlaces[0]);
const Task* const kOtherTask = reinterpret_cast<const Task*>(&kPlaces[1]);

// How a thread passes its time.
enum class Doing {
  kComputes,
  kBlocks,
  kWaits,   // For a CPU that others have: the kernel counts it.
  kStolen,  // The hypervisor has its CPU: the kernel does not count it.
};

// Workers whose threads do what the test says, each millisecond of a fake time,
// and a watch which looks when it wants to.
class StallWatchTest : public ::testing::Test {
 protected:
  struct FakeWorker {
    RunRecord record;
    ThreadTimes times = {.blocked = true};
    bool gone = false;
    Doing doing = Doing::kBlocks;
    bool stalled = false;  // As the watch told it last.
  };

  explicit StallWatchTest(int workers = 1, StallWatchOptions options = {}) {
    time_.Advance(nanoseconds(1));  // So that no run begins at 0.
    std::vector<StallWatch::Watched> watched;
    for (int i = 0; i < workers; ++i) {
      workers_.push_back(std::make_unique<FakeWorker>());
      watched.push_back(
          {.worker = i, .record = &workers_.back()->record, .thread_id = i});
    }
    watch_ = std::make_unique<StallWatch>(
        watched, time_.clock(), options,
        [this](const StallReport& report) {
          EXPECT_TRUE(workers_[report.worker]->stalled);
          reports_.push_back(report);
        },
        [this](int worker, bool stalled) { Tell(worker, stalled); },
        [this](pid_t thread) { return Read(thread); });
  }

  void Begin(const Task* task = kTask, int worker = 0) {
    workers_[worker]->record.Begin(task, time_.clock().Ticks());
  }
  void End(int worker = 0) { workers_[worker]->record.End(); }

  // As the watch's own thread, which then looks at once.
  void SetThreshold(nanoseconds threshold) {
    watch_->SetThreshold(threshold);
    next_look_ = time_.Now();
  }

  // Lets `span` pass, in which the first worker does `doing`.
  void Pass(nanoseconds span, Doing doing, nanoseconds step = milliseconds(1)) {
    StartDoing(*workers_[0], doing);
    Pass(span, step);
  }
  // The same, in which each worker does what it did.
  void Pass(nanoseconds span, nanoseconds step = milliseconds(1)) {
    for (nanoseconds passed{0}; passed < span; passed += step) {
      LookIfDue();
      time_.Advance(step);
      for (auto& worker : workers_) Account(*worker, step);
    }
    LookIfDue();
  }

  static void StartDoing(FakeWorker& worker, Doing doing) {
    const bool blocks = doing == Doing::kBlocks;
    if (blocks && !worker.times.blocked) ++worker.times.voluntary_switches;
    worker.times.blocked = blocks;
    worker.doing = doing;
  }

  // How long after their run began the reports were made.
  std::vector<int> ReportedAfterMillis() const {
    std::vector<int> millis;
    for (const StallReport& report : reports_) {
      millis.push_back(duration_cast<milliseconds>(report.ran).count());
    }
    return millis;
  }

  // A change of a worker's state, as it was told.
  struct Change {
    int worker;
    bool stalled;
    Moment at;
  };

  FakeClock time_;
  std::vector<std::unique_ptr<FakeWorker>> workers_;
  std::unique_ptr<StallWatch> watch_;
  std::vector<StallReport> reports_;
  std::vector<Change> changes_;
  int reads_ = 0;
  std::function<void()> while_reading_ = [] {};

 private:
  void Tell(int worker, bool stalled) {
    EXPECT_NE(stalled, workers_[worker]->stalled) << "no change";
    workers_[worker]->stalled = stalled;
    changes_.push_back({worker, stalled, time_.Now()});
  }

  absl::StatusOr<ThreadTimes> Read(pid_t thread) {
    ++reads_;
    while_reading_();
    if (workers_[thread]->gone) return absl::NotFoundError("gone");
    return workers_[thread]->times;
  }

  void LookIfDue() {
    if (time_.Now() < next_look_) return;
    next_look_ = time_.Now() + watch_->Look();
  }

  static void Account(FakeWorker& worker, nanoseconds step) {
    if (worker.doing == Doing::kComputes) worker.times.cpu += step;
    if (worker.doing == Doing::kWaits) worker.times.run_delay += step;
  }

  Moment next_look_ = time_.Now();
};

TEST_F(StallWatchTest, ReportsARunAtTheThresholdAndNotBefore) {
  for (Doing doing : {Doing::kComputes, Doing::kBlocks}) {
    // Wherever between two looks it begins.
    for (int shift = 0; shift < kPeriod.count(); ++shift) {
      reports_.clear();
      Pass(kPeriod + milliseconds(1), Doing::kBlocks);
      Begin();
      Pass(kThreshold + kLate, doing);
      End();
      EXPECT_THAT(ReportedAfterMillis(), ElementsAre(AllOf(Ge(100), Le(127))));
    }
  }
}

TEST_F(StallWatchTest, ReportsNoRunThatEndsBeforeTheThreshold) {
  for (int shift = 0; shift < kPeriod.count(); ++shift) {
    Begin();
    Pass(kThreshold - milliseconds(1), Doing::kComputes);
    End();
    Pass(milliseconds(2), Doing::kBlocks);
  }
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_F(StallWatchTest, ReportsAgainWheneverTheTimeHasDoubled) {
  Begin();
  Pass(seconds(1), Doing::kComputes);
  EXPECT_THAT(ReportedAfterMillis(),
              ElementsAre(AllOf(Ge(100), Le(127)), AllOf(Ge(200), Le(227)),
                          AllOf(Ge(400), Le(427)), AllOf(Ge(800), Le(827))));
}

TEST_F(StallWatchTest, ReportsOnceWhatHasDoubledSeveralTimesBetweenTwoLooks) {
  Begin();
  Pass(milliseconds(50), Doing::kComputes);
  time_.Advance(seconds(1));  // The watch had no CPU itself.
  workers_[0]->times.cpu += seconds(1);
  Pass(milliseconds(400), Doing::kComputes);
  EXPECT_EQ(reports_.size(), 1);
  Pass(milliseconds(400), Doing::kComputes);
  EXPECT_EQ(reports_.size(), 2);
}

TEST_F(StallWatchTest, BeginsAnewWithEachRun) {
  for (int run = 0; run < 3; ++run) {
    Begin();
    Pass(milliseconds(150), Doing::kComputes);
    End();
  }
  EXPECT_EQ(reports_.size(), 3);
}

TEST_F(StallWatchTest, TellsWhoseRunItIsAndWhatTheThreadDid) {
  Begin(kOtherTask);
  Pass(milliseconds(40), Doing::kComputes);
  Pass(milliseconds(60), Doing::kStolen);
  Pass(milliseconds(100), Doing::kBlocks);
  ASSERT_EQ(reports_.size(), 1);
  const StallReport& report = reports_[0];
  EXPECT_EQ(report.worker, 0);
  EXPECT_EQ(report.task, kOtherTask);
  // It was first looked at when it had lasted for a period.
  EXPECT_EQ(report.had_cpu, milliseconds(40) - kPeriod);
  EXPECT_EQ(report.not_given, milliseconds(60));
  EXPECT_TRUE(report.blocked);
  EXPECT_EQ(report.suppressed, 0);
}

TEST_F(StallWatchTest, DoesNotBlameManyShortRunsInARow) {
  for (int millis : {1, 10, 30, 60}) {
    for (nanoseconds ran{0}; ran < seconds(3); ran += milliseconds(millis)) {
      Begin();
      Pass(milliseconds(millis), Doing::kComputes);
      End();
    }
  }
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_F(StallWatchTest, DoesNotAskTheKernelAboutRunsBelowAMillisecond) {
  const nanoseconds step = microseconds(250);
  for (nanoseconds ran{0}; ran < seconds(1); ran += step * 3) {
    Begin();
    Pass(step * 3, Doing::kComputes, step);
    End();
  }
  EXPECT_EQ(reads_, 0);
}

TEST_F(StallWatchTest, DoesNotBlameAWorkerThatSleeps) {
  Pass(seconds(10), Doing::kBlocks);
  EXPECT_THAT(reports_, IsEmpty());
  EXPECT_EQ(reads_, 0);
}

TEST_F(StallWatchTest, DoesNotBlameStolenTime) {
  Begin();
  Pass(milliseconds(10), Doing::kComputes);
  Pass(milliseconds(480), Doing::kStolen);
  Pass(milliseconds(10), Doing::kComputes);
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_F(StallWatchTest, DoesNotBlameTimeStolenBeforeTheFirstLook) {
  Pass(milliseconds(1), Doing::kBlocks);
  Begin();
  Pass(kPeriod - milliseconds(1), Doing::kStolen);
  Pass(kThreshold - milliseconds(1), Doing::kComputes);
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_F(StallWatchTest, BlamesARunForItsOwnPartOfTheTime) {
  Begin();
  Pass(milliseconds(300), Doing::kStolen);
  EXPECT_THAT(reports_, IsEmpty());
  Pass(kThreshold - milliseconds(1), Doing::kComputes);
  EXPECT_THAT(reports_, IsEmpty());
  Pass(kLate, Doing::kComputes);
  ASSERT_EQ(reports_.size(), 1);
  EXPECT_EQ(reports_[0].not_given, milliseconds(300) - kPeriod);
}

TEST_F(StallWatchTest, DoesNotBlameTimeStolenAfterTheRunBlocked) {
  Begin();
  Pass(milliseconds(30), Doing::kBlocks);
  Pass(milliseconds(500), Doing::kStolen);
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_F(StallWatchTest, DoesNotBlameTheWaitsForACpuOfARunThatBlocksOften) {
  Begin();
  for (int i = 0; i < 40; ++i) {
    Pass(milliseconds(1), Doing::kBlocks);
    Pass(milliseconds(11), Doing::kWaits);
  }
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_F(StallWatchTest, BlamesARunThatBlocksOften) {
  Begin();
  for (int i = 0; i < 13; ++i) {
    Pass(milliseconds(9), Doing::kBlocks);
    Pass(milliseconds(1), Doing::kComputes);
  }
  EXPECT_EQ(reports_.size(), 1);
}

TEST_F(StallWatchTest, DoesNotJudgeByWhatTheThreadDidAfterTheRun) {
  Begin();
  Pass(milliseconds(99), Doing::kComputes);
  while_reading_ = [&] {  // The watch had no CPU for long.
    End();
    time_.Advance(seconds(1));
    workers_[0]->times.cpu += seconds(1);
  };
  Pass(seconds(1), Doing::kBlocks);
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_F(StallWatchTest, DoesNotJudgeARunByWhatTheThreadDidInTheNext) {
  Begin();
  Pass(milliseconds(99), Doing::kComputes);
  while_reading_ = [&, done = false]() mutable {
    if (std::exchange(done, true)) return;
    End();
    time_.Advance(seconds(1));
    workers_[0]->times.cpu += seconds(1);
    Begin();
  };
  Pass(milliseconds(99), Doing::kComputes);
  EXPECT_THAT(reports_, IsEmpty());
}

TEST(StallWatchClockTest, TakesARunThatSeemsToBeginInTheFutureForAYoungOne) {
  // As the worker's CPU may count a little ahead of the watch's.
  RunRecord record;
  record.Begin(kTask, Clock().Ticks() + Clock().TicksOf(std::chrono::hours(1)));
  int reads = 0;
  StallWatch watch(
      {{.worker = 0, .record = &record, .thread_id = 0}}, Clock(), {},
      [](const StallReport&) {}, /*state_callback=*/nullptr,
      [&](pid_t) {
        ++reads;
        return ThreadTimes();
      });
  watch.Look();
  EXPECT_EQ(reads, 0);
}

TEST_F(StallWatchTest, AsksForTheNextLookWhenAReportMayBeDue) {
  Begin();
  StartDoing(*workers_[0], Doing::kStolen);
  EXPECT_EQ(watch_->Look(), kPeriod);
  time_.Advance(milliseconds(10));
  EXPECT_EQ(watch_->Look(),
            kPeriod);  // The first at which the kernel is asked.
  time_.Advance(milliseconds(93));
  EXPECT_EQ(watch_->Look(), kPeriod);  // Had no CPU: 100 ms are missing.
  time_.Advance(milliseconds(93));
  workers_[0]->times.cpu += milliseconds(93);
  EXPECT_EQ(watch_->Look(), milliseconds(7));
}

TEST_F(StallWatchTest, JudgesARunUnderWayByANewThreshold) {
  Begin();
  Pass(milliseconds(50), Doing::kBlocks);
  SetThreshold(milliseconds(200));
  Pass(milliseconds(130), Doing::kBlocks);
  EXPECT_THAT(reports_, IsEmpty());
  SetThreshold(milliseconds(10));
  Pass(milliseconds(1), Doing::kBlocks);
  EXPECT_EQ(reports_.size(), 1);
  EXPECT_TRUE(workers_[0]->stalled);
}

TEST_F(StallWatchTest, AReportedStallLastsThoughTheThresholdIsRaised) {
  Begin();
  Pass(kThreshold + kLate, Doing::kBlocks);
  EXPECT_EQ(reports_.size(), 1);
  SetThreshold(seconds(10));
  Pass(seconds(1), Doing::kBlocks);
  EXPECT_TRUE(workers_[0]->stalled);
  End();
  Pass(seconds(3), Doing::kBlocks);
  EXPECT_FALSE(workers_[0]->stalled);
  reports_.clear();
  Begin();
  Pass(seconds(9), Doing::kBlocks);
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_F(StallWatchTest, WorksAcrossTheWrapOfTheClock) {
  Pass(milliseconds(950), Doing::kBlocks);
  Begin();
  ASSERT_GT(time_.Now().nanos(), uint64_t{1} << 63);
  Pass(kThreshold + kLate, Doing::kComputes);
  ASSERT_LT(time_.Now().nanos(), uint64_t{1} << 63);
  EXPECT_THAT(ReportedAfterMillis(), ElementsAre(AllOf(Ge(100), Le(127))));
}

TEST_F(StallWatchTest, TellsOfAStallWithinALookPeriodOfItsEnd) {
  // Long enough that the next report is far away, too.
  for (milliseconds span : {kThreshold + kLate, milliseconds(1700)}) {
    for (int shift = 0; shift < kPeriod.count(); ++shift) {
      changes_.clear();
      Begin();
      Pass(span + milliseconds(shift), Doing::kBlocks);
      ASSERT_EQ(changes_.size(), 1);
      EXPECT_TRUE(changes_[0].stalled);
      End();
      const Moment end = time_.Now();
      Pass(kPeriod + milliseconds(1), Doing::kBlocks);
      ASSERT_EQ(changes_.size(), 2);
      EXPECT_FALSE(changes_[1].stalled);
      EXPECT_LE(changes_[1].at - end, kPeriod);
    }
  }
}

TEST_F(StallWatchTest, TellsOfAStallOnceThoughItIsReportedAgainAndAgain) {
  Begin();
  Pass(seconds(1), Doing::kComputes);
  EXPECT_EQ(reports_.size(), 4);
  EXPECT_EQ(changes_.size(), 1);
}

TEST_F(StallWatchTest, TellsThatAStallHasEndedThoughTheNextRunIsUnderWay) {
  for (nanoseconds rest : {milliseconds(60), kThreshold + kLate}) {
    changes_.clear();
    Begin();
    Pass(kThreshold + kLate, Doing::kComputes);
    End();
    Begin(kOtherTask);
    Pass(kPeriod, Doing::kComputes);
    ASSERT_EQ(changes_.size(), 2);
    EXPECT_FALSE(changes_[1].stalled);
    Pass(rest, Doing::kComputes);
    // A run is judged by itself, and so is what was told of it.
    EXPECT_EQ(changes_.size(), rest > kThreshold ? 3 : 2);
    End();
    Pass(kPeriod, Doing::kBlocks);
  }
}

TEST_F(StallWatchTest, TellsThatAStallHasEndedThoughItEndsDuringALook) {
  Begin();
  Pass(kThreshold + kLate, Doing::kComputes);
  while_reading_ = [this] { End(); };
  Pass(2 * kPeriod, Doing::kBlocks);
  ASSERT_EQ(changes_.size(), 2);
  EXPECT_FALSE(changes_[1].stalled);
}

TEST_F(StallWatchTest, TellsNoChangeOfAWorkerThatDoesNotStall) {
  for (int run = 0; run < 50; ++run) {
    Begin();
    Pass(kThreshold - milliseconds(1), Doing::kComputes);
    End();
    Pass(milliseconds(run), Doing::kBlocks);
  }
  EXPECT_THAT(changes_, IsEmpty());
}

class StallWatchOfTwoTest : public StallWatchTest {
 protected:
  StallWatchOfTwoTest() : StallWatchTest(2) {}
};

TEST_F(StallWatchOfTwoTest, TellsWorkersApart) {
  Begin(kTask, 0);
  Begin(kOtherTask, 1);
  StartDoing(*workers_[1], Doing::kStolen);
  Pass(milliseconds(150), Doing::kComputes);
  ASSERT_EQ(reports_.size(), 1);
  EXPECT_EQ(reports_[0].worker, 0);
  End(0);
  StartDoing(*workers_[1], Doing::kComputes);
  Pass(milliseconds(150));
  ASSERT_EQ(reports_.size(), 2);
  EXPECT_EQ(reports_[1].worker, 1);
  EXPECT_EQ(reports_[1].task, kOtherTask);
}

TEST_F(StallWatchOfTwoTest, GoesOnWithTheOthersWhenAThreadIsGone) {
  Begin(kTask, 0);
  Begin(kTask, 1);
  Pass(milliseconds(50));
  workers_[0]->gone = true;
  Pass(milliseconds(100));
  ASSERT_EQ(reports_.size(), 1);
  EXPECT_EQ(reports_[0].worker, 1);
}

class StallWatchLimitTest : public StallWatchTest {
 protected:
  StallWatchLimitTest() : StallWatchTest(3, {.reports_per_second = 2}) {}

  std::vector<uint64_t> Suppressed() const {
    std::vector<uint64_t> suppressed;
    for (const StallReport& report : reports_) {
      suppressed.push_back(report.suppressed);
    }
    return suppressed;
  }
};

TEST_F(StallWatchLimitTest, HoldsReportsBackAndTellsHowManyInTheNext) {
  for (int worker : {0, 1, 2}) Begin(kTask, worker);
  Pass(milliseconds(1000));
  // One was held back at 100 ms, and three each at 200, 400 and 800.
  EXPECT_THAT(Suppressed(), ElementsAre(0, 0));
  Pass(milliseconds(700));
  EXPECT_THAT(Suppressed(), ElementsAre(0, 0, 10, 0));
  for (int worker : {0, 1, 2}) End(worker);
  Pass(milliseconds(1000));
  Begin(kTask, 1);
  Pass(milliseconds(150));
  EXPECT_THAT(Suppressed(), ElementsAre(0, 0, 10, 0, 1));
}

TEST_F(StallWatchLimitTest, HoldsBackNoChangeOfAWorkersState) {
  for (int round = 0; round < 3; ++round) {
    changes_.clear();
    for (int worker : {0, 1, 2}) Begin(kTask, worker);
    Pass(kThreshold + kLate);
    EXPECT_EQ(changes_.size(), 3);
    for (const auto& worker : workers_) EXPECT_TRUE(worker->stalled);
    for (int worker : {0, 1, 2}) End(worker);
    Pass(kPeriod);
    EXPECT_EQ(changes_.size(), 6);
    for (const auto& worker : workers_) EXPECT_FALSE(worker->stalled);
  }
  EXPECT_THAT(Suppressed(), ElementsAre(0, 0));
}

TEST(StallReportTest, IsDescribedInOneLine) {
  StallReport report = {.worker = 3,
                        .task = kTask,
                        .ran = microseconds(412'999),
                        .had_cpu = milliseconds(8),
                        .not_given = microseconds(999),
                        .blocked = true,
                        .suppressed = 0};
  EXPECT_EQ(Describe(report, "kv"),
            "worker 3: \"kv\" has run for 412 ms "
            "(had a CPU for 8 ms, blocked now)");
  report.not_given = milliseconds(30);
  report.blocked = false;
  report.suppressed = 12;
  EXPECT_EQ(Describe(report, ""),
            "worker 3: a task without a name has run for 412 ms "
            "(had a CPU for 8 ms, was not given one for 30 ms)"
            "; reports held back since the last: 12");
  report.suppressed = 0;
  EXPECT_EQ(Describe(report, "k\n\"v\""),
            "worker 3: \"k\\n\\\"v\\\"\" has run for 412 ms "
            "(had a CPU for 8 ms, was not given one for 30 ms)");
}

// A thread with a run under way in which it waits at `gate`.
class BlockedWorker {
 public:
  explicit BlockedWorker(Gate& gate)
      : thread_([this, &gate] {
          id_ = gettid();
          record_.Begin(kTask, Clock().Ticks());
          gate.Pass();
          record_.End();
        }) {
    gate.AwaitArrivals(1);
  }
  ~BlockedWorker() { thread_.join(); }

  StallWatch::Watched watched() const {
    return {.worker = 0, .record = &record_, .thread_id = id_};
  }

 private:
  RunRecord record_;
  pid_t id_ = 0;
  std::thread thread_;
};

TEST(StallWatchThreadTest, ReportsAThreadThatIsBlocked) {
  Gate handler;
  BlockedWorker worker(handler);
  Gate reported;
  StallReport report = {};
  StallWatch watch({worker.watched()}, Clock(), {.threshold = milliseconds(2)},
                   [&](const StallReport& told) {
                     report = told;
                     reported.Pass();
                   });
  ASSERT_TRUE(watch.Start().ok());
  reported.AwaitArrivals(1);
  EXPECT_EQ(report.task, kTask);
  EXPECT_GE(report.ran, milliseconds(2));
  EXPECT_TRUE(report.blocked);
  reported.Open();
  watch.Stop();
  handler.Open();
}

TEST(StallWatchThreadTest, LooksAtOnceWhenTheThresholdIsLowered) {
  Gate handler;
  BlockedWorker worker(handler);
  Gate reported;
  StallWatch watch({worker.watched()}, Clock(),
                   {.threshold = std::chrono::hours(1000)},
                   [&](const StallReport&) { reported.Pass(); });
  ASSERT_TRUE(watch.Start().ok());
  watch.SetThreshold(milliseconds(2));
  reported.AwaitArrivals(1);
  reported.Open();
  watch.Stop();
  handler.Open();
}

TEST(StallWatchThreadTest, EndsAtOnceThoughTheNextLookIsFarAway) {
  StallWatch watch({}, Clock(), {.threshold = std::chrono::hours(1000)},
                   [](const StallReport&) {});
  ASSERT_TRUE(watch.Start().ok());
  watch.Stop();
  watch.Stop();  // And does nothing the second time.
}

TEST(StallWatchThreadTest, SaysAtTheStartWhichWorkerItCannotWatch) {
  const RunRecord record;
  // Above the largest thread id a kernel gives.
  constexpr pid_t kNoThread = pid_t{1} << 29;
  StallWatch watch({{.worker = 7, .record = &record, .thread_id = kNoThread}},
                   Clock(), {}, [](const StallReport&) {});
  const absl::Status started = watch.Start();
  EXPECT_EQ(started.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(started.message(),
            "cannot watch worker 7 for stalls: there is no thread 536870912");
}

}  // namespace
}  // namespace pinion
