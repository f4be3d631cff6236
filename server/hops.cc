// SPDX-License-Identifier: Apache-2.0
#include "server/hops.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "server/guarded.h"
#include "server/why_dropped.h"

namespace pinion {
namespace {

// One run's, as of any list: enough that the hand-over costs little, few enough
// that the lane's calls are not kept for much longer than by a handler.
constexpr int kMostInOneRun = 256;
constexpr std::chrono::microseconds kLongestRun(500);

}  // namespace

void HopNode::GoHome() {
  if (own_) return away_.store(false, std::memory_order_release);
  if (place_ != nullptr) place_->Return(1, 0);
  delete this;
}

void Hop::Post(int worker, Function function) && {
  PINION_CHECK(Worker::Current() != nullptr,
               "a hop was posted off the workers' threads");
  std::move(*this).PostFromAnyThread(worker, std::move(function));
}

void Hop::PostFromAnyThread(int worker, Function function) && {
  node_->function_ = std::move(function);
  HopNode* node = std::exchange(node_, nullptr);
  node->hops_.Post(worker, node);
}

void Hop::CheckShard(const void* type) const {
  PINION_CHECK(type == node_->hops_.shard_type_, "a hop of ",
               node_->hops_.name_,
               " was posted to a shard of another class than hosts it");
}

int Hop::OwnerOf(const Key& key) const {
  PINION_CHECK(node_ != nullptr, "a hop was posted twice");
  return node_->hops_.owners_.OwnerOf(key);
}

void Hop::LetGo() {
  if (node_ != nullptr) std::exchange(node_, nullptr)->GoHome();
}

Hops::Hops(Scheduler& scheduler, const std::string& name,
           const void* shard_type, const SlotOwners& owners, LogFunction log)
    : clock_(scheduler.clock()),
      shard_type_(shard_type),
      owners_(owners),
      name_(name),
      log_(std::move(log)) {
  for (int i = 0; i < scheduler.worker_count(); ++i) {
    lanes_.push_back(std::make_unique<Lane>());
    lanes_[i]->own.reset(new HopNode(*this, /*own=*/true));
    // Urgent: hops are served first.
    lanes_[i]->task =
        scheduler.AddTask(i,
                          {.task_class = TaskClass::kUrgent,
                           .name = absl::StrCat("a hop of ", name)},
                          [this, i](WakeReasons) { Run(i); });
  }
}

Hops::~Hops() {
  for (int i = 0; i < static_cast<int>(lanes_.size()); ++i) Close(i);
}

Hop Hops::TakeForCall(Credit& credit) {
  auto* node = new HopNode(*this, /*own=*/false);
  node->place_ = &credit;
  credit.ChargeCall();
  return Hop(node);
}

Hop Hops::TakeForStream() { return Hop(new HopNode(*this, /*own=*/false)); }

std::optional<Hop> Hops::TakeOwn(int worker) {
  HopNode& own = *At(worker).own;
  // Only this worker takes it, so nobody can come between.
  if (own.away_.load(std::memory_order_acquire)) return std::nullopt;
  own.away_.store(true, std::memory_order_relaxed);
  return Hop(&own);
}

void Hops::Open(int worker, void* shard) {
  Lane& lane = At(worker);
  lane.shard = shard;
  lane.task->Wake(kWakeMore);
}

void Hops::Close(int worker) {
  Lane& lane = At(worker);
  lane.shard = nullptr;
  lane.closed = true;
  lane.task->Kill();  // This may be gone when it would run.
  Run(worker);
}

void Hops::Run(int worker) {
  Lane& lane = At(worker);
  lane.taken.Append(lane.inbox.TakeAll());
  if (lane.taken.empty() || (lane.shard == nullptr && !lane.closed)) return;
  const uint64_t begun = clock_.Ticks();
  const uint64_t longest = clock_.TicksOf(kLongestRun);
  for (int i = 0; HopNode* node = lane.taken.Pop<HopNode>(); ++i) {
    RunOne(lane, node);
    if (lane.closed) continue;
    if (i == kMostInOneRun - 1 || clock_.Ticks() - begun >= longest) break;
  }
  if (!lane.taken.empty()) lane.task->Wake(kWakeMore);
}

void Hops::RunOne(Lane& lane, HopNode* node) {
  const bool runs = lane.shard != nullptr && MayRun(*node);
  {
    Hop::Function function = std::move(node->function_);
    Hop hop(node);
    if (runs) RunFunction(lane, std::move(function), std::move(hop));
  }
  // Release, with the acquire in UnderWay(): who sees the end sees what the
  // function has posted.
  lane.ended.fetch_add(1, std::memory_order_release);
}

void Hops::RunFunction(Lane& lane, Hop::Function function, Hop hop) {
  const absl::Status thrown = Guarded("a hop's function", [&] {
    function(lane.shard, std::move(hop));
    return absl::OkStatus();
  });
  if (thrown.ok()) return;
  Log(log_, absl::StrCat(name_, ": ", thrown.message()));
  // The Calls that it has are answered so.
  const WhyDropped why(thrown);
  function = nullptr;
}

void Hops::Post(int worker, HopNode* node) {
  Lane& lane = At(worker);
  if (!MayRun(*node)) {
    node->function_ = nullptr;
    return node->GoHome();
  }
  lane.posted.fetch_add(1, std::memory_order_relaxed);
  // The worker does not announce its sleeps here, but in its own inbox.
  if (lane.inbox.Push(node)) {
    PINION_CHECK(false, "an inbox of hops has no sleeper");
  }
  lane.task->Wake(kWakeItems);
}

bool Hops::UnderWay() const {
  // The ends first: a function that is seen to have ended was posted, and what
  // it has posted itself is seen below.
  uint64_t ended = 0;
  uint64_t posted = 0;
  for (const auto& lane : lanes_) {
    ended += lane->ended.load(std::memory_order_acquire);
  }
  for (const auto& lane : lanes_) {
    posted += lane->posted.load(std::memory_order_relaxed);
  }
  return posted != ended;
}

Hops::Lane& Hops::At(int worker) const {
  PINION_CHECK(worker >= 0 && worker < static_cast<int>(lanes_.size()),
               "there is no worker ", worker, "; there are 0 to ",
               lanes_.size() - 1);
  return *lanes_[worker];
}

}  // namespace pinion
