// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/lane/running_calls.h"

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "pinion/core/clock.h"
#include "pinion/core/fake_clock.h"
#include "pinion/server/call/served_method.h"
#include "pinion/server/testing/gate.h"
#include "shop/v1/counter.pb.h"

namespace pinion {
namespace {

using ::pinion::testing::Gate;
using ::shop::v1::AddRequest;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// Which nobody answers.
struct TestCall final : RoutedCall {
  void Deliver() override {}
  Credit& credit() const override { return no_credit; }
  mutable Credit no_credit{1, 1};
};

class RunningCallsTest : public ::testing::Test {
 protected:
  RunningCallsTest() {
    AddRequest request;
    request.set_name("a");
    bytes_ = request.SerializeAsString();
    call_->served = &served_keyed_;
    call_->set_request(bytes_);
  }
  ~RunningCallsTest() override { call_->Unref(); }

  const HostedMethod keyed_ = {
      .path = "/shop.v1.CounterService/Add",
      .key = KeyReader::Create(AddRequest::descriptor(), "name").value(),
      .handler = {}};
  const HostedMethod keyless_ = {.path = "/shop.v1.CounterService/Sum",
                                 .key = std::nullopt,
                                 .handler = {}};
  const ServedMethod served_keyed_ = {.method = keyed_, .lanes = nullptr};
  const ServedMethod served_keyless_ = {.method = keyless_, .lanes = nullptr};
  std::string bytes_;
  TestCall* const call_ = new TestCall;
  std::string Describe(int worker) {
    return running_.Describe(worker, time_.clock(), [](absl::string_view key) {
      return absl::StrCat("key <", key, ">");
    });
  }

  FakeClock time_;
  RunningCalls running_{/*workers=*/2};
};

TEST_F(RunningCallsTest, AVisitorSeesTheCallAndWhenItBegan) {
  running_.Begin(1, call_, time_.Now());
  const Moment begun = time_.Now();
  time_.Advance(milliseconds(7));
  bool visited = false;
  EXPECT_TRUE(running_.Visit(1, [&](const RoutedCall& call, Moment since) {
    visited = true;
    EXPECT_EQ(&call, call_);
    EXPECT_EQ(since, begun);
  }));
  EXPECT_TRUE(visited);
  EXPECT_EQ(running_.Age(1, time_.Now()), milliseconds(7));
  running_.End(1);
}

TEST_F(RunningCallsTest, ThereIsNothingToSeeWhereNoCallRuns) {
  running_.Begin(1, call_, time_.Now());
  running_.End(1);
  time_.Advance(milliseconds(7));
  for (int worker = 0; worker < 2; ++worker) {
    EXPECT_FALSE(
        running_.Visit(worker, [](const RoutedCall&, Moment) { FAIL(); }));
    EXPECT_EQ(running_.Age(worker, time_.Now()), nanoseconds(0));
    EXPECT_EQ(Describe(worker), "");
  }
}

TEST_F(RunningCallsTest, DescribesACallWithItsKeyAndItsAge) {
  running_.Begin(1, call_, time_.Now());
  time_.Advance(milliseconds(1200) + nanoseconds(999'999));
  EXPECT_EQ(Describe(1), "/shop.v1.CounterService/Add, key <a>, for 1.2s");
  running_.End(1);
}

TEST_F(RunningCallsTest, DescribesACallOfAMethodWithoutAKey) {
  call_->served = &served_keyless_;
  running_.Begin(0, call_, time_.Now());
  EXPECT_EQ(Describe(0), "/shop.v1.CounterService/Sum, no key, for 0s");
  running_.End(0);
}

TEST_F(RunningCallsTest, DescribesOtherWorkOfAShardWhileItRuns) {
  const std::string hop = "a hop of shop.v1.CounterService";
  {
    const RunningWork::Scope scope(running_.work(), 1, hop, time_.Now());
    time_.Advance(milliseconds(3));
    EXPECT_EQ(Describe(1), hop + ", for 3ms");
    EXPECT_EQ(Describe(0), "");
  }
  EXPECT_EQ(Describe(1), "");
}

TEST_F(RunningCallsTest, WhatRunsIsACopyThatOutlivesTheCall) {
  running_.Begin(1, call_, time_.Now());
  time_.Advance(milliseconds(3));
  const auto running = running_.WhatRuns(1, time_.clock());
  running_.End(1);
  bytes_.assign(bytes_.size(), 'x');
  ASSERT_TRUE(running.has_value());
  EXPECT_EQ(running->method, "/shop.v1.CounterService/Add");
  EXPECT_EQ(running->key, "a");
  EXPECT_EQ(running->age, milliseconds(3));
  EXPECT_FALSE(running_.WhatRuns(1, time_.clock()).has_value());
}

TEST_F(RunningCallsTest, TwoLooksDifferIfUsersCodeRanBetweenThem) {
  const RunningCalls::Look first = running_.LookAt(1);
  EXPECT_FALSE(first.inside);
  EXPECT_EQ(running_.LookAt(1), first);
  running_.Begin(1, call_, time_.Now());
  EXPECT_TRUE(running_.LookAt(1).inside);
  running_.End(1);
  const RunningCalls::Look second = running_.LookAt(1);
  EXPECT_FALSE(second.inside);
  EXPECT_NE(second, first);
  const std::string hop = "a hop";
  {
    const RunningWork::Scope scope(running_.work(), 1, hop, time_.Now());
    EXPECT_TRUE(running_.LookAt(1).inside);
  }
  EXPECT_FALSE(running_.LookAt(1).inside);
  EXPECT_NE(running_.LookAt(1), second);
}

TEST_F(RunningCallsTest, TheEndWaitsForAVisit) {
  running_.Begin(0, call_, time_.Now());
  Gate at_the_end;
  std::atomic<bool> ended{false};
  std::thread worker;
  running_.Visit(0, [&](const RoutedCall&, Moment) {
    worker = std::thread([&] {
      at_the_end.Pass();
      running_.End(0);
      ended = true;
    });
    at_the_end.AwaitArrivals(1);
    at_the_end.Open();
    // Time enough for an end that does not wait.
    for (int i = 0; i < 10'000; ++i) std::this_thread::yield();
    EXPECT_FALSE(ended);
  });
  worker.join();
  EXPECT_TRUE(ended);
  EXPECT_FALSE(running_.Visit(0, [](const RoutedCall&, Moment) {}));
}

TEST_F(RunningCallsTest, WhatIsVisitedRunsHoweverManyLook) {
  constexpr int kCalls = 5'000;
  std::atomic<bool> runs{false}, over{false};
  std::atomic<int> inside{0}, visits{0};
  const auto look = [&] {
    while (!over) {
      running_.Visit(0, [&](const RoutedCall&, Moment) {
        EXPECT_TRUE(runs);
        EXPECT_EQ(++inside, 1) << "one visitor at a time";
        ++visits;
        --inside;
      });
      running_.Age(0, time_.Now());
      std::this_thread::yield();  // There may be fewer CPUs than threads.
    }
  };
  std::thread one(look), other(look);
  for (int i = 0; i < kCalls || visits == 0; ++i) {
    runs = true;
    running_.Begin(0, call_, time_.Now());
    if (i % 100 == 0) std::this_thread::yield();
    running_.End(0);
    runs = false;
  }
  over = true;
  one.join();
  other.join();
}

}  // namespace
}  // namespace pinion
