// SPDX-License-Identifier: Apache-2.0
//
// Everything that can happen to calls, in random orders, against a plain model:
// without gRPC, without threads, under a fake clock. What other threads would
// do while a handler runs, or an answer is given, is done from within.
#include "pinion/tests/server/lane/lanes_model.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "pinion/core/fake_clock.h"
#include "pinion/core/run_record.h"
#include "pinion/core/scheduler.h"
#include "pinion/core/task.h"
#include "pinion/server/call.h"
#include "pinion/server/door/front_door.h"
#include "pinion/server/door/router.h"
#include "pinion/server/expiry/expirer.h"
#include "pinion/server/lane/lanes.h"
#include "pinion/server/lane/running_calls.h"
#include "pinion/server/snapshot.h"
#include "pinion/tests/support/seeded_runs.h"
#include "tests/server/support/lanes_model_test.pb.h"

namespace pinion::testing {
namespace {

using ::pinion::test::Done;
using ::pinion::test::Work;
using State = ModelCall::State;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// They fit easily, but for a sanitizer's.
constexpr SeededRunsOptions kRuns = {.max_runs = 100'000,
                                     .time = std::chrono::seconds(60)};

constexpr int kWheels = 2;
constexpr int kMaxResponseBytes = 60;

// Draws all that is chosen in one run.
class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}
  // From `least` to `most`.
  int Draw(int least, int most) {
    return least + static_cast<int>(random_() % (most - least + 1));
  }
  bool OneIn(int sides) { return Draw(1, sides) == 1; }

 private:
  std::mt19937_64 random_;
};

class TestCall;

// What a call tells its transport.
class Transport {
 public:
  virtual void OnDeliver(TestCall& call) = 0;
  virtual void OnDue(TestCall& call) = 0;
  virtual void OnGone(TestCall& call) = 0;
  virtual Credit& credit() = 0;

 protected:
  ~Transport() = default;
};

// A call as any transport has it, which comes from nowhere.
class TestCall final : public RoutedCall, public DeadlineWheel::Item {
 public:
  TestCall(Transport& transport, ModelCall& model, std::string bytes)
      : transport_(transport), model_(model), bytes_(std::move(bytes)) {
    set_request(bytes_);
    ++living_;
  }

  ModelCall& model() { return model_; }
  int wheel() const { return model_.number % kWheels; }

  void Deliver() override { transport_.OnDeliver(*this); }
  Credit& credit() const override { return transport_.credit(); }
  void Hold() override { AddRef(); }
  void OnDue() override {
    transport_.OnDue(*this);
    Unref();
  }

  static int living() { return living_; }

 private:
  ~TestCall() override {
    --living_;
    transport_.OnGone(*this);
  }

  static int living_;

  Transport& transport_;
  ModelCall& model_;
  const std::string bytes_;
};

int TestCall::living_ = 0;

using WorkCall = Call<Work, Done>;

// A call cannot have the moment 0 as its deadline: it has the next one.
Moment AsCallsHaveIt(Moment deadline) { return *Deadline(deadline); }

// One run: a server's parts without gRPC, and what a seed has happen to them.
class Story final : private Transport {
 public:
  Story(uint64_t seed, bool tells);
  ~Story();

  // All of it, to the end.
  void Play();

  const LanesModel& model() const { return *model_; }

 private:
  // One worker's part of the service.
  struct Shard {
    Story& story;
    absl::Status Handle(const Work& work, Done* done, CallContext& context) {
      return story.Handle(work, done, context);
    }
    void HandleLater(WorkCall call) { story.HandleLater(std::move(call)); }
  };

  void Choose();
  void MakeServer();

  // One thing that happens, from outside or while another is under way.
  void Act();
  // What others do meanwhile.
  void Intrude();
  void CallArrives();
  void DrawCall(ModelCall& model);
  std::string DrawRequest(const ModelCall& model);
  RequestedRoute DrawRequestedRoute(ModelCall& model);
  bool WorkerSteps(int worker);  // False if it had nothing to do.
  void TimePasses();
  void ExpirerRuns();
  void CallIsCancelled();
  void AnswersLeave(int most);
  void EndBegins();
  void DoorCloses();
  void ServerStops();
  void MethodsAreLookedAt();

  // What a worker runs.
  absl::Status Handle(const Work& work, Done* done, CallContext& context);
  void HandleLater(WorkCall call);
  // The first part of both.
  ModelCall& BeginHandler(const Work& work, const CallContext& context);
  // Whoever holds a call finishes it.
  void HeldCallIsFinished();
  static void Finish(WorkCall call, const ModelResult& result);
  void CheckContext(const ModelCall& model, const CallContext& context) const;
  ModelResult DrawResult();

  void OnDeliver(TestCall& call) override;
  void OnDue(TestCall& call) override;
  void OnGone(TestCall& call) override { model_->IsGone(call.model()); }
  Credit& credit() override { return door_->credit(); }

  void Compare();
  void Drain();
  ServerSnapshot Snapshot() const;
  void Tell(const std::function<std::string()>& what) const {
    if (tells_) std::cout << std::string(depth_ * 2, ' ') << what() << "\n";
  }

  Dice dice_;
  const bool tells_;
  int acts_left_ = 0;
  int depth_ = 0;
  int expirers_ = 0;  // Under way, one within the other.
  // The worker that may be anywhere between two handlers; -1: none.
  int moving_ = -1;
  std::vector<bool> stepping_;  // By worker.

  int services_, workers_;
  ModelLimits limits_;
  FrontDoorOptions door_options_;
  int max_deadline_us_, max_pause_us_, max_padding_;
  int step_weight_, leave_weight_;

  FakeClock time_;
  std::unique_ptr<Scheduler> scheduler_;
  std::unique_ptr<ShardedService<Shard>> service_;
  std::unique_ptr<RunningCalls> running_;
  std::unique_ptr<Router> router_;
  std::vector<std::unique_ptr<Lanes>> lanes_;
  std::unique_ptr<FrontDoor> door_;
  std::unique_ptr<Expirer> expirer_;
  std::unique_ptr<LanesModel> model_;

  // Calls that were let in, until their answers have left; and those, refused
  // ones as well, whose answers wait to leave.
  std::vector<TestCall*> open_;
  std::deque<TestCall*> leaving_;
  int inside_ = 0;
  // Whose handlers have returned without an answer.
  std::vector<WorkCall> held_;
  bool finishing_held_ = false;
};

Story::Story(uint64_t seed, bool tells) : dice_(seed), tells_(tells) {
  Choose();
  MakeServer();
}

Story::~Story() {
  for (const auto& lanes : lanes_) lanes->DestroyShards();
  const absl::Status stopped = scheduler_->Stop();
  EXPECT_TRUE(stopped.ok()) << stopped;
}

void Story::Choose() {
  acts_left_ = dice_.Draw(10, 60);
  services_ = dice_.Draw(1, 2);
  workers_ = dice_.Draw(1, 3);
  const bool tight = dice_.OneIn(2);
  limits_ = {.lane_calls = dice_.Draw(1, tight ? 3 : 20),
             .lane_bytes = dice_.Draw(20, tight ? 100 : 2000),
             .server_calls = dice_.Draw(1, tight ? 10 : 40),
             // Never reached: room for answers is reserved from it, of which
             // the model does not know how much.
             .server_bytes = 1 << 20,
             .stall_after = milliseconds(dice_.Draw(1, 10))};
  door_options_ = {.max_calls = limits_.server_calls,
                   .max_bytes = limits_.server_bytes};
  max_deadline_us_ = dice_.OneIn(4) ? 10'000'000 : 20'000;
  max_pause_us_ = dice_.OneIn(2) ? 500 : 10'000;
  max_padding_ = dice_.Draw(0, 40);
  step_weight_ = dice_.Draw(3, 30);
  leave_weight_ = dice_.Draw(1, 10);
  if (dice_.OneIn(3)) {
    door_options_.default_timeout = microseconds(dice_.Draw(0, 20'000));
  }
}

void Story::MakeServer() {
  scheduler_ = Scheduler::Manual({.workers = workers_}, time_.clock());
  stepping_.resize(workers_);
  service_ = std::make_unique<ShardedService<Shard>>(
      "pinion.test.LanesModelService", ShardFactory::Of<Shard>([this] {
        return std::unique_ptr<Shard>(new Shard{*this});
      }));
  for (const char* name : {"UrgentKeyed", "Keyed", "Urgent", "Bulk"}) {
    if (dice_.OneIn(3)) {
      service_->On(name, &Shard::HandleLater);
    } else {
      service_->On(name, &Shard::Handle);
    }
  }
  ASSERT_TRUE(service_->Check().ok()) << service_->Check();
  running_ = std::make_unique<RunningCalls>(workers_);
  const LaneOptions options = {.max_calls = limits_.lane_calls,
                               .max_bytes = limits_.lane_bytes,
                               .max_response_bytes = kMaxResponseBytes,
                               .stall_after = limits_.stall_after};
  router_ = std::make_unique<Router>(workers_, dice_.Draw(0, 1000));
  for (int i = 0; i < services_; ++i) {
    lanes_.push_back(Lanes::Create(*scheduler_, *service_, options, *running_,
                                   router_->owners())
                         .value());
  }
  door_ = std::make_unique<FrontDoor>(*router_, time_.clock(), door_options_);
  expirer_ = std::make_unique<Expirer>(time_.clock(), kWheels);
  model_ = std::make_unique<LanesModel>(
      services_, workers_, static_cast<int>(service_->methods().size()),
      limits_);
}

void Story::Play() {
  while (acts_left_ > 0) Act();
  Drain();
}

void Story::Act() {
  --acts_left_;
  const std::pair<int, std::function<void()>> kinds[] = {
      {12, [&] { CallArrives(); }},
      {step_weight_, [&] { WorkerSteps(dice_.Draw(0, workers_ - 1)); }},
      {5, [&] { TimePasses(); }},
      {2, [&] { ExpirerRuns(); }},
      {2, [&] { CallIsCancelled(); }},
      {5, [&] { HeldCallIsFinished(); }},
      {leave_weight_, [&] { AnswersLeave(dice_.Draw(1, 4)); }},
      {1, [&] { EndBegins(); }},
      {1, [&] { MethodsAreLookedAt(); }},
  };
  int all = 0;
  for (const auto& [weight, act] : kinds) all += weight;
  int drawn = dice_.Draw(1, all);
  for (const auto& [weight, act] : kinds) {
    drawn -= weight;
    if (drawn > 0) continue;
    act();
    break;
  }
  Compare();
}

void Story::Intrude() {
  Compare();
  if (depth_ == 3) return;
  ++depth_;
  while (acts_left_ > 0 && !dice_.OneIn(3)) Act();
  --depth_;
}

void Story::CallArrives() {
  ModelCall& model = model_->NewCall();
  DrawCall(model);
  const RequestedRoute requested = DrawRequestedRoute(model);
  auto* call = new TestCall(*this, model, DrawRequest(model));
  Lanes& lanes = *lanes_[model.lanes];
  call->served = &lanes.served(model.method);
  call->deadline = model.deadline;
  call->wants_timing = model.wants_timing;
  if (!model.deadline.has_value() &&
      door_options_.default_timeout.has_value()) {
    model.deadline =
        AsCallsHaveIt(time_.Now() + *door_options_.default_timeout);
  }
  model.bytes = static_cast<int64_t>(call->request().size());
  std::optional<Answer> refusal = door_->Enter(requested, call);
  model.worker = call->worker;
  inside_ += call->inside;
  Tell([&] {
    return absl::StrCat("call ", model.number, " of ", call->method().path,
                        refusal.has_value() ? " is refused: " : " enters",
                        refusal.has_value() ? refusal->status.message() : "");
  });
  model_->Enters(model, refusal, time_.Now(),
                 model.worker < 0 ? nanoseconds(0)
                                  : lanes.Snapshot(model.worker).time_per_call);
  if (refusal.has_value()) {
    leaving_.push_back(call);
    return;
  }
  EXPECT_EQ(call->task_class, model.task_class);
  EXPECT_EQ(call->deadline, Deadline(model.deadline));
  open_.push_back(call);
  if (call->deadline.has_value()) {
    expirer_->Arm(call->wheel(), *call, *call->deadline);
  }
}

void Story::DrawCall(ModelCall& model) {
  model.lanes = dice_.Draw(0, services_ - 1);
  model.method =
      dice_.Draw(0, static_cast<int>(service_->methods().size()) - 1);
  const HostedMethod& method = service_->methods()[model.method];
  model.task_class = method.task_class;
  if (method.key.has_value()) {
    model.valid = !dice_.OneIn(20);
    if (model.valid) model.key = absl::StrCat("key", dice_.Draw(1, 4));
  } else {
    model.decodable = !dice_.OneIn(8);
  }
  if (!dice_.OneIn(3)) {
    model.deadline = AsCallsHaveIt(
        time_.Now() + microseconds(dice_.Draw(-100, max_deadline_us_)));
  }
  model.wants_timing = dice_.OneIn(4);
}

std::string Story::DrawRequest(const ModelCall& model) {
  if (!model.decodable) return std::string(dice_.Draw(1, 30), '\xff');
  Work work;
  work.set_key(model.key);
  work.set_call(model.number);
  work.set_padding(std::string(dice_.Draw(0, max_padding_), 'x'));
  return work.SerializeAsString();
}

RequestedRoute Story::DrawRequestedRoute(ModelCall& model) {
  RequestedRoute requested;
  // Which of several a call without a wish gets is no seed's choice.
  if (!service_->methods()[model.method].key.has_value() &&
      (workers_ > 1 || dice_.OneIn(2))) {
    requested.worker = dice_.Draw(0, workers_ - 1);
  }
  if (dice_.OneIn(3)) {
    const int asked = dice_.Draw(0, kTaskClasses - 1);
    requested.task_class = static_cast<TaskClass>(asked);
    model.task_class =
        std::max(model.task_class, static_cast<TaskClass>(asked));
  }
  if (dice_.OneIn(25)) {
    requested.worker = model.key.empty() ? 3 : 0;
    model.valid = false;
  }
  return requested;
}

bool Story::WorkerSteps(int worker) {
  if (stepping_[worker]) return true;
  Tell([&] { return absl::StrCat("worker ", worker, " steps"); });
  const int outer = std::exchange(moving_, worker);
  stepping_[worker] = true;
  const bool had_work = scheduler_->Step(worker);
  stepping_[worker] = false;
  model_->Rests(worker);
  Compare();
  moving_ = outer;
  if (!had_work) model_->IsIdle(worker);
  for (size_t i = 0; i < model_->size(); ++i) {
    const ModelCall& call = model_->At(i);
    if (call.state == State::kEnded && call.worker == worker) {
      model_->HasAnswered(call);
    }
  }
  return had_work;
}

void Story::TimePasses() {
  const microseconds pause(dice_.OneIn(50) ? dice_.Draw(0, 5'000'000)
                                           : dice_.Draw(0, max_pause_us_));
  Tell([&] { return absl::StrCat(pause.count(), " us pass"); });
  time_.Advance(pause);
  if (dice_.OneIn(2)) ExpirerRuns();
}

void Story::ExpirerRuns() {
  Tell([&] { return absl::StrCat("the expirer runs"); });
  const Moment now = time_.Now();
  ++expirers_;
  expirer_->RunDue();
  --expirers_;
  if (expirers_ > 0) return;  // The outer one may have taken some.
  for (TestCall* call : open_) {
    if (!call->deadline.has_value()) continue;
    const Moment due = std::max(*call->deadline, call->accepted);
    if (due + DeadlineWheel::kTick <= now) model_->HasAnswered(call->model());
  }
}

void Story::CallIsCancelled() {
  if (open_.empty()) return;
  TestCall* call = open_[dice_.Draw(0, static_cast<int>(open_.size()) - 1)];
  ModelCall& model = call->model();
  Tell([&] { return absl::StrCat("call ", model.number, " is cancelled"); });
  model.asked_to_cancel = true;
  lanes_[model.lanes]->Revoke(*call, RevokeReason::kCancelled);
  model_->HasAnswered(model);
}

void Story::AnswersLeave(int most) {
  for (int i = 0; i < most && !leaving_.empty(); ++i) {
    TestCall* call = leaving_.front();
    leaving_.pop_front();
    if (call->deadline.has_value()) expirer_->Disarm(call->wheel(), *call);
    std::erase(open_, call);
    if (call->inside) {
      door_->Leave();
      --inside_;
    }
    call->Unref();
  }
}

void Story::EndBegins() {
  if (!dice_.OneIn(3)) return;  // Not too soon in most runs.
  dice_.OneIn(3) ? DoorCloses() : ServerStops();
}

void Story::DoorCloses() {
  Tell([&] { return absl::StrCat("the door closes"); });
  door_->inside().Close();
  model_->DoorCloses();
}

void Story::ServerStops() {
  DoorCloses();
  Tell([&] { return absl::StrCat("all open calls are stopped"); });
  const std::vector<TestCall*> open = open_;
  for (TestCall* call : open) call->AddRef();
  for (TestCall* call : open) {
    ModelCall& model = call->model();
    model.asked_to_stop = true;
    lanes_[model.lanes]->Revoke(*call, RevokeReason::kStopped);
    model_->HasAnswered(model);
  }
  for (TestCall* call : open) call->Unref();
}

void Story::MethodsAreLookedAt() {
  for (int i = 0; i < services_; ++i) {
    for (const HostedMethod& method : service_->methods()) {
      model_->Compare(lanes_[i]->Snapshot(method), i, method.index);
    }
  }
}

absl::Status Story::Handle(const Work& work, Done* done, CallContext& context) {
  ModelCall& model = BeginHandler(work, context);
  const ModelResult result = DrawResult();
  Tell([&] { return absl::StrCat("call ", model.number, " ends"); });
  model_->Ends(model, result, time_.Now());
  done->set_padding(result.payload);
  if (result.reason == v1::REASON_HANDLER) return absl::AbortedError("drawn");
  return absl::OkStatus();
}

ModelCall& Story::BeginHandler(const Work& work, const CallContext& context) {
  ModelCall& model = model_->At(work.call());
  Tell([&] { return absl::StrCat("call ", model.number, " begins"); });
  model_->Begins(model, Scheduler::CurrentWorker(), time_.Now());
  CheckContext(model, context);
  Compare();
  const int outer = std::exchange(moving_, -1);
  Intrude();
  CheckContext(model, context);
  moving_ = outer;
  return model;
}

void Story::HandleLater(WorkCall call) {
  ModelCall& model = BeginHandler(call.request(), call.context());
  if (dice_.OneIn(3)) {
    const ModelResult result = DrawResult();
    Tell([&] { return absl::StrCat("call ", model.number, " ends"); });
    model_->Ends(model, result, time_.Now());
    return Finish(std::move(call), result);
  }
  Tell([&] { return absl::StrCat("call ", model.number, " is held"); });
  model_->Holds(model);
  held_.push_back(std::move(call));
}

void Story::HeldCallIsFinished() {
  // What is under way for a held call does nothing to another: a transport
  // runs nobody else's code.
  if (held_.empty() || finishing_held_) return;
  const int drawn = dice_.Draw(0, static_cast<int>(held_.size()) - 1);
  std::swap(held_[drawn], held_.back());
  WorkCall call = std::move(held_.back());
  held_.pop_back();
  ModelCall& model = model_->At(call.request().call());
  EXPECT_EQ(call.context().cancelled(), model.answered);
  const ModelResult result = DrawResult();
  Tell([&] { return absl::StrCat("call ", model.number, " is finished"); });
  const bool was_answered = model.answered;
  model_->HeldEnds(model, result, time_.Now());
  finishing_held_ = true;
  Finish(std::move(call), result);
  finishing_held_ = false;
  EXPECT_TRUE(was_answered || model.answered);
}

void Story::Finish(WorkCall call, const ModelResult& result) {
  call.response()->set_padding(result.payload);
  call.Finish(result.reason == v1::REASON_HANDLER ? absl::AbortedError("drawn")
                                                  : absl::OkStatus());
}

void Story::CheckContext(const ModelCall& model,
                         const CallContext& context) const {
  EXPECT_EQ(context.worker(), model.worker);
  EXPECT_EQ(context.cancelled(), model.answered);
  EXPECT_EQ(context.time_left(),
            model.deadline.has_value()
                ? absl::FromChrono(*model.deadline - time_.Now())
                : absl::InfiniteDuration());
  ASSERT_EQ(context.key().has_value(), !model.key.empty());
  if (!model.key.empty()) {
    EXPECT_EQ(context.key()->bytes(), model.key);
  }
  EXPECT_EQ(running_->Age(model.worker, time_.Now()),
            time_.Now() - model.claimed);
  EXPECT_EQ(scheduler_->running(model.worker).Look()->task->task_class(),
            model.task_class);
}

ModelResult Story::DrawResult() {
  if (dice_.OneIn(5)) return {.reason = v1::REASON_HANDLER, .payload = ""};
  const std::string payload(dice_.Draw(0, kMaxResponseBytes + 10), 'y');
  Done done;
  done.set_padding(payload);
  const auto bytes = static_cast<int64_t>(done.ByteSizeLong());
  if (bytes > kMaxResponseBytes) {
    return {.reason = v1::REASON_RESPONSE_TOO_LARGE, .payload = payload};
  }
  return {.payload = payload, .answer_bytes = bytes};
}

void Story::OnDeliver(TestCall& call) {
  Tell([&] {
    return absl::StrCat("call ", call.model().number,
                        " is answered: ", call.answer.status.ToString());
  });
  model_->IsAnswered(call.model(), call.answer, time_.Now());
  leaving_.push_back(&call);
  if (!finishing_held_ && dice_.OneIn(3)) Intrude();
}

void Story::OnDue(TestCall& call) {
  lanes_[call.model().lanes]->Revoke(call, RevokeReason::kExpired);
}

void Story::Compare() {
  for (int i = 0; i < services_; ++i) {
    for (int worker = 0; worker < workers_; ++worker) {
      model_->Compare(lanes_[i]->Snapshot(worker), i, worker,
                      worker == moving_);
    }
  }
  const Credit& held = door_->credit();
  model_->CompareServer(held.calls(), held.bytes());
}

void Story::Drain() {
  DoorCloses();
  for (int worker = 0; worker < workers_; ++worker) {
    while (WorkerSteps(worker)) {
    }
  }
  while (!held_.empty()) HeldCallIsFinished();
  AnswersLeave(static_cast<int>(leaving_.size()));
  EXPECT_TRUE(open_.empty()) << open_.size() << " calls have no answer";
  EXPECT_EQ(inside_, 0);
  EXPECT_TRUE(door_->inside().AwaitEmpty(absl::ZeroDuration()));
  EXPECT_EQ(TestCall::living(), 0) << "calls have leaked";
  Compare();
  MethodsAreLookedAt();
  const absl::Status at_rest = CheckAtRest(Snapshot());
  EXPECT_TRUE(at_rest.ok()) << at_rest;
}

ServerSnapshot Story::Snapshot() const {
  ServerSnapshot snapshot;
  for (const auto& lanes : lanes_) {
    for (int worker = 0; worker < workers_; ++worker) {
      snapshot.lanes.push_back(lanes->Snapshot(worker));
    }
    for (const HostedMethod& method : service_->methods()) {
      snapshot.methods.push_back(lanes->Snapshot(method));
    }
  }
  snapshot.held_calls = door_->credit().calls();
  snapshot.held_bytes = door_->credit().bytes();
  return snapshot;
}

TEST(LanesModelTest, WhateverHappensToCallsTheModelSaysTheSame) {
  SeededRuns runs(kRuns);
  std::map<std::string, uint64_t> ends;
  while (!HasFailure() && runs.Next()) {
    Story story(runs.seed(), runs.replays());
    story.Play();
    story.model().AddTo(&ends);
  }
  for (const auto& [end, calls] : ends) {
    std::cout << calls << " calls: " << end << "\n";
    if (!runs.replays()) {
      EXPECT_GT(calls, 0u) << end;
    }
  }
}

}  // namespace
}  // namespace pinion::testing
