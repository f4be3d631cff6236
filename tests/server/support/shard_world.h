// SPDX-License-Identifier: Apache-2.0
//
// ShardWorld: the lanes of one service without gRPC, whose workers a test steps
//             under its own clock, and whose shards do what the test says.
//
// Threads: the test's.
// Example: ShardWorld world(/*workers=*/2, /*lane_calls=*/1);
//          world.on_call = [](WorldShard& shard, CallContext& context) { ... };
//          world.Open();
//          world.Send(0);
//          world.Run(seed);
//          world.Close();
#ifndef PINION_TESTS_SERVER_SUPPORT_SHARD_WORLD_H_
#define PINION_TESTS_SERVER_SUPPORT_SHARD_WORLD_H_

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "pinion/core/fake_clock.h"
#include "pinion/core/scheduler.h"
#include "pinion/server/call/routed_call.h"
#include "pinion/server/call_context.h"
#include "pinion/server/internal/shard_factory.h"
#include "pinion/server/lane/lanes.h"
#include "pinion/server/lane/running_calls.h"
#include "pinion/server/log.h"
#include "pinion/server/shard/slot_owners.h"
#include "pinion/server/shard_info.h"
#include "tests/server/support/lanes_model_test.pb.h"

namespace pinion::testing {

class ShardWorld;

struct WorldShard {
  WorldShard(ShardWorld& world, const ShardInfo& info);
  ~WorldShard();
  WorldShard(const WorldShard&) = delete;

  absl::Status Handle(const test::Work&, test::Done*, CallContext& context);

  ShardWorld& world;
  const ShardInfo& info;
  std::shared_ptr<void> held;  // What a test leaves with it.
};

class ShardWorld {
 public:
  ShardWorld(int workers, int64_t lane_calls)
      : scheduler_(Scheduler::Manual({.workers = workers}, time.clock())),
        owners_(workers, /*key_seed=*/7),
        running_(workers),
        service_("pinion.test.LanesModelService",
                 ShardFactory::Of<WorldShard>([this](const ShardInfo& info) {
                   return std::make_unique<WorldShard>(*this, info);
                 })),
        lane_calls_(lane_calls),
        shards(workers) {
    service_.On("Urgent", &WorldShard::Handle).On("Bulk", &WorldShard::Handle);
  }
  ~ShardWorld() {
    if (lanes_ != nullptr) Close();
  }

  // Makes the shards.
  void Open() {
    const auto log = [this](LogRecord record) {
      logged.push_back(absl::StrCat(record.method, ": ", record.message));
    };
    auto lanes = Lanes::Create(*scheduler_, service_,
                               {.max_calls = lane_calls_, .log = log}, running_,
                               owners_);
    ASSERT_TRUE(lanes.ok()) << lanes.status();
    lanes_ = *std::move(lanes);
  }
  // Destroys them, as a server does that has no call left.
  void Close() {
    lanes_->EndBackgroundWork();
    do {
      EXPECT_TRUE(scheduler_->Drain(std::chrono::seconds(0)).ok());
    } while (lanes_->HopsAreUnderWay());
    lanes_->DestroyShards();
    for (int i = 0; i < scheduler_->worker_count(); ++i) {
      EXPECT_EQ(lanes_->used(i), 0) << "places of worker " << i;
    }
    EXPECT_TRUE(scheduler_->Stop().ok());
    lanes_.reset();
  }

  // A call for `worker`, of a bulk method; why it was refused, if so.
  absl::Status Send(int worker) { return SendTo(worker, 1); }
  absl::Status SendUrgent(int worker) { return SendTo(worker, 0); }
  // The same of one that has so long until its deadline.
  absl::Status SendDue(int worker, std::chrono::nanoseconds left) {
    return SendTo(worker, 1, left);
  }

  // Steps the workers in an order that `seed` decides, until they are idle.
  void Run(uint64_t seed = 0) { scheduler_->RunUntilIdle(seed); }
  void Step(int worker) { scheduler_->Step(worker); }

  // Lets `span` pass, and what is due then happen.
  void Pass(std::chrono::nanoseconds span) {
    time.Advance(span);
    Run();
  }

  int64_t used(int worker) const { return lanes_->used(worker); }
  std::chrono::nanoseconds DrainTime(int worker) const {
    return lanes_->DrainTime(worker);
  }
  void EndBackgroundWork() { lanes_->EndBackgroundWork(); }
  // How many calls were answered OK, and otherwise.
  int answered = 0, failed = 0;

  // What happened, in the words of who tells it.
  std::vector<std::string> told;
  void Tell(std::string what) { told.push_back(std::move(what)); }

  // The lines of the log.
  std::vector<std::string> logged;

  FakeClock time;
  std::function<void(WorldShard& shard, CallContext& context)> on_call;
  std::function<void(WorldShard& shard)> on_made = [](WorldShard&) {};

 private:
  class WorldCall final : public RoutedCall {
   public:
    explicit WorldCall(ShardWorld& world) : world_(world) {}
    void Deliver() override {
      ++(answer.status.ok() ? world_.answered : world_.failed);
      Unref();
    }
    Credit& credit() const override { return world_.credit_; }

   private:
    ShardWorld& world_;
  };

  absl::Status SendTo(
      int worker, int method,
      std::optional<std::chrono::nanoseconds> left = std::nullopt) {
    auto* call = new WorldCall(*this);
    if (left.has_value()) call->deadline = time.Now() + *left;
    call->served = &lanes_->served(method);
    call->task_class = call->method().task_class;
    std::optional<Answer> refusal = lanes_->Admit(worker, call);
    if (!refusal.has_value()) return absl::OkStatus();
    call->Unref();
    return refusal->status;
  }

  std::unique_ptr<Scheduler> scheduler_;
  const SlotOwners owners_;
  RunningCalls running_;
  ShardedService<WorldShard> service_;
  const int64_t lane_calls_;
  Credit credit_{1000, 1 << 20};
  std::unique_ptr<Lanes> lanes_;

 public:
  std::vector<WorldShard*> shards;  // By worker; null where there is none.
};

inline WorldShard::WorldShard(ShardWorld& world, const ShardInfo& info)
    : world(world), info(info) {
  world.shards[info.worker()] = this;
  world.on_made(*this);
}

inline WorldShard::~WorldShard() { world.shards[info.worker()] = nullptr; }

inline absl::Status WorldShard::Handle(const test::Work&, test::Done*,
                                       CallContext& context) {
  world.on_call(*this, context);
  return absl::OkStatus();
}

}  // namespace pinion::testing

#endif  // PINION_TESTS_SERVER_SUPPORT_SHARD_WORLD_H_
