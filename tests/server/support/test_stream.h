// SPDX-License-Identifier: Apache-2.0
//
// TestStream: a stream that is the test's: it says whether it is writable, and
//             keeps what it was sent; StreamWorld: the worker on which such
//             streams are used, which the test steps under its own clock.
//
// Threads: the test's.
// Life:    a stream goes after what has its Stream, and before its world.
// Example: StreamWorld world;
//          TestStream<WatchRequest, WatchResponse> watch(world);
//          world.OnWorker([&] { watchers.Add("a", watch.Take()); });
//          watch.can_write = false;
#ifndef PINION_TESTS_SERVER_SUPPORT_TEST_STREAM_H_
#define PINION_TESTS_SERVER_SUPPORT_TEST_STREAM_H_

#include <google/protobuf/message.h>

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "pinion/core/fake_clock.h"
#include "pinion/core/scheduler.h"
#include "pinion/server/call/routed_call.h"
#include "pinion/server/call/served_method.h"
#include "pinion/server/hop.h"
#include "pinion/server/hosted_service.h"
#include "pinion/server/internal/credit.h"
#include "pinion/server/internal/stream_sink.h"
#include "pinion/server/shard/background_work.h"
#include "pinion/server/shard/hops.h"
#include "pinion/server/shard/running_work.h"
#include "pinion/server/shard/slot_owners.h"
#include "pinion/server/shard_info.h"
#include "pinion/server/stream.h"

namespace pinion::testing {

class StreamWorld {
 public:
  StreamWorld() { background_work_.Open(); }
  ~StreamWorld() {
    OnlyOnWorker([this] { background_work_.Close(); });
    EXPECT_TRUE(scheduler_->Stop().ok());
  }
  StreamWorld(const StreamWorld&) = delete;
  StreamWorld& operator=(const StreamWorld&) = delete;

  // Runs `function` on the worker, as a call's handler, and what follows.
  void OnWorker(const std::function<void()>& function) {
    Begin(function);
    Run();
  }
  // The same, and nothing that follows.
  void OnlyOnWorker(const std::function<void()>& function) {
    bool done = false;
    Begin([&] {
      function();
      done = true;
    });
    while (!done) Step();
  }
  // Has it run with the next steps.
  void Begin(std::function<void()> function) {
    scheduler_->AddTask(0, [function](WakeReasons) { function(); })->Wake();
  }
  // One round of the worker; false if it had nothing to do.
  bool Step() { return scheduler_->Step(0); }
  void Run() { scheduler_->RunUntilIdle(/*seed=*/0); }

  const ShardInfo& info() const { return info_; }
  LaneServices services() {
    return {.clock = scheduler_->clock(), .hops = hops_, .credit = place_};
  }

  FakeClock time;

 private:
  const std::unique_ptr<Scheduler> scheduler_ =
      Scheduler::Manual({.workers = 1}, time.clock());
  const SlotOwners owners_{1, /*key_seed=*/7};
  RunningWork running_{/*workers=*/1};
  Hops hops_{*scheduler_, "test",   Hop::TypeOf<StreamWorld>(),
             owners_,     running_, {}};
  BackgroundWork background_work_{*scheduler_, 0, "test", running_, {}};
  const ShardInfo info_{0, scheduler_->clock(), /*max_response_bytes=*/4 << 20,
                        background_work_, hops_};
  Credit place_{1000, 1'000'000};
};

template <typename Request, typename Response>
class TestStream {
 public:
  explicit TestStream(StreamWorld& world) : world_(world) {
    call_->served = &served_;
  }
  // As a lane does with a stream that has ended within its handler.
  ~TestStream() { delete held_; }
  TestStream(const TestStream&) = delete;
  TestStream& operator=(const TestStream&) = delete;

  // The stream. Once.
  Stream<Response> Take() {
    held_ = new HeldStreamOf<Request>(*call_, world_.services());
    return Stream<Response>(held_);
  }

  // Its client goes, of which its holder is told by TellChange().
  void Cancel() { call_->fate.Revoke(RevokeReason::kCancelled); }

  // Tells its holder that something has changed, if it still wants to know.
  void TellChange() {
    if (!ignores_changes_) on_change_();
  }

  // Whether its holder has finished it, or let it go.
  bool finished() const { return held_->finished(); }

  bool can_write = true;
  bool is_stopping = false;
  absl::Status send_status;  // What a send says; if an error, none is sent.
  std::function<void()> on_send = [] {};
  std::vector<Response> sent;
  std::vector<const char*> shared;  // The bytes of those sent so.

 private:
  class Call final : public RoutedCall, public StreamSink {
   public:
    explicit Call(TestStream& stream) : stream_(stream) {}

   private:
    void Deliver() override {}
    Credit& credit() const override { return stream_.credit_; }
    StreamSink* sink() override { return this; }
    absl::Status Send(const google::protobuf::Message& message) override {
      stream_.on_send();
      if (!stream_.send_status.ok()) return stream_.send_status;
      stream_.sent.emplace_back().CopyFrom(message);
      return absl::OkStatus();
    }
    absl::Status SendShared(const SharedMessage& message) override {
      stream_.on_send();
      if (!stream_.send_status.ok()) return stream_.send_status;
      const absl::string_view bytes = message.bytes();
      EXPECT_TRUE(stream_.sent.emplace_back().ParseFromArray(
          bytes.data(), static_cast<int>(bytes.size())));
      stream_.shared.push_back(bytes.data());
      return absl::OkStatus();
    }
    int64_t pending_bytes() const override { return 0; }
    bool writable() const override { return stream_.can_write; }
    bool stopping() const override { return stream_.is_stopping; }
    void OnChange(Hop, absl::AnyInvocable<void()> function) override {
      stream_.on_change_ = std::move(function);
    }
    void IgnoreChanges() override { stream_.ignores_changes_ = true; }

    TestStream& stream_;
  };

  StreamWorld& world_;
  Credit credit_{10, 1000};
  const HostedMethod method_;
  const ServedMethod served_ = {.method = method_, .lanes = nullptr};
  absl::AnyInvocable<void()> on_change_;  // What its holder wants to be told.
  bool ignores_changes_ = false;
  Call* const call_ = new Call(*this);  // Goes with held_.
  HeldStream* held_ = nullptr;
};

}  // namespace pinion::testing

#endif  // PINION_TESTS_SERVER_SUPPORT_TEST_STREAM_H_
