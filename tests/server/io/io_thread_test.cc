// SPDX-License-Identifier: Apache-2.0
//
// An I/O thread without calls of gRPC's: deliveries, open calls and the stop.
#include "pinion/server/io/io_thread.h"

#include <grpc/support/time.h>
#include <grpcpp/alarm.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/server/testing/gate.h"

namespace pinion {
namespace {

using ::pinion::testing::Gate;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class IoThreadTest : public ::testing::Test {
 protected:
  IoThreadTest() : io_(0, builder_.AddCompletionQueue()) { io_.Start(); }
  ~IoThreadTest() override {
    if (!stopped_) Stop();
  }

  void Stop() {
    stopped_ = true;
    io_.Stop();
  }

  // Runs `function` on the I/O thread, and waits until it has.
  void OnIoThread(absl::AnyInvocable<void()> function) {
    Gate done;
    io_.Post([&] {
      function();
      done.Open();
    });
    done.Pass();
  }

  grpc::ServerBuilder builder_;
  IoThread io_;
  bool stopped_ = false;
};

// An open call that notes when it is told to stop, and then closes the calls
// that it was given.
class ToldCall final : public OpenCall {
 public:
  ToldCall(int number, IoThread& io, std::vector<int>& told)
      : number_(number), io_(io), told_(told) {
    io_.CallOpened(*this);
  }
  void OnStop() override {
    told_.push_back(number_);
    for (std::unique_ptr<ToldCall>* call : closes) {
      io_.CallClosed(**call);
      call->reset();  // Perhaps this one.
    }
  }

  std::vector<std::unique_ptr<ToldCall>*> closes;

 private:
  const int number_;
  IoThread& io_;
  std::vector<int>& told_;
};

TEST_F(IoThreadTest, RunsWhatIsPostedInOrderOnItsOwnThread) {
  std::vector<int> order;
  std::thread::id thread;
  io_.Post([&] { order.push_back(1); });
  io_.Post([&] { order.push_back(2); });
  OnIoThread([&] { thread = std::this_thread::get_id(); });
  EXPECT_THAT(order, ElementsAre(1, 2));
  EXPECT_NE(thread, std::this_thread::get_id());
}

TEST_F(IoThreadTest, RunsWhatAPostedFunctionPosts) {
  Gate done;
  io_.Post([&] { io_.Post([&] { done.Open(); }); });
  done.Pass();
}

TEST_F(IoThreadTest, RunsWhatWasPostedBeforeTheStop) {
  int ran = 0;
  for (int i = 0; i < 100; ++i) io_.Post([&] { ++ran; });
  Stop();
  EXPECT_EQ(ran, 100);
}

TEST_F(IoThreadTest, TellsEachOpenCallThatThereIsNoMoreTime) {
  std::vector<int> told;
  std::vector<std::unique_ptr<ToldCall>> calls;
  OnIoThread([&] {
    EXPECT_FALSE(io_.no_more_time());
    for (int i = 0; i < 4; ++i) {
      calls.push_back(std::make_unique<ToldCall>(i, io_, told));
    }
    io_.CallClosed(*calls[1]);
  });
  io_.StopOpenCalls();
  OnIoThread([&] {
    EXPECT_TRUE(io_.no_more_time());
    EXPECT_THAT(told, UnorderedElementsAre(0, 2, 3));
    for (int i : {0, 2, 3}) io_.CallClosed(*calls[i]);
  });
}

TEST_F(IoThreadTest, TellsNoCallThatAnotherHasClosedUponTheStop) {
  for (size_t closer : {0, 1, 2}) {
    std::vector<int> told;
    std::vector<std::unique_ptr<ToldCall>> calls;
    OnIoThread([&] {
      for (int i = 0; i < 3; ++i) {
        calls.push_back(std::make_unique<ToldCall>(i, io_, told));
      }
      // Whichever is told first closes the others, and `closer` all.
      for (size_t i = 0; i < 3; ++i) {
        for (size_t j = 0; j < 3; ++j) {
          if (i != j) calls[i]->closes.push_back(&calls[j]);
        }
      }
      calls[closer]->closes.push_back(&calls[closer]);
    });
    io_.StopOpenCalls();
    OnIoThread([&] {
      ASSERT_EQ(told.size(), 1u);
      const size_t first = static_cast<size_t>(told[0]);
      EXPECT_EQ(calls[first] == nullptr, first == closer);
      if (calls[first] != nullptr) io_.CallClosed(*calls[first]);
    });
  }
}

// Asks for one portion after another, until it is told to end.
class Endless final : public IoPortion {
 public:
  Endless(IoThread& io, absl::AnyInvocable<void()> portion)
      : io_(io), portion_(std::move(portion)) {}
  void RunPortion() override {
    if (ending_) return ended_.Open();
    portion_();
    io_.RunLater(*this);
  }

  // On the I/O thread.
  void Begin() { io_.RunLater(*this); }
  // On another: returns when it has run for the last time.
  void End() {
    io_.Post([this] { ending_ = true; });
    ended_.Pass();
  }

 private:
  IoThread& io_;
  absl::AnyInvocable<void()> portion_;
  bool ending_ = false;
  Gate ended_;
};

class AwaitedEvent final : public IoEvent {
 public:
  void OnEvent(bool) override { came.Open(); }
  Gate came;
};

TEST_F(IoThreadTest, ThoseWhoAskForPortionsWithoutEndKeepNobodyWaiting) {
  std::vector<int> ran;
  Endless first(io_, [&] { ran.push_back(1); });
  Endless second(io_, [&] { ran.push_back(2); });
  OnIoThread([&] {
    first.Begin();
    second.Begin();
  });
  for (int i = 0; i < 10; ++i) {
    AwaitedEvent event;
    grpc::Alarm alarm;
    OnIoThread([&] {
      alarm.Set(io_.queue(), gpr_time_0(GPR_CLOCK_MONOTONIC),
                static_cast<IoEvent*>(&event));
    });
    event.came.Pass();
    OnIoThread([] {});
  }
  size_t both = 0;
  OnIoThread([&] { both = ran.size(); });
  first.End();
  second.End();
  // While both asked, they took turns.
  for (size_t i = 2; i < both; ++i) EXPECT_NE(ran[i], ran[i - 1]);
}

class EventThatNotes final : public IoEvent {
 public:
  explicit EventThatNotes(absl::AnyInvocable<void()> note)
      : note_(std::move(note)) {}
  void OnEvent(bool) override {
    note_();
    came.Open();
  }
  Gate came;

 private:
  absl::AnyInvocable<void()> note_;
};

// gRPC reports what has come over a connection only when no event waits, so a
// portion in between would keep each connection waiting for another portion.
TEST_F(IoThreadTest, TakesTheEventsThatWaitBeforeTheNextPortion) {
  constexpr int kEvents = 20;
  int portions = 0;
  Endless flood(io_, [&] { ++portions; });
  Gate held;
  io_.Post([&] {
    flood.Begin();
    held.Pass();
  });
  held.AwaitArrivals(1);
  // All of them wait before the thread goes on.
  std::vector<int> portions_before;
  std::deque<EventThatNotes> events;
  std::deque<grpc::Alarm> alarms;
  for (int i = 0; i < kEvents; ++i) {
    events.emplace_back([&] { portions_before.push_back(portions); });
    alarms.emplace_back().Set(io_.queue(), gpr_time_0(GPR_CLOCK_MONOTONIC),
                              static_cast<IoEvent*>(&events.back()));
  }
  held.Open();
  for (EventThatNotes& event : events) event.came.Pass();
  flood.End();
  ASSERT_THAT(portions_before, SizeIs(kEvents));
  EXPECT_THAT(portions_before, Each(portions_before.front()));
}

// Causes one event after another, until it is told to end.
class EndlessEvents final : public IoEvent {
 public:
  explicit EndlessEvents(IoThread& io) : io_(io) {}
  void OnEvent(bool) override {
    if (ending_) return ended_.Open();
    ++events_;
    Begin();
  }

  void Begin() {
    alarm_.Set(io_.queue(), gpr_time_0(GPR_CLOCK_MONOTONIC),
               static_cast<IoEvent*>(this));
  }
  // On another thread: returns when the last event has come.
  void End() {
    io_.Post([this] { ending_ = true; });
    ended_.Pass();
  }
  // On the I/O thread.
  int events() const { return events_; }

 private:
  IoThread& io_;
  grpc::Alarm alarm_;
  int events_ = 0;
  bool ending_ = false;
  Gate ended_;
};

TEST_F(IoThreadTest, EventsWithoutEndDoNotKeepAPortionWaiting) {
  constexpr int kMaxBefore = 64, kPortions = 10;
  EndlessEvents flood(io_);
  int portions = 0;
  int events_before = 0;
  int most = 0;
  Gate ran;
  Endless portion(io_, [&] {
    most = std::max(most, flood.events() - events_before);
    events_before = flood.events();
    if (++portions == kPortions) ran.Open();
  });
  OnIoThread([&] {
    flood.Begin();
    portion.Begin();
  });
  ran.Pass();
  portion.End();
  flood.End();
  // The turn's own event, and those that are taken before the portion.
  EXPECT_LE(most, 1 + kMaxBefore);
}

TEST_F(IoThreadTest, LooksAtALongLineOfDeliveriesInSeveralTurns) {
  constexpr int kMax = 1024, kPosts = 5000;
  int looked = 0;
  int looked_before = 0;
  int most = 0;
  Endless turns(io_, [&] {
    most = std::max(most, looked - looked_before);
    looked_before = looked;
  });
  OnIoThread([&] { turns.Begin(); });
  Gate held;
  io_.Post([&] { held.Pass(); });
  held.AwaitArrivals(1);
  std::vector<int> order;
  for (int i = 0; i < kPosts; ++i) {
    io_.Post([&, i] {
      ++looked;
      order.push_back(i);
    });
  }
  held.Open();
  turns.End();
  EXPECT_EQ(looked, kPosts);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_LE(most, kMax);
}

TEST_F(IoThreadTest, RunsAllOfALongLineThatWasPostedBeforeTheStop) {
  int ran = 0;
  for (int i = 0; i < 5000; ++i) io_.Post([&] { ++ran; });
  Stop();
  EXPECT_EQ(ran, 5000);
}

TEST_F(IoThreadTest, KnowsWhenNoCallIsOpenAnyMore) {
  std::vector<int> told;
  std::unique_ptr<ToldCall> call;
  OnIoThread([&] { call = std::make_unique<ToldCall>(0, io_, told); });
  io_.StopOpenCalls();
  constexpr std::chrono::nanoseconds kNoTime(0);
  constexpr std::chrono::hours kLong(1);
  EXPECT_FALSE(io_.AwaitOpenCalls(kNoTime, kNoTime));
  io_.Post([&] { io_.CallClosed(*call); });
  EXPECT_TRUE(io_.AwaitOpenCalls(kLong, kLong));
}

// As on a machine whose CPUs are busy: the time is over before the thread has
// come to what closes the call.
TEST_F(IoThreadTest, GivesAThreadThatGotNoCpuTheTurnsThatACallsEndTakes) {
  std::vector<int> told;
  std::unique_ptr<ToldCall> call;
  OnIoThread([&] { call = std::make_unique<ToldCall>(0, io_, told); });
  io_.StopOpenCalls();
  io_.Post(
      [&] { io_.Post([&] { io_.Post([&] { io_.CallClosed(*call); }); }); });
  constexpr std::chrono::nanoseconds kNoTime(0);
  EXPECT_TRUE(io_.AwaitOpenCalls(std::chrono::hours(1), kNoTime));
}

TEST_F(IoThreadTest, EndsOnlyWhenItsOpenCallsAreClosed) {
  std::vector<int> told;
  std::unique_ptr<ToldCall> call;
  OnIoThread([&] { call = std::make_unique<ToldCall>(0, io_, told); });
  bool closed = false;
  std::thread worker([&] {
    io_.Post([&] {
      io_.CallClosed(*call);
      closed = true;
    });
  });
  Stop();
  EXPECT_TRUE(closed);
  EXPECT_THAT(told, IsEmpty());
  worker.join();
}

class IgnoredEvent final : public IoEvent {
 public:
  void OnEvent(bool) override {}
};

// Another event wakes the thread, so that it may have what was delivered, and
// end, before who delivered it has rung.
TEST(IoThreadStopTest, MayComeWhileAnotherThreadStillRings) {
  constexpr int kRounds = 2000;
  for (int round = 0; round < kRounds; ++round) {
    grpc::ServerBuilder builder;
    IoThread io(0, builder.AddCompletionQueue());
    IgnoredEvent event;
    io.Start();
    std::atomic<bool> posting{false};
    Gate came;
    std::thread poster([&] {
      posting.store(true, std::memory_order_relaxed);
      io.Post([&] { came.Open(); });
    });
    while (!posting.load(std::memory_order_relaxed)) {
    }
    grpc::Alarm other;
    other.Set(io.queue(), gpr_time_0(GPR_CLOCK_MONOTONIC),
              static_cast<IoEvent*>(&event));
    came.Pass();
    io.Stop();
    poster.join();
  }
}

}  // namespace
}  // namespace pinion
