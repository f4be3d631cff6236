// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/load_generator.h"

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <queue>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace pinion::cli {
namespace {

constexpr int64_t kMicrosecond = 1'000;
constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kSecond = 1'000'000'000;

// A target with one server that takes each call for a time, one after the
// other or all at once, and the clock they both live by: it is as late as the
// load sleeps until, and what is due by then is answered on the way.
class World final : public LoadTarget, public Clock {
 public:
  struct Options {
    int64_t service_ns = 100 * kMicrosecond;
    bool one_by_one = false;
    // Answers that would come within this time come at its end.
    int64_t stall_from = -1;
    int64_t stall_to = -1;
  };
  explicit World(Options options) : options_(options) {}

  int64_t Now() override { return now_; }

  void SleepUntil(int64_t nanos) override {
    while (!open_.empty() && open_.top().due <= nanos) {
      const Call call = open_.top();
      open_.pop();
      now_ = std::max(now_, call.due);
      for (int i = 0; i < messages; ++i) {
        call.receiver->Received(call.call, i == 0);
      }
      call.receiver->Answered(call.call, error);
      if (on_answer) on_answer();
    }
    now_ = std::max(now_, nanos);
  }

  void Send(absl::string_view request, uint32_t call,
            AnswerReceiver& receiver) override {
    requests.emplace_back(request);
    if (refuses_at_once) {
      receiver.Answered(call, ErrorKind{.code = 8, .reason = 7});
      return;
    }
    const int64_t from =
        options_.one_by_one ? std::max(now_, free_from_) : now_;
    int64_t due = from + options_.service_ns;
    if (due >= options_.stall_from && due < options_.stall_to) {
      due = options_.stall_to;
    }
    free_from_ = due;
    open_.push({due, sent_++, call, &receiver});
    max_open = std::max(max_open, open_.size());
  }

  std::optional<ErrorKind> error;  // Of each answer.
  bool refuses_at_once = false;
  int messages = 0;  // Of each call, which is a stream then.
  std::function<void()> on_answer;
  std::vector<std::string> requests;
  size_t max_open = 0;

 private:
  struct Call {
    int64_t due;
    uint64_t order;
    uint32_t call;
    AnswerReceiver* receiver;
    bool operator<(const Call& other) const {
      return std::pair(due, order) > std::pair(other.due, other.order);
    }
  };

  const Options options_;
  int64_t now_ = kSecond;
  int64_t free_from_ = 0;
  uint64_t sent_ = 0;
  std::priority_queue<Call> open_;  // The next answer first.
};

RequestMaker Requests() {
  return *RequestMaker::Make(
      [](const std::string& json) -> absl::StatusOr<std::string> {
        return json;
      },
      "{key}", KeyDistribution::Uniform(1000));
}

LoadGenerator::State RunLoad(World& world, const LoadOptions& options) {
  const RequestMaker requests = Requests();
  LoadGenerator load(options, requests, world, world);
  load.Run();
  return load.Look();
}

TEST(ClosedLoopTest, KeepsItsPlacesBusyAndNoMore) {
  World world({.service_ns = kMillisecond});
  const auto state =
      RunLoad(world, {.in_flight = 8, .duration = absl::Seconds(1)});
  EXPECT_EQ(world.max_open, 8u);
  EXPECT_EQ(state.answers.succeeded.total(), 8000u);
  // The last eight come at the very end, which is no more within the time.
  EXPECT_EQ(state.answers.within_time, 7992u);
  EXPECT_EQ(state.answers.succeeded.AtPercentile(50), kMillisecond);
  EXPECT_EQ(state.answers.succeeded.max(), kMillisecond);
  EXPECT_EQ(state.measured, absl::Seconds(1));
  EXPECT_EQ(state.open, 0u);
}

TEST(ClosedLoopTest, AStallIsInTheLatenciesOfItsPlacesOnly) {
  World world({.stall_from = kSecond + 200 * kMillisecond,
               .stall_to = kSecond + 700 * kMillisecond});
  const auto state =
      RunLoad(world, {.in_flight = 4, .duration = absl::Seconds(1)});
  EXPECT_GE(state.answers.succeeded.max(), 499 * kMillisecond);
  // Which is what an open loop is for.
  EXPECT_NEAR(state.answers.succeeded.AtPercentile(99), 100 * kMicrosecond,
              kMicrosecond);
}

TEST(ClosedLoopTest, CountsTheMessagesOfStreams) {
  World world({.service_ns = kMillisecond});
  world.messages = 3;
  const auto state = RunLoad(world, {.in_flight = 8,
                                     .warm_up = absl::Milliseconds(500),
                                     .duration = absl::Seconds(1)});
  EXPECT_EQ(state.answers.succeeded.total(), 8000u);
  EXPECT_EQ(state.answers.first_messages.total(), 8000u);
  EXPECT_EQ(state.answers.first_messages.AtPercentile(50), kMillisecond);
  EXPECT_EQ(state.answers.messages, 3 * state.answers.within_time);
}

TEST(OpenLoopTest, SendsEachCallWhenItIsDue) {
  World world({});
  const auto state = RunLoad(
      world, {.in_flight = 64, .rate = 1000, .duration = absl::Seconds(1)});
  EXPECT_EQ(state.answers.succeeded.total(), 1000u);
  EXPECT_EQ(state.answers.succeeded.max(), 100 * kMicrosecond);
  EXPECT_EQ(state.send_delay.total(), 1000u);
  EXPECT_EQ(state.send_delay.max(), 0);
  EXPECT_EQ(state.unsent, 0u);
  EXPECT_EQ(world.max_open, 1u);
}

TEST(OpenLoopTest, AStallShowsInAllCallsThatWereDueWithinIt) {
  World world({.stall_from = kSecond + 200 * kMillisecond,
               .stall_to = kSecond + 700 * kMillisecond});
  const auto state = RunLoad(
      world, {.in_flight = 10'000, .rate = 1000, .duration = absl::Seconds(1)});
  const Histogram& latencies = state.answers.succeeded;
  EXPECT_EQ(latencies.total(), 1000u);
  // Half of the calls were due within it, and waited for its end: evenly from
  // half a second to nothing.
  EXPECT_NEAR(latencies.max(), 500 * kMillisecond, kMillisecond);
  EXPECT_NEAR(latencies.AtPercentile(90), 400 * kMillisecond, 2 * kMillisecond);
  EXPECT_NEAR(latencies.AtPercentile(75), 250 * kMillisecond, 2 * kMillisecond);
  EXPECT_NEAR(latencies.AtPercentile(49), 100 * kMicrosecond, kMicrosecond);
}

// That the places run out must not make it look better.
TEST(OpenLoopTest, TheWaitForAPlaceIsInTheLatency) {
  const World::Options stall = {.stall_from = kSecond + 200 * kMillisecond,
                                .stall_to = kSecond + 700 * kMillisecond};
  const LoadOptions load = {
      .in_flight = 10'000, .rate = 1000, .duration = absl::Seconds(1)};
  World roomy(stall);
  const auto with_room = RunLoad(roomy, load);
  LoadOptions narrow_load = load;
  narrow_load.in_flight = 16;
  World narrow(stall);
  const auto with_few = RunLoad(narrow, narrow_load);
  EXPECT_EQ(narrow.max_open, 16u);
  EXPECT_EQ(with_few.answers.succeeded.total(), 1000u);
  for (double percentile : {50.0, 75.0, 90.0, 99.0, 100.0}) {
    EXPECT_GE(with_few.answers.succeeded.AtPercentile(percentile),
              with_room.answers.succeeded.AtPercentile(percentile))
        << percentile;
  }
  EXPECT_GE(with_few.waited_for_place, 1u);
  EXPECT_NEAR(with_few.send_delay.max(), 484 * kMillisecond, 2 * kMillisecond);
}

TEST(OpenLoopTest, TellsHowManyCallsATargetThatIsTooSlowWasNeverSent) {
  // 500 calls a second, of 1000.
  World world({.service_ns = 2 * kMillisecond, .one_by_one = true});
  const auto state = RunLoad(
      world, {.in_flight = 10, .rate = 1000, .duration = absl::Seconds(2)});
  EXPECT_NEAR(static_cast<double>(state.answers.within_time), 1000, 2);
  EXPECT_EQ(state.answers.succeeded.total() + state.unsent, 2000u);
  EXPECT_NEAR(static_cast<double>(state.unsent), 990, 3);
  EXPECT_NEAR(state.answers.succeeded.max(), kSecond, 30 * kMillisecond);
}

TEST(LoadGeneratorTest, WarmUpIsNotCounted) {
  for (double rate : {0.0, 1000.0}) {
    // What is slow is over with the warm-up.
    World world({.stall_from = kSecond, .stall_to = kSecond + kSecond / 2});
    const auto state = RunLoad(world, {.in_flight = rate > 0 ? 1000 : 10,
                                       .rate = rate,
                                       .warm_up = absl::Seconds(1),
                                       .duration = absl::Seconds(1)});
    EXPECT_EQ(state.answers.succeeded.max(), 100 * kMicrosecond) << rate;
    EXPECT_GE(state.answers.succeeded.total(), 1000u) << rate;
    EXPECT_EQ(state.measured, absl::Seconds(1)) << rate;
  }
}

TEST(LoadGeneratorTest, AnAnswerAfterTheEndIsCountedWithItsWholeLatency) {
  for (double rate : {0.0, 1000.0}) {
    World world({.stall_from = kSecond + 900 * kMillisecond,
                 .stall_to = kSecond + 3 * kSecond});
    const auto state = RunLoad(world, {.in_flight = rate > 0 ? 1000 : 10,
                                       .rate = rate,
                                       .duration = absl::Seconds(1)});
    EXPECT_NEAR(state.answers.succeeded.max(), 2100 * kMillisecond,
                2 * kMillisecond)
        << rate;
    EXPECT_LE(state.answers.within_time + 10, state.answers.succeeded.total())
        << rate;
    EXPECT_EQ(state.open, 0u) << rate;
  }
}

TEST(LoadGeneratorTest, ErrorsAreCountedByKindAndApartFromSuccesses) {
  World world({});
  world.error = ErrorKind{.code = 8, .reason = 1};
  const auto state =
      RunLoad(world, {.rate = 1000, .duration = absl::Seconds(1)});
  EXPECT_EQ(state.answers.succeeded.total(), 0u);
  EXPECT_EQ(state.answers.failed.total(), 1000u);
  EXPECT_EQ(state.answers.within_time, 0u);
  EXPECT_EQ(state.answers.errors,
            (std::map<ErrorKind, uint64_t>{{{8, 1}, 1000u}}));
}

TEST(LoadGeneratorTest, RefusalsAtOnceAreNotRepeatedWithoutARest) {
  World world({});
  world.refuses_at_once = true;
  const auto state =
      RunLoad(world, {.in_flight = 4, .duration = absl::Seconds(1)});
  EXPECT_GE(state.answers.failed.total(), 4u);
  EXPECT_LE(state.answers.failed.total(), 500u);
  EXPECT_EQ(state.open, 0u);
}

TEST(LoadGeneratorTest, StopEndsItAndKeepsWhatWasMeasured) {
  for (double rate : {0.0, 1000.0}) {
    World world({.service_ns = kMillisecond});
    const RequestMaker requests = Requests();
    LoadGenerator load(
        {.in_flight = 1, .rate = rate, .duration = absl::Hours(1)}, requests,
        world, world);
    int answers = 0;
    world.on_answer = [&] {
      if (++answers == 500) load.Stop();
    };
    load.Run();
    const auto state = load.Look();
    EXPECT_NEAR(static_cast<double>(state.answers.succeeded.total()), 500, 12)
        << rate;
    EXPECT_NEAR(absl::ToDoubleSeconds(state.measured), 0.5, 0.012) << rate;
    EXPECT_EQ(state.unsent, 0u) << rate;
  }
}

TEST(LoadGeneratorTest, CallsThatAreNeverAnsweredAreToldInTheEnd) {
  World world({.stall_from = kSecond + kSecond / 2, .stall_to = INT64_MAX});
  const auto state = RunLoad(world, {.in_flight = 8,
                                     .duration = absl::Seconds(1),
                                     .patience = absl::Seconds(3)});
  EXPECT_EQ(state.open, 8u);
  EXPECT_GT(state.answers.succeeded.total(), 0u);
  EXPECT_EQ(world.Now(), 5 * kSecond);
}

TEST(LoadGeneratorTest, TheSameSeedSendsTheSameKeys) {
  for (double rate : {0.0, 1000.0}) {
    World one({}), same({}), other({});
    const LoadOptions options = {
        .in_flight = 2, .rate = rate, .duration = absl::Seconds(1), .seed = 5};
    LoadOptions other_options = options;
    other_options.seed = 6;
    RunLoad(one, options);
    RunLoad(same, options);
    RunLoad(other, other_options);
    EXPECT_EQ(one.requests, same.requests);
    EXPECT_NE(one.requests, other.requests);
  }
}

// On real threads: answers come on several while others look and send.
TEST(LoadGeneratorTest, CountsEachCallOnceWhicheverThreadAnswersIt) {
  class ThreadedTarget final : public LoadTarget {
   public:
    ThreadedTarget() {
      for (int i = 0; i < 3; ++i) {
        threads_.emplace_back([this] { Answer(); });
      }
    }
    ~ThreadedTarget() override {
      {
        const std::lock_guard lock(mutex_);
        ends_ = true;
        changed_.notify_all();
      }
      for (std::thread& thread : threads_) thread.join();
    }
    void Send(absl::string_view, uint32_t call,
              AnswerReceiver& receiver) override {
      const std::lock_guard lock(mutex_);
      calls_.push_back({call, &receiver});
      ++sent_;
      changed_.notify_one();
    }
    uint64_t sent() {
      const std::lock_guard lock(mutex_);
      return sent_;
    }

   private:
    void Answer() {
      std::unique_lock lock(mutex_);
      while (true) {
        changed_.wait(lock, [this] { return ends_ || !calls_.empty(); });
        if (calls_.empty()) return;
        const auto [call, receiver] = calls_.back();
        calls_.pop_back();
        lock.unlock();
        receiver->Answered(call, std::nullopt);
        lock.lock();
      }
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::pair<uint32_t, AnswerReceiver*>> calls_;
    uint64_t sent_ = 0;
    bool ends_ = false;
    std::vector<std::thread> threads_;
  };
  for (double rate : {0.0, 20'000.0}) {
    const RequestMaker requests = Requests();
    SteadyClock clock;
    std::optional<ThreadedTarget> target(std::in_place);
    LoadGenerator load(
        {.in_flight = 16, .rate = rate, .duration = absl::Milliseconds(200)},
        requests, *target, clock);
    load.Run();
    const auto state = load.Look();
    EXPECT_EQ(state.open, 0u);
    EXPECT_GT(state.answers.succeeded.total(), 0u);
    // Some that a place sent as the time ended were due after it.
    EXPECT_LE(state.answers.succeeded.total(), target->sent());
    EXPECT_GE(state.answers.succeeded.total() + 2 * 16, target->sent());
    target.reset();
  }
}

}  // namespace
}  // namespace pinion::cli
