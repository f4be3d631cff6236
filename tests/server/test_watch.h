// SPDX-License-Identifier: Apache-2.0
//
// TestWatch: a Watch() stream that is the test's: it says when it is writable,
//            and keeps what it was sent.
//
// Threads: the test's.
// Life:    goes after what has its stream.
// Example: TestWatch watch;
//          watch.OnWorker([&] { watchers.Add("a", {}, watch.Take()); });
//          watch.can_write = false;
#ifndef PINION_TESTS_SERVER_TEST_WATCH_H_
#define PINION_TESTS_SERVER_TEST_WATCH_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "core/fake_clock.h"
#include "core/scheduler.h"
#include "gtest/gtest.h"
#include "pinion/kv/v1/kv.pb.h"
#include "server/credit.h"
#include "server/hop.h"
#include "server/hosted_service.h"
#include "server/routed_call.h"
#include "server/slot_owners.h"
#include "server/stream.h"
#include "server/stream_sink.h"

namespace pinion::testing {

class TestWatch {
 public:
  using Response = kv::v1::WatchResponse;

  TestWatch() { call_->method = &method_; }
  // As a lane does with a stream that has ended within its handler.
  ~TestWatch() {
    delete held_;
    EXPECT_TRUE(scheduler_->Stop().ok());
  }

  // Runs `function` on a worker, which streams want.
  void OnWorker(std::function<void()> function) {
    scheduler_->AddTask(0, [&](WakeReasons) { function(); })->Wake();
    scheduler_->RunUntilIdle(/*seed=*/0);
  }

  // The stream. Once.
  Stream<Response> Take() {
    held_ = new HeldStreamOf<kv::v1::WatchRequest>(
        *call_,
        {.clock = scheduler_->clock(), .hops = hops_, .credit = place_});
    return Stream<Response>(held_);
  }

  bool can_write = true;
  std::vector<Response> sent;
  absl::AnyInvocable<void()> tell_change;  // What its holder wants to be told.

 private:
  class Call final : public RoutedCall, public StreamSink {
   public:
    explicit Call(TestWatch& watch) : watch_(watch) {}

   private:
    void Deliver() override {}
    Credit& credit() const override { return watch_.place_; }
    StreamSink* sink() override { return this; }
    absl::Status Send(const google::protobuf::Message& message) override {
      watch_.sent.emplace_back().CopyFrom(message);
      return absl::OkStatus();
    }
    int64_t pending_bytes() const override { return 0; }
    bool writable() const override { return watch_.can_write; }
    bool stopping() const override { return false; }
    void OnChange(Hop, absl::AnyInvocable<void()> function) override {
      watch_.tell_change = std::move(function);
    }
    void IgnoreChanges() override {}

    TestWatch& watch_;
  };

  FakeClock time_;
  const std::unique_ptr<Scheduler> scheduler_ =
      Scheduler::Manual({.workers = 1}, time_.clock());
  const SlotOwners owners_{1, /*key_seed=*/7};
  Hops hops_{*scheduler_, "kv", Hop::TypeOf<TestWatch>(), owners_, {}};
  Credit place_{10, 1000};
  const HostedMethod method_;
  Call* const call_ = new Call(*this);  // Goes with held_.
  HeldStream* held_ = nullptr;
};

}  // namespace pinion::testing

#endif  // PINION_TESTS_SERVER_TEST_WATCH_H_
