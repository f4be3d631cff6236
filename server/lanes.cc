// SPDX-License-Identifier: Apache-2.0
#include "server/lanes.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "core/monotonic_nanos.h"

namespace pinion {
namespace {

Answer TooLarge(size_t size, int64_t most) {
  return Failed(absl::ResourceExhaustedError(absl::StrCat(
                    "the response has ", size, " bytes, more than the ", most,
                    " that a message may have; ask for less at once")),
                v1::REASON_RESPONSE_TOO_LARGE, v1::EXECUTED_YES);
}

}  // namespace

Answer Stopping() {
  return Failed(absl::UnavailableError("the server is stopping; call another"),
                v1::REASON_STOPPING, v1::EXECUTED_NO);
}

absl::StatusOr<std::unique_ptr<Lanes>> Lanes::Create(
    Scheduler& scheduler, const HostedService& service, size_t capacity,
    int64_t max_response_bytes) {
  std::unique_ptr<Lanes> lanes(
      new Lanes(scheduler, service, max_response_bytes));
  absl::StatusOr<WorkLists<Call>*> lists = WorkLists<Call>::Create(
      scheduler, {.capacity = capacity},
      [lanes = lanes.get()](int worker, WorkBatch& calls) {
        lanes->Run(worker, calls);
      });
  if (!lists.ok()) return lists.status();
  lanes->lists_ = *lists;
  lanes->OnEachWorker([&service](Lane& lane) {
    lane.worker_thread.Claim();
    lane.shard = service.MakeShard();
  });
  return lanes;
}

Lanes::Lanes(Scheduler& scheduler, const HostedService& service,
             int64_t max_response_bytes)
    : scheduler_(scheduler),
      service_(service),
      max_response_bytes_(max_response_bytes) {
  for (int i = 0; i < scheduler.worker_count(); ++i) {
    lanes_.push_back(std::make_unique<Lane>());
  }
}

std::optional<Answer> Lanes::Admit(int worker, Call* call) {
  if (call->wants_timing) call->accepted_ns = MonotonicNanos();
  switch (lists_->Add(worker, call)) {
    case Appended::kFirst:
    case Appended::kBehind:
      return std::nullopt;
    case Appended::kFull:
      return Full(worker);
    case Appended::kClosed:
      return Stopping();
  }
  __builtin_unreachable();
}

Answer Lanes::Full(int worker) const {
  Answer answer =
      Failed(absl::ResourceExhaustedError(absl::StrCat(
                 "worker ", worker, " already holds ", waiting(worker),
                 " waiting calls of ", service_.name(), "; retry later")),
             v1::REASON_LANE_FULL, v1::EXECUTED_NO);
  answer.failure->set_worker(worker);
  return answer;
}

void Lanes::Close() {
  closed_.store(true, std::memory_order_relaxed);
  for (size_t worker = 0; worker < lanes_.size(); ++worker) {
    WorkChain waiting = lists_->Close(static_cast<int>(worker));
    while (Call* call = waiting.Pop<Call>()) {
      call->answer = Stopping();
      call->Deliver();
    }
  }
}

void Lanes::DestroyShards() {
  OnEachWorker([](Lane& lane) {
    lane.worker_thread.Assert();
    lane.shard.reset();
  });
}

void Lanes::OnEachWorker(std::function<void(Lane& lane)> function) {
  absl::BlockingCounter left(static_cast<int>(lanes_.size()));
  for (size_t i = 0; i < lanes_.size(); ++i) {
    scheduler_
        .AddTask(static_cast<int>(i),
                 [&, i](WakeReasons) {
                   function(*lanes_[i]);
                   left.DecrementCount();
                 })
        ->Wake();
  }
  left.Wait();
}

void Lanes::Run(int worker, WorkBatch& calls) {
  Lane& lane = *lanes_[worker];
  lane.worker_thread.Assert();
  const size_t batch = calls.size();
  while (Call* call = calls.Pop<Call>()) {
    if (closed_.load(std::memory_order_relaxed)) {
      call->answer = Stopping();
    } else {
      RunCall(worker, lane, *call, batch);
    }
    call->Deliver();
  }
}

void Lanes::RunCall(int worker, Lane& lane, Call& call, size_t batch) {
  const int64_t claimed_ns = call.wants_timing ? MonotonicNanos() : 0;
  CallContext context(worker);
  call.answer = call.method->run(lane.shard.get(), call.request, context);
  const size_t size = call.answer.payload.size();
  if (size > static_cast<size_t>(max_response_bytes_)) {
    call.answer = TooLarge(size, max_response_bytes_);
  }
  if (call.answer.failure != nullptr) call.answer.failure->set_worker(worker);
  if (call.wants_timing) {
    call.answer.timing = std::make_unique<v1::Timing>();
    v1::Timing& timing = *call.answer.timing;
    timing.set_worker(worker);
    timing.set_waited_ns(claimed_ns - call.accepted_ns);
    timing.set_ran_ns(MonotonicNanos() - claimed_ns);
    timing.set_batch(static_cast<uint32_t>(batch));
  }
}

}  // namespace pinion
