// SPDX-License-Identifier: Apache-2.0
#include "server/lanes.h"

#include <algorithm>
#include <latch>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/call_context.h"

namespace pinion {
namespace {

using std::chrono::nanoseconds;

// A call is let in if what is expected to happen before its end takes no more
// than this part of its time. The rest is for what cannot be expected: with
// none, a lane at its limit would finish each call just about at its deadline,
// and half of them just after it.
constexpr int kExpectedParts = 4;
constexpr int kAllParts = 5;

// Advice of less than the first would have clients ask again before anything
// can have changed; after the second, what was measured says nothing any more.
constexpr nanoseconds kLeastRetryAfter = std::chrono::milliseconds(1);
constexpr nanoseconds kMostRetryAfter = std::chrono::seconds(30);

std::string Millis(nanoseconds span) {
  return absl::FormatDuration(
      absl::Trunc(absl::FromChrono(span), absl::Microseconds(100)));
}

// The timing stays.
void MakeTooLarge(Answer& answer, size_t size, int64_t most) {
  Answer error =
      Failed(absl::ResourceExhaustedError(absl::StrCat(
                 "the response has ", size, " bytes, more than the ", most,
                 " that a message may have; ask for less at once")),
             v1::REASON_RESPONSE_TOO_LARGE, v1::EXECUTED_YES);
  if (answer.rest != nullptr) error.rest->timing = answer.rest->timing;
  answer = std::move(error);
}

// What answers `call` in the place of its handler.
Answer TakenAnswer(const RoutedCall& call, Verdict verdict, Fate::Was was) {
  const bool ran = was == Fate::Was::kRunning;
  const std::string where = absl::StrCat(
      ran ? "while its handler ran on worker " : "while it waited for worker ",
      call.worker,
      ran ? "; what the handler does is dropped" : "; no handler saw it");
  const v1::Executed executed = ran ? v1::EXECUTED_MAYBE : v1::EXECUTED_NO;
  Answer answer;
  switch (verdict) {
    case Verdict::kExpired:
      answer = Failed(absl::DeadlineExceededError(
                          absl::StrCat("the call's deadline passed ", where)),
                      v1::REASON_EXPIRED, executed);
      break;
    case Verdict::kCancelled:
      answer = Failed(
          absl::CancelledError(absl::StrCat("the call was cancelled ", where)),
          v1::REASON_CANCELLED, executed);
      break;
    case Verdict::kStopped:
      answer = Failed(absl::UnavailableError(absl::StrCat(
                          "the server had to answer the call to stop ", where)),
                      v1::REASON_STOPPING, executed);
      break;
  }
  answer.failure()->set_worker(call.worker);
  return answer;
}

}  // namespace

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
      options_(options),
      running_(running),
      account_(scheduler.worker_count(),
               static_cast<int>(service.methods().size())),
      hops_(scheduler, service.name(), service.shards().type(), owners,
            options.log) {
  HeldCalls::Ends& ends = *this;
  for (int i = 0; i < scheduler.worker_count(); ++i) {
    lanes_.push_back(std::make_unique<Lane>(scheduler, i, service.name(),
                                            options, service.methods().size(),
                                            hops_, ends));
  }
}

absl::Status Lanes::MakeLists() {
  for (int i = 0; i < kTaskClasses; ++i) {
    // No list is ever full: a lane's credit is reserved before.
    auto lists = WorkLists<RoutedCall>::Create(
        scheduler_,
        {.capacity = static_cast<size_t>(options_.most_calls),
         .task_class = static_cast<TaskClass>(i),
         .name = service_.name(),
         .budget = {.items = static_cast<size_t>(service_.batch().calls),
                    .time = service_.batch().time}},
        [this](int worker, WorkBatch& calls) { Run(worker, calls); });
    if (!lists.ok()) return lists.status();
    lists_[i] = *lists;
  }
  return absl::OkStatus();
}

absl::Status Lanes::MakeShards() {
  std::vector<absl::Status> made(lanes_.size());
  OnEachWorker([&](Lane& lane) { made[lane.info.worker()] = MakeShard(lane); });
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
    hops_.Open(lane.info.worker(), lane.shard.get());
    lane.own_work.Open();
  });
  return absl::OkStatus();
}

absl::Status Lanes::MakeShard(Lane& lane) {
  lane.worker_thread.Claim();
  lane.own_work.Claim();
  auto shard = service_.shards().Make(lane.info);
  if (shard.ok()) lane.shard = *std::move(shard);
  return shard.status();
}

std::optional<Answer> Lanes::Admit(int worker, RoutedCall* call) {
  std::optional<Answer> result;
  AdmitAll(worker, absl::MakeConstSpan(&call, 1),
           [&](RoutedCall&, Answer refusal) { result = std::move(refusal); });
  return result;
}

void Lanes::AdmitAll(int worker, absl::Span<RoutedCall* const> calls,
                     absl::FunctionRef<void(RoutedCall&, Answer)> refuse) {
  Lane& lane = At(worker);
  const TaskClass task_class = calls[0]->task_class;
  const Moment now = clock_.Now();
  bool empty = lane.credit.calls() == 0;
  nanoseconds before = TimeBefore(lane, worker, task_class, now);
  int64_t bytes = 0;
  for (RoutedCall* call : calls) {
    call->worker = worker;
    call->accepted = now;
    bytes += static_cast<int64_t>(call->request().size());
  }
  // One by one where there is not room for all.
  const bool all = lane.credit.Reserve(static_cast<int64_t>(calls.size()),
                                       bytes) == Credit::Grant::kGranted;
  WorkChain admitted;
  for (RoutedCall* call : calls) {
    const auto size = static_cast<int64_t>(call->request().size());
    if (!all) {
      const Credit::Grant grant = lane.credit.Reserve(1, size);
      if (grant != Credit::Grant::kGranted) {
        refuse(*call, Full(grant, *call));
        continue;
      }
    }
    // An empty lane lets in what comes first.
    if (!std::exchange(empty, false)) {
      if (auto refusal = RefuseIfTooLate(lane, *call, before)) {
        lane.credit.Return(1, size);
        refuse(*call, *std::move(refusal));
        continue;
      }
    }
    before += lane.speed.per_call();
    call->AddRef();  // The lane's.
    account_.Count(worker, call->method->index, Account::Event::kAccepted);
    admitted.Push(call);
  }
  Append(lane, worker, task_class, admitted);
}

void Lanes::Take(RoutedCall& call, Verdict verdict) {
  const Fate::Was was = call.fate.Take(verdict);
  if (was == Fate::Was::kAnswered) return;
  account_.CountTaken(call.worker, call.method->index, verdict, was);
  if (call.fate.TakerIsDone()) ReturnPlace(At(call.worker), call);
  call.answer = TakenAnswer(call, verdict, was);
  call.Deliver();
}

nanoseconds Lanes::DrainTime(int worker) const {
  return TimeBefore(At(worker), worker, TaskClass::kBulk, clock_.Now());
}

nanoseconds Lanes::TimeBefore(const Lane& lane, int worker,
                              TaskClass task_class, Moment now) const {
  if (lane.credit.calls() == 0) return nanoseconds(0);
  uint64_t calls = 0;
  for (int i = 0; i <= static_cast<int>(task_class); ++i) {
    const uint64_t left = lane.left[i].value();
    const uint64_t entered = lane.entered[i].load(std::memory_order_relaxed);
    calls += entered - std::min(entered, left);
  }
  return static_cast<int64_t>(calls) * lane.speed.per_call() +
         running_.Age(worker, now);
}

void Lanes::Append(Lane& lane, int worker, TaskClass task_class,
                   WorkChain& calls) {
  if (calls.empty()) return;
  // Counted as accepted before they can be answered, so that no answer is seen
  // without it.
  lane.entered[static_cast<size_t>(task_class)].fetch_add(
      calls.size(), std::memory_order_relaxed);
  const Appended appended =
      lists_[static_cast<size_t>(task_class)]->Add(worker, calls);
  PINION_CHECK(Accepted(appended), "a lane was closed with its door open");
}

std::optional<Answer> Lanes::RefuseIfTooLate(const Lane& lane,
                                             const RoutedCall& call,
                                             nanoseconds before) const {
  if (!call.deadline.has_value()) return std::nullopt;
  const nanoseconds expected = before + lane.speed.per_call();
  const nanoseconds left = *call.deadline - call.accepted;
  const nanoseconds allowed = left / kAllParts * kExpectedParts;
  if (expected <= allowed) return std::nullopt;
  const nanoseconds age = running_.Age(call.worker, call.accepted);
  const bool stalled = age >= options_.stall_after;
  return Refusal(
      call, stalled ? v1::REASON_LANE_STALLED : v1::REASON_WAIT_TOO_LONG,
      absl::StrCat(
          "the call has ", Millis(left), " until its deadline, but worker ",
          call.worker, " is expected to take ", Millis(expected),
          " for calls of ", service_.name(), " up to this one",
          stalled ? absl::StrCat(", kept by a handler that has run for ",
                                 Millis(age))
                  : "",
          "; retry later or allow more time"),
      expected - allowed);
}

Answer Lanes::Full(Credit::Grant why, const RoutedCall& call) const {
  const Credit& credit = At(call.worker).credit;
  return Refusal(
      call, v1::REASON_LANE_FULL,
      why == Credit::Grant::kTooManyCalls
          ? absl::StrCat("worker ", call.worker, " already holds ",
                         credit.calls(), " calls of ", service_.name(),
                         ", of at most ", credit.most_calls(), "; retry later")
          : absl::StrCat("worker ", call.worker, " already holds ",
                         credit.bytes(), " bytes of calls of ", service_.name(),
                         " and cannot take ", call.request().size(),
                         " more, of at most ", credit.most_bytes(),
                         "; retry later"),
      DrainTime(call.worker));
}

Answer Lanes::Refusal(const RoutedCall& call, v1::Reason reason,
                      absl::string_view message,
                      nanoseconds retry_after) const {
  Answer answer =
      Failed(absl::ResourceExhaustedError(message), reason, v1::EXECUTED_NO);
  answer.failure()->set_worker(call.worker);
  answer.failure()->set_retry_after_us(
      absl::ToInt64Microseconds(absl::FromChrono(
          std::clamp(retry_after, kLeastRetryAfter, kMostRetryAfter))));
  return answer;
}

LaneSnapshot Lanes::Snapshot(int worker) const {
  const Lane& lane = At(worker);
  LaneSnapshot snapshot = {.service = service_.name(),
                           .worker = worker,
                           .counts = account_.OfWorker(worker),
                           .held_calls = lane.credit.calls(),
                           .held_bytes = lane.credit.bytes(),
                           .time_per_call = lane.speed.per_call()};
  for (const WorkLists<RoutedCall>* lists : lists_) {
    snapshot.listed_calls += static_cast<int64_t>(lists->waiting(worker));
  }
  return snapshot;
}

MethodSnapshot Lanes::Snapshot(const HostedMethod& method) const {
  MethodSnapshot snapshot;
  snapshot.method = method.path;
  snapshot.counts = account_.OfMethod(method.index);
  for (const auto& lane : lanes_) {
    // Acquire, with the release in Record().
    const Latencies* latencies =
        lane->latencies[method.index].load(std::memory_order_acquire);
    if (latencies == nullptr) continue;
    snapshot.waited.Add(latencies->waited);
    snapshot.woken_late.Add(latencies->woken_late);
    snapshot.ran.Add(latencies->ran);
  }
  return snapshot;
}

void Lanes::EndOwnWork() {
  hops_.EndOwn();
  for (const auto& lane : lanes_) lane->own_work.End();
}

void Lanes::DestroyShards() {
  EndOwnWork();
  // First everywhere, so that nothing reaches a shard that is gone.
  OnEachWorker([this](Lane& lane) {
    lane.own_work.Close();
    hops_.Close(lane.info.worker());
  });
  OnEachWorker([](Lane& lane) {
    lane.worker_thread.Assert();
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

void Lanes::Run(int worker, WorkBatch& calls) {
  Lane& lane = At(worker);
  lane.worker_thread.Assert();
  Batch batch = {.size = calls.size(), .wake = LastWake()};
  RoutedCall* call = calls.Pop<RoutedCall>();
  while (call != nullptr) {
    if (hops_.waiting(worker)) hops_.Run(worker);
    if (call->method->handler.run) {
      RunOne(lane, *call, batch);
      call = calls.Pop<RoutedCall>();
    } else {
      call = RunGroup(lane, *call, calls, batch);
    }
  }
  if (batch.ran && service_.ends_batches()) EndBatch(lane);
}

bool Lanes::Claim(Lane& lane, RoutedCall& call, Moment now) {
  // The expirer may be a little behind.
  if (call.deadline.has_value() && *call.deadline <= now) {
    Take(call, Verdict::kExpired);
  }
  if (!call.fate.Claim()) {
    if (call.fate.WorkerIsDone()) ReturnPlace(lane, call);
    call.Unref();
    return false;
  }
  account_.Count(call.worker, call.method->index, Account::Event::kClaimed);
  return true;
}

void Lanes::RunOne(Lane& lane, RoutedCall& call, Batch& batch) {
  Tally& left = lane.left[static_cast<size_t>(call.task_class)];
  // Not the end of the call before: the thread may have lost its CPU since, and
  // what expired meanwhile must not be run.
  const Moment now = clock_.Now();
  if (Claim(lane, call, now)) {
    batch.ran = true;
    running_.Begin(call.worker, &call, now);
    CallContext context(call, clock_, &hops_, &lane.credit);
    Answer answer =
        call.method->handler.run(lane.shard.get(), call.request(), context);
    running_.End(call.worker);
    if (!context.trailing().empty()) {
      answer.MakeRest().trailing = context.TakeTrailing();
    }
    const RunTimes times = {.claimed = now, .ended = clock_.Now()};
    lane.speed.Learn(call.accepted, times.claimed, times.ended);
    Record(lane, call, batch, times);
    End(lane, {.call = &call,
               .times = times,
               .batch = batch.size,
               .answer = std::move(answer)});
  }
  left.Add(1);
}

RoutedCall* Lanes::RunGroup(Lane& lane, RoutedCall& first, WorkBatch& calls,
                            Batch& batch) {
  const HostedMethod& method = *first.method;
  Tally& left = lane.left[static_cast<size_t>(first.task_class)];
  const Moment now = clock_.Now();
  size_t taken = 0;
  RoutedCall* next = &first;
  while (next != nullptr && next->method == &method) {
    AddToGroup(lane, *next, now, batch);
    next =
        ++taken < method.handler.most_held ? calls.Pop<RoutedCall>() : nullptr;
  }
  if (!lane.group.empty()) RunHandlerOfGroup(lane, method, now, batch);
  left.Add(taken);
  return next != nullptr ? next : calls.Pop<RoutedCall>();
}

void Lanes::AddToGroup(Lane& lane, RoutedCall& call, Moment now,
                       const Batch& batch) {
  if (!Claim(lane, call, now)) return;
  HeldCall* held = call.method->handler.hold(
      call, {.clock = clock_, .hops = hops_, .credit = lane.credit});
  held->claimed = now;
  std::optional<Answer> refusal = held->Parse(call.request());
  if (!refusal.has_value()) return lane.group.push_back(held);
  // No handler sees it, so there is nothing to wait for.
  const RunTimes times = {.claimed = now, .ended = now};
  Record(lane, call, batch, times);
  Finish(call, Complete({.call = &call,
                         .times = times,
                         .batch = 1,
                         .answer = *std::move(refusal)}));
  delete held;
}

void Lanes::RunHandlerOfGroup(Lane& lane, const HostedMethod& method,
                              Moment now, Batch& batch) {
  batch.ran = true;
  const RoutedCall& first = lane.group.front()->call();
  const Moment accepted = first.accepted;
  running_.Begin(first.worker, &first, now);
  const absl::Status thrown =
      method.handler.run_held(lane.shard.get(), lane.group);
  running_.End(lane.info.worker());
  const size_t size = lane.group.size();
  const RunTimes times = {.claimed = now, .ended = clock_.Now()};
  lane.speed.Learn(accepted, times.claimed, times.ended, size);
  for (HeldCall* held : lane.group) {
    Record(lane, held->call(), batch, times);
    held->batch = size;
    if (lane.held->Hold(*held)) continue;
    held->call().AddRef();  // For the answer, beyond `held`.
    End(lane, {.call = &held->call(),
               .times = times,
               .batch = size,
               .answer = held->TakeAnswer(thrown)});
    delete held;
  }
  lane.group.clear();
}

void Lanes::End(Lane& lane, EndedCall ended) {
  if (service_.ends_batches()) return lane.ended.push_back(std::move(ended));
  RoutedCall& call = *ended.call;
  Finish(call, Complete(std::move(ended)));
  call.Unref();
}

void Lanes::EndBatch(Lane& lane) {
  const int worker = lane.info.worker();
  if (!lane.ended.empty()) {
    running_.Begin(worker, lane.ended.front().call, clock_.Now());
  }
  const absl::Status status = service_.EndBatch(lane.shard.get());
  if (!lane.ended.empty()) running_.End(worker);
  const Moment now = clock_.Now();
  for (EndedCall& ended : lane.ended) {
    ended.times.ended = now;
    if (!status.ok()) {
      ended.answer = Failed(status, v1::REASON_HANDLER, v1::EXECUTED_YES);
    }
    RoutedCall& call = *ended.call;
    Finish(call, Complete(std::move(ended)));
    call.Unref();
  }
  lane.ended.clear();
}

void Lanes::EndHeld(HeldCall& held, Answer answer) {
  RoutedCall& call = held.call();
  Finish(call,
         Complete({.call = &call,
                   .times = {.claimed = held.claimed, .ended = clock_.Now()},
                   .batch = held.batch,
                   .answer = std::move(answer)}));
}

Answer Lanes::Complete(EndedCall ended) const {
  const RoutedCall* call = ended.call;
  const RunTimes& times = ended.times;
  Answer answer = std::move(ended.answer);
  if (call->wants_timing) {
    v1::Timing& timing = answer.MakeRest().timing.emplace();
    timing.set_worker(call->worker);
    timing.set_waited_ns((times.claimed - call->accepted).count());
    timing.set_ran_ns((times.ended - times.claimed).count());
    timing.set_batch(static_cast<uint32_t>(ended.batch));
  }
  const auto most = static_cast<size_t>(options_.max_response_bytes);
  if (answer.status.ok() &&
      (answer.rest != nullptr ||
       answer.payload.size() + RoutedCall::kMostBesidePayload > most)) {
    const size_t size = call->MessageSize(answer);
    if (size > most) MakeTooLarge(answer, size, options_.max_response_bytes);
  }
  if (!answer.status.ok()) answer.failure()->set_worker(call->worker);
  return answer;
}

void Lanes::Finish(RoutedCall& call, Answer answer) {
  Lane& lane = At(call.worker);
  if (!call.fate.Finish()) {
    account_.Count(call.worker, call.method->index, Account::Event::kLateEnd);
    if (call.fate.WorkerIsDone()) ReturnPlace(lane, call);
    return;
  }
  account_.Count(
      call.worker, call.method->index,
      answer.status.ok() ? Account::Event::kOk : Account::Event::kError);
  ReturnPlace(lane, call);
  call.answer = std::move(answer);
  call.ChargeAnswer();
  call.Deliver();
}

void Lanes::ReturnPlace(Lane& lane, const RoutedCall& call) {
  lane.credit.Return(1, static_cast<int64_t>(call.request().size()));
}

Lanes::Wake Lanes::LastWake() const {
  const WakeTimes wake = Worker::Current()->last_wake();
  // The same moment on both clocks.
  const Moment now = clock_.Now();
  if (wake.awake == 0) return {.asked = now, .woke = now};  // It never slept.
  const uint64_t ticks = clock_.Ticks();
  const auto ago = [&](uint64_t then) {
    return nanoseconds(clock_.TicksToNanos(ticks - then));
  };
  return {.asked = now + -ago(wake.asked), .woke = now + -ago(wake.awake)};
}

void Lanes::Record(Lane& lane, const RoutedCall& call, const Batch& batch,
                   const RunTimes& times) {
  std::atomic<Latencies*>& place = lane.latencies[call.method->index];
  Latencies* latencies = place.load(std::memory_order_relaxed);
  if (latencies == nullptr) {
    latencies = new Latencies;
    // Release, with the acquire in Snapshot().
    place.store(latencies, std::memory_order_release);
  }
  // A call that came when the worker was awake has nothing of the wake.
  const nanoseconds late =
      std::max(batch.wake.woke - std::max(call.accepted, batch.wake.asked),
               nanoseconds(0));
  latencies->woken_late.Record(late.count());
  latencies->waited.Record(
      std::max(times.claimed - call.accepted - late, nanoseconds(0)).count());
  latencies->ran.Record((times.ended - times.claimed).count());
}

}  // namespace pinion
