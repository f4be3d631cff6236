// SPDX-License-Identifier: Apache-2.0
//
// An I/O thread without calls of gRPC's: deliveries, open calls and the stop.
#include "server/io_thread.h"

#include <grpc/support/time.h>
#include <grpcpp/alarm.h>
#include <grpcpp/server_builder.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/testing/gate.h"

namespace pinion {
namespace {

using ::pinion::testing::Gate;
using Steady = std::chrono::steady_clock;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
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

TEST_F(IoThreadTest, KnowsWhenNoCallIsOpenAnyMore) {
  std::vector<int> told;
  std::unique_ptr<ToldCall> call;
  OnIoThread([&] { call = std::make_unique<ToldCall>(0, io_, told); });
  io_.StopOpenCalls();
  EXPECT_FALSE(io_.AwaitOpenCalls(Steady::now()));
  io_.Post([&] { io_.CallClosed(*call); });
  EXPECT_TRUE(io_.AwaitOpenCalls(Steady::time_point::max()));
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
