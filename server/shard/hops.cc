// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/shard/hops.h"

#include <chrono>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "pinion/core/base/check.h"
#include "pinion/server/internal/guarded.h"
#include "pinion/server/internal/why_dropped.h"
#include "pinion/server/log/server_log.h"
#include "pinion/server/shard/running_work.h"
#include "pinion/server/tracing/tracer.h"

namespace pinion {
namespace {

// One run's, as of any list: enough that the hand-over costs little, few enough
// that the lane's calls are not kept for much longer than by a handler.
constexpr int kMaxInOneRun = 256;
constexpr std::chrono::microseconds kLongestRun(500);

}  // namespace

Hops::Node::Node(Hops& hops, bool own) : hops(hops), own(own) {}

Hops::Node::~Node() = default;

void Hops::Node::Post(int worker, Hop::Function to_run) {
  function = std::move(to_run);
  if (trace != nullptr) trace->NotePost();
  hops.Post(worker, this);
}

void Hops::Node::Release() {
  if (own) return away.store(false, std::memory_order_release);
  if (credit != nullptr) credit->Return(1, 0);
  delete this;
}

void Hops::Node::CheckShard(const void* type) const {
  PINION_CHECK(type == hops.shard_type_, "a hop of ", hops.name_,
               " was posted to a shard of another class than hosts it");
}

int Hops::Node::OwnerOf(const Key& key) const {
  return hops.owners_.OwnerOf(key);
}

Hops::Hops(Scheduler& scheduler, const std::string& name,
           const void* shard_type, const SlotOwners& owners,
           RunningWork& running, LogSink log)
    : clock_(scheduler.clock()),
      shard_type_(shard_type),
      owners_(owners),
      running_(running),
      name_(name),
      what_(absl::StrCat("a hop of ", name)),
      log_(std::move(log)) {
  for (int i = 0; i < scheduler.worker_count(); ++i) {
    queues_.push_back(std::make_unique<Queue>());
    queues_[i]->own.reset(new Node(*this, /*own=*/true));
    // Urgent: hops are served first.
    queues_[i]->task =
        scheduler.AddTask(i, {.task_class = TaskClass::kUrgent, .name = what_},
                          [this, i](WakeReasons) { Run(i); });
  }
}

Hops::~Hops() {
  for (int i = 0; i < static_cast<int>(queues_.size()); ++i) Close(i);
}

Hop Hops::TakeForCall(Credit& credit, const CallTrace* trace) {
  auto* node = new Node(*this, /*own=*/false);
  node->credit = &credit;
  if (trace != nullptr) node->trace = std::make_unique<HopTrace>(*trace);
  credit.ChargeCall();
  return Hop(node);
}

Hop Hops::TakeForStream() { return Hop(new Node(*this, /*own=*/false)); }

std::optional<Hop> Hops::TakeOwn(int worker) {
  Node& own = *At(worker).own;
  // Only this worker takes it, so nobody can come between.
  if (own.away.load(std::memory_order_acquire)) return std::nullopt;
  own.away.store(true, std::memory_order_relaxed);
  return Hop(&own);
}

void Hops::Open(int worker, void* shard) {
  Queue& queue = At(worker);
  queue.shard = shard;
  queue.task->Wake(kWakeMore);
}

void Hops::Close(int worker) {
  Queue& queue = At(worker);
  queue.shard = nullptr;
  queue.closed = true;
  queue.task->Kill();  // This may be gone when it would run.
  Run(worker);
}

void Hops::Run(int worker) {
  Queue& queue = At(worker);
  queue.taken.Append(queue.inbox.TakeAll());
  if (queue.taken.empty() || (queue.shard == nullptr && !queue.closed)) return;
  const uint64_t begun = clock_.Ticks();
  const uint64_t longest = clock_.TicksOf(kLongestRun);
  for (int i = 0; Node* node = queue.taken.Pop<Node>(); ++i) {
    RunOne(queue, worker, node);
    if (queue.closed) continue;
    if (i == kMaxInOneRun - 1 || clock_.Ticks() - begun >= longest) break;
  }
  if (!queue.taken.empty()) queue.task->Wake(kWakeMore);
}

void Hops::RunOne(Queue& queue, int worker, Node* node) {
  const bool runs = queue.shard != nullptr && MayRun(*node);
  {
    // Also while it is only dropped: what it holds is the user's.
    const RunningWork::Scope scope(running_, worker, what_, clock_.Now());
    Hop::Function function = std::move(node->function);
    // Before it runs: it may post the hop on.
    std::optional<HopSpan> span;
    if (runs && node->trace != nullptr) {
      span.emplace(*node->trace, name_, worker);
    }
    Hop hop(node);
    if (runs) {
      RunFunction(queue, worker, std::move(function), std::move(hop),
                  span.has_value() ? &*span : nullptr);
    }
  }
  // Release, with the acquire in UnderWay(): who sees the end sees what the
  // function has posted.
  queue.ended.fetch_add(1, std::memory_order_release);
}

void Hops::RunFunction(Queue& queue, int worker, Hop::Function function,
                       Hop hop, HopSpan* span) {
  const absl::Status thrown = Guarded("a hop's function", [&] {
    function(queue.shard, std::move(hop));
    return absl::OkStatus();
  });
  if (thrown.ok()) return;
  if (span != nullptr) span->NoteThrown();
  Log(log_, {.level = LogLevel::kError,
             .area = LogArea::kShard,
             .event = "hop_threw",
             .worker = worker,
             .method = name_,
             .message = std::string(thrown.message())});
  // The Calls that it has are answered so.
  const WhyDropped why(thrown);
  function = nullptr;
}

void Hops::Post(int worker, Node* node) {
  if (worker < 0 || worker >= owners_.workers()) {
    return DropForNoWorker(worker, node);
  }
  if (!MayRun(*node)) return Drop(node);
  Queue& queue = *queues_[worker];
  queue.posted.fetch_add(1, std::memory_order_relaxed);
  // The worker does not announce its sleeps here, but in its own inbox.
  if (queue.inbox.Push(node)) {
    PINION_CHECK(false, "an inbox of hops has no sleeper");
  }
  queue.task->Wake(kWakeItems);
}

// The number is the user's, perhaps from a client's request, so a wrong one
// does not end the program.
void Hops::DropForNoWorker(int worker, Node* node) {
  const absl::Status error = absl::InternalError(
      absl::StrCat("a hop was posted to worker ", worker,
                   ", which does not exist; there are 0 to ",
                   owners_.workers() - 1, ", so its function did not run"));
  Log(log_, {.level = LogLevel::kError,
             .area = LogArea::kShard,
             .event = "hop_to_no_worker",
             .method = name_,
             .message = std::string(error.message())});
  // The Calls that the function has are answered so.
  const WhyDropped why(error);
  Drop(node);
}

void Hops::Drop(Node* node) {
  node->function = nullptr;
  node->Release();
}

bool Hops::UnderWay() const {
  // The ends first: a function that is seen to have ended was posted, and what
  // it has posted itself is seen below.
  uint64_t ended = 0;
  uint64_t posted = 0;
  for (const auto& queue : queues_) {
    ended += queue->ended.load(std::memory_order_acquire);
  }
  for (const auto& queue : queues_) {
    posted += queue->posted.load(std::memory_order_relaxed);
  }
  return posted != ended;
}

Hops::Queue& Hops::At(int worker) const {
  PINION_CHECK(worker >= 0 && worker < static_cast<int>(queues_.size()),
               "there is no worker ", worker, "; there are 0 to ",
               queues_.size() - 1);
  return *queues_[worker];
}

}  // namespace pinion
