// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/lane/lanes.h"

#include <algorithm>
#include <latch>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pinion/core/work_batch.h"
#include "pinion/server/lane/batch_run.h"

namespace pinion {

absl::StatusOr<std::unique_ptr<Lanes>> Lanes::Create(
    Scheduler& scheduler, const HostedService& service,
    const LaneOptions& options, RunningCalls& running,
    const SlotOwners& owners) {
  std::unique_ptr<Lanes> lanes(
      new Lanes(scheduler, service, options, running, owners));
  absl::Status made = lanes->MakeLists();
  if (made.ok()) made = lanes->MakeShards();
  if (!made.ok()) return made;
  return lanes;
}

Lanes::Lanes(Scheduler& scheduler, const HostedService& service,
             const LaneOptions& options, RunningCalls& running,
             const SlotOwners& owners)
    : scheduler_(scheduler),
      clock_(scheduler.clock()),
      service_(service),
      end_of_batch_(absl::StrCat("the end of a batch of ", service.name())),
      options_(options),
      running_(running),
      stall_after_(options.stall_after),
      account_(scheduler.worker_count(),
               static_cast<int>(service.methods().size())),
      hops_(scheduler, service.name(), service.shards().type(), owners,
            running.work(), options.log),
      shared_{.clock = clock_,
              .service = service_,
              .end_of_batch = end_of_batch_,
              .options = options_,
              .running = running_,
              .account = account_,
              .largest_answers = largest_answers_,
              .hops = hops_} {
  for (const HostedMethod& method : service.methods()) {
    served_.push_back({.method = method,
                       .lanes = this,
                       .number = options.first_method + served_.size()});
    largest_answers_.emplace_back(options.max_response_bytes);
  }
  for (int i = 0; i < scheduler.worker_count(); ++i) {
    lanes_.push_back(std::make_unique<Lane>(shared_, scheduler, i));
  }
}

absl::Status Lanes::MakeLists() {
  for (int i = 0; i < kTaskClasses; ++i) {
    // No list is ever full: a lane's credit is reserved before, and SetMax()
    // may raise it.
    auto lists = WorkLists<RoutedCall>::Create(
        scheduler_,
        {.capacity = WorkList::kMaxCapacity,
         .task_class = static_cast<TaskClass>(i),
         .name = service_.name(),
         .budget = {.items = static_cast<size_t>(service_.batch().calls),
                    .time = service_.batch().time}},
        [this](int worker, WorkBatch& calls) {
          BatchRun(At(worker), calls).Run();
        });
    if (!lists.ok()) return lists.status();
    lists_[i] = *lists;
  }
  return absl::OkStatus();
}

absl::Status Lanes::MakeShards() {
  std::vector<absl::Status> made(lanes_.size());
  OnEachWorker([&](Lane& lane) { made[lane.worker] = MakeShard(lane); });
  for (size_t i = 0; i < made.size(); ++i) {
    if (made[i].ok()) continue;
    DestroyShards();
    return absl::Status(
        made[i].code(),
        absl::StrCat("cannot make the shard of ", service_.name(),
                     " on worker ", i, ": ", made[i].message()));
  }
  // All are there: now they may begin, and hop to each other.
  OnEachWorker([this](Lane& lane) {
    lane.worker_thread.Assert();
    hops_.Open(lane.worker, lane.shard.get());
    lane.background_work.Open();
  });
  return absl::OkStatus();
}

absl::Status Lanes::MakeShard(Lane& lane) {
  lane.worker_thread.Claim();
  lane.background_work.Claim();
  auto shard = service_.shards().Make(lane.info);
  if (shard.ok()) lane.shard = *std::move(shard);
  return shard.status();
}

KeyedCounts Lanes::ReadKeyed(const internal::KeyedTallies& tallies) {
  return {.entries = static_cast<int64_t>(tallies.entries.value()),
          .bytes = static_cast<int64_t>(tallies.bytes.value()),
          .expired = tallies.expired.value(),
          .evicted = tallies.evicted.value()};
}

LaneSnapshot Lanes::Snapshot(int worker) const {
  const Lane& lane = At(worker);
  LaneSnapshot snapshot = {
      .service = service_.name(),
      .worker = worker,
      .counts = account_.OfWorker(worker),
      .held_calls = lane.credit.calls(),
      .max_calls = lane.credit.max_calls(),
      .held_bytes = lane.credit.bytes(),
      .max_bytes = lane.credit.max_bytes(),
      .open_streams = lane.streams.calls(),
      .max_streams = lane.streams.max_calls(),
      .kept_streams = std::max<int64_t>(
          lane.kept_streams.load(std::memory_order_relaxed), 0),
      .time_per_call = lane.speed.per_call(),
      .drain_time = lane.DrainTime(),
      .keyed = ReadKeyed(lane.info.keyed_tallies())};
  for (const WorkLists<RoutedCall>* lists : lists_) {
    snapshot.listed_calls += static_cast<int64_t>(lists->waiting(worker));
  }
  return snapshot;
}

MethodSnapshot Lanes::Snapshot(const HostedMethod& method) const {
  MethodSnapshot snapshot;
  snapshot.method = method.path;
  snapshot.streams = method.handler.streams;
  snapshot.counts = account_.OfMethod(method.index);
  for (const auto& lane : lanes_) {
    lane->latencies.AddTo(snapshot, method.index);
  }
  return snapshot;
}

void Lanes::EndBackgroundWork() {
  hops_.EndOwn();
  for (const auto& lane : lanes_) lane->background_work.End();
}

void Lanes::DestroyShards() {
  EndBackgroundWork();
  hops_.End();
  // First everywhere, so that nothing reaches a shard that is gone.
  OnEachWorker([this](Lane& lane) {
    lane.background_work.Close();
    hops_.Close(lane.worker);
  });
  OnEachWorker([](Lane& lane) {
    lane.worker_thread.Assert();
    lane.DropHeld();
    lane.messages.clear();
    lane.shard.reset();
    lane.held->Detach();
  });
}

void Lanes::OnEachWorker(std::function<void(Lane& lane)> function) {
  std::latch left(static_cast<std::ptrdiff_t>(lanes_.size()));
  for (size_t i = 0; i < lanes_.size(); ++i) {
    scheduler_
        .AddTask(static_cast<int>(i),
                 [&, i](WakeReasons) {
                   function(*lanes_[i]);
                   left.count_down();
                 })
        ->Wake();
  }
  if (scheduler_.manual()) scheduler_.RunUntilIdle(/*seed=*/0);
  left.wait();
}

}  // namespace pinion
