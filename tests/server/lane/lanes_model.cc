// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/server/lane/lanes_model.h"

#include <algorithm>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace pinion::testing {
namespace {

using State = ModelCall::State;
using std::chrono::nanoseconds;

// Why the door may refuse a call.
constexpr v1::Reason kRefusals[] = {
    v1::REASON_LANE_FULL,    v1::REASON_WAIT_TOO_LONG, v1::REASON_STOPPING,
    v1::REASON_LANE_STALLED, v1::REASON_BAD_REQUEST,   v1::REASON_SERVER_FULL};

bool Waits(const ModelCall& call) {
  return call.state == State::kWaiting && !call.answered;
}
bool Runs(const ModelCall& call) {
  return call.state == State::kRunning && !call.answered;
}
bool IsAbandoned(const ModelCall& call) {
  return call.state == State::kRunning && call.answered;
}

// Cheaper than a matcher.
void ExpectWithin(int64_t value, int64_t least, int64_t most,
                  const char* what) {
  EXPECT_GE(value, least) << what;
  EXPECT_LE(value, most) << what;
}

// All that `counts` says, to be compared.
std::vector<uint64_t> Figures(const CallCounts& counts) {
  std::vector<uint64_t> figures = {
      counts.accepted,        counts.ok,
      counts.error,           counts.expired,
      counts.cancelled,       counts.stopped,
      counts.expired_running, counts.cancelled_running,
      counts.stopped_running, counts.waiting,
      counts.running,         counts.abandoned};
  figures.insert(figures.end(), counts.refused.begin(), counts.refused.end());
  return figures;
}

absl::StatusCode CodeOf(v1::Reason reason) {
  switch (reason) {
    case v1::REASON_UNSPECIFIED:
      return absl::StatusCode::kOk;
    case v1::REASON_BAD_REQUEST:
      return absl::StatusCode::kInvalidArgument;
    case v1::REASON_STOPPING:
      return absl::StatusCode::kUnavailable;
    case v1::REASON_EXPIRED:
      return absl::StatusCode::kDeadlineExceeded;
    case v1::REASON_CANCELLED:
      return absl::StatusCode::kCancelled;
    case v1::REASON_HANDLER:
      return absl::StatusCode::kAborted;
    default:
      return absl::StatusCode::kResourceExhausted;
  }
}

v1::Reason ReasonOf(const Answer& answer) {
  return answer.status.ok() ? v1::REASON_UNSPECIFIED
                            : answer.failure()->reason();
}

// That `answer` says what belongs together.
void CheckAnswer(const Answer& answer, v1::Reason reason, v1::Executed executed,
                 int worker) {
  EXPECT_EQ(ReasonOf(answer), reason) << answer.status;
  EXPECT_EQ(answer.status.code(), CodeOf(reason)) << answer.status;
  if (answer.status.ok()) return;
  EXPECT_EQ(answer.failure()->executed(), executed) << answer.status;
  EXPECT_EQ(answer.failure()->has_worker(), worker >= 0) << answer.status;
  if (worker >= 0) {
    EXPECT_EQ(answer.failure()->worker(), static_cast<uint32_t>(worker));
  }
}

}  // namespace

LanesModel::LanesModel(int services, int workers, int methods,
                       const ModelLimits& limits)
    : limits_(limits),
      lanes_(services, std::vector<Lane>(workers)),
      methods_(services, std::vector<CallCounts>(methods)),
      ended_(services, std::vector<uint64_t>(methods)),
      run_by_(workers) {}

ModelCall& LanesModel::NewCall() {
  calls_.push_back(std::make_unique<ModelCall>());
  calls_.back()->number = static_cast<int>(calls_.size()) - 1;
  return *calls_.back();
}

std::vector<CallCounts*> LanesModel::CountsOf(const ModelCall& call) {
  std::vector<CallCounts*> counts = {&methods_[call.lanes][call.method]};
  if (call.worker >= 0) counts.push_back(&LaneOf(call).counts);
  return counts;
}

void LanesModel::Enters(ModelCall& call, const std::optional<Answer>& refusal,
                        Moment now, nanoseconds per_call) {
  call.accepted = now;
  const v1::Reason reason =
      refusal.has_value() ? ReasonOf(*refusal) : v1::REASON_UNSPECIFIED;
  const std::vector<v1::Reason> allowed = Allowed(call, now, per_call);
  const bool right =
      std::find(allowed.begin(), allowed.end(), reason) != allowed.end();
  EXPECT_TRUE(right) << "call " << call.number << ": "
                     << v1::Reason_Name(reason) << " instead of "
                     << v1::Reason_Name(allowed.front());
  if (!call.key.empty() && call.worker >= 0) {
    EXPECT_EQ(owners_.try_emplace(call.key, call.worker).first->second,
              call.worker)
        << "a key has one worker";
  }
  if (refusal.has_value()) return Refused(call, *refusal);
  call.state = State::kWaiting;
  LaneOf(call).lines[static_cast<size_t>(call.task_class)].push_back(&call);
  for (CallCounts* counts : CountsOf(call)) ++counts->accepted;
}

std::vector<v1::Reason> LanesModel::Allowed(const ModelCall& call, Moment now,
                                            nanoseconds per_call) {
  if (closed_) return {v1::REASON_STOPPING};
  if (!call.valid) return {v1::REASON_BAD_REQUEST};
  const Places server = HeldByServer();
  if (server.calls + 1 > limits_.server_calls ||
      server.bytes + call.bytes > limits_.server_bytes) {
    return {v1::REASON_SERVER_FULL};
  }
  const Lane& lane = LaneOf(call);
  const Places living = HeldByLiving(call.lanes, call.worker);
  const int64_t held = living.calls + lane.passed_calls;
  if (held + 1 > limits_.lane_calls ||
      living.bytes + lane.passed_bytes + call.bytes > limits_.lane_bytes) {
    return {v1::REASON_LANE_FULL};
  }
  if (!call.deadline.has_value()) return {v1::REASON_UNSPECIFIED};
  return AllowedForDeadline(call, now, per_call);
}

std::vector<v1::Reason> LanesModel::AllowedForDeadline(const ModelCall& call,
                                                       Moment now,
                                                       nanoseconds per_call) {
  const ModelCall* run = run_by_[call.worker];
  const nanoseconds age = run == nullptr ? nanoseconds(0) : now - run->claimed;
  const nanoseconds left = *call.deadline - now;
  const auto is_too_late = [&](int64_t before) {
    return (before + 1) * per_call + age > left / 5 * 4;
  };
  const auto [certain, perhaps] = CountBefore(call, call.task_class);
  const auto [all, perhaps_all] = CountBefore(call, TaskClass::kBulk);
  if (all + perhaps_all == 0) return {v1::REASON_UNSPECIFIED};  // It is idle.
  const v1::Reason reason = age >= limits_.stall_after
                                ? v1::REASON_LANE_STALLED
                                : v1::REASON_WAIT_TOO_LONG;
  std::vector<v1::Reason> allowed;
  if (is_too_late(certain + perhaps)) allowed.push_back(reason);
  if (!is_too_late(certain) || all == 0) {
    allowed.push_back(v1::REASON_UNSPECIFIED);
  }
  return allowed;
}

std::pair<int64_t, int64_t> LanesModel::CountBefore(const ModelCall& call,
                                                    TaskClass last) {
  const Lane& lane = LaneOf(call);
  int64_t certain = 0, perhaps = 0;
  for (int i = 0; i <= static_cast<int>(last); ++i) {
    for (const ModelCall* other : lane.lines[i]) {
      ++(other->answered ? perhaps : certain);
    }
  }
  const auto counts = [&](const ModelCall* other) {
    return other != nullptr && other->lanes == call.lanes &&
           other->task_class <= last;
  };
  certain += counts(run_by_[call.worker]);
  perhaps += counts(lane.leaving);
  return {certain, perhaps};
}

void LanesModel::Refused(ModelCall& call, const Answer& refusal) {
  const v1::Reason reason = ReasonOf(refusal);
  CheckAnswer(refusal, reason, v1::EXECUTED_NO, call.worker);
  if (refusal.status.code() == absl::StatusCode::kResourceExhausted) {
    ExpectWithin(static_cast<int64_t>(refusal.failure()->retry_after_us()),
                 1'000, 30'000'000, "microseconds until a retry");
  }
  for (CallCounts* counts : CountsOf(call)) ++counts->refused[reason];
}

void LanesModel::Claimed(ModelCall& call) {
  EXPECT_TRUE(Waits(call)) << "call " << call.number << " cannot begin";
  for (auto& lanes : lanes_) lanes[call.worker].leaving = nullptr;
  auto& line = LaneOf(call).lines[static_cast<size_t>(call.task_class)];
  while (!line.empty() && line.front()->answered) line.pop_front();
  ASSERT_FALSE(line.empty());
  EXPECT_EQ(line.front()->number, call.number) << "a younger call came first";
  std::erase(line, &call);
}

void LanesModel::Begins(ModelCall& call, int worker, Moment now) {
  EXPECT_TRUE(call.decodable);
  EXPECT_EQ(worker, call.worker);
  EXPECT_EQ(run_by_[worker], nullptr) << "two at once";
  if (call.deadline.has_value()) {
    EXPECT_GT(*call.deadline, now) << "call " << call.number << " had expired";
  }
  Claimed(call);
  call.state = State::kRunning;
  call.claimed = now;
  run_by_[worker] = &call;
}

void LanesModel::Ends(ModelCall& call, const ModelResult& result, Moment now) {
  Holds(call);
  HeldEnds(call, result, now);
}

void LanesModel::Holds(ModelCall& call) {
  run_by_[call.worker] = nullptr;
  LaneOf(call).leaving = &call;
  ++ended_[call.lanes][call.method];
}

void LanesModel::HeldEnds(ModelCall& call, const ModelResult& result,
                          Moment now) {
  call.state = State::kEnded;
  call.ended = now;
  call.result = result;
}

void LanesModel::IsAnswered(ModelCall& call, const Answer& answer, Moment now) {
  EXPECT_FALSE(call.answered) << "call " << call.number << " is answered twice";
  EXPECT_NE(call.state, State::kOutside);
  switch (ReasonOf(answer)) {
    case v1::REASON_EXPIRED:
      EXPECT_TRUE(call.deadline.has_value() && *call.deadline <= now);
      return IsRevoked(call, answer, RevokeReason::kExpired);
    case v1::REASON_CANCELLED:
      EXPECT_TRUE(call.asked_to_cancel);
      return IsRevoked(call, answer, RevokeReason::kCancelled);
    case v1::REASON_STOPPING:
      EXPECT_TRUE(call.asked_to_stop);
      return IsRevoked(call, answer, RevokeReason::kStopped);
    default:
      return IsAnsweredByWorker(call, answer, now);
  }
}

void LanesModel::IsRevoked(ModelCall& call, const Answer& answer,
                           RevokeReason reason) {
  EXPECT_NE(call.state, State::kEnded);
  const bool ran = call.state == State::kRunning;
  constexpr v1::Reason kReasons[] = {v1::REASON_EXPIRED, v1::REASON_CANCELLED,
                                     v1::REASON_STOPPING};
  const auto index = static_cast<int>(reason) - 1;
  CheckAnswer(answer, kReasons[index],
              ran ? v1::EXECUTED_MAYBE : v1::EXECUTED_NO, call.worker);
  for (CallCounts* counts : CountsOf(call)) {
    uint64_t* const all[] = {&counts->expired, &counts->cancelled,
                             &counts->stopped};
    uint64_t* const running[] = {&counts->expired_running,
                                 &counts->cancelled_running,
                                 &counts->stopped_running};
    ++*all[index];
    if (ran) ++*running[index];
  }
  call.answered = true;
  if (ran) return;
  LaneOf(call).passed_calls += 1;
  LaneOf(call).passed_bytes += call.bytes;
}

void LanesModel::IsAnsweredByWorker(ModelCall& call, const Answer& answer,
                                    Moment now) {
  if (!call.decodable) {
    Claimed(call);
    call.claimed = now;
    Ends(call, {.reason = v1::REASON_BAD_REQUEST}, now);
  }
  EXPECT_EQ(call.state, State::kEnded);
  CheckAnswer(answer, call.result.reason,
              call.decodable ? v1::EXECUTED_YES : v1::EXECUTED_NO, call.worker);
  EXPECT_EQ(answer.payload.size(),
            static_cast<size_t>(call.result.answer_bytes));
  CheckTiming(call, answer);
  for (CallCounts* counts : CountsOf(call)) {
    ++(answer.status.ok() ? counts->ok : counts->error);
  }
  call.answer_bytes = call.result.answer_bytes;
  call.answered = true;
}

void LanesModel::CheckTiming(const ModelCall& call,
                             const Answer& answer) const {
  ASSERT_EQ(answer.timing() != nullptr, call.wants_timing);
  if (!call.wants_timing) return;
  EXPECT_EQ(answer.timing()->worker(), static_cast<uint32_t>(call.worker));
  EXPECT_EQ(nanoseconds(answer.timing()->waited_ns()),
            call.claimed - call.accepted);
  EXPECT_EQ(nanoseconds(answer.timing()->ran_ns()), call.ended - call.claimed);
  EXPECT_GE(answer.timing()->batch(), 1u);
}

void LanesModel::IsGone(ModelCall& call) {
  EXPECT_FALSE(call.gone);
  call.gone = true;
  if (call.state == State::kOutside) return;  // It was refused.
  EXPECT_TRUE(call.answered) << "call " << call.number << " has no answer";
  EXPECT_NE(call.state, State::kRunning) << "call " << call.number;
  // It has left its line, and so has what was before it.
  auto& line = LaneOf(call).lines[static_cast<size_t>(call.task_class)];
  const auto place = std::find(line.begin(), line.end(), &call);
  if (place == line.end()) return;
  for (auto before = line.begin(); before != place; ++before) {
    EXPECT_TRUE((*before)->answered) << "call " << call.number << " came first";
  }
  line.erase(line.begin(), place + 1);
}

void LanesModel::Rests(int worker) {
  EXPECT_EQ(run_by_[worker], nullptr);
  for (auto& lanes : lanes_) lanes[worker].leaving = nullptr;
}

void LanesModel::IsIdle(int worker) {
  for (auto& lanes : lanes_) {
    for (auto& line : lanes[worker].lines) {
      for (const ModelCall* call : line) {
        EXPECT_TRUE(call->answered)
            << "call " << call->number << " waits for a worker that sleeps";
      }
      line.clear();
    }
  }
}

void LanesModel::HasAnswered(const ModelCall& call) const {
  EXPECT_TRUE(call.state == State::kOutside || call.answered)
      << "call " << call.number << " was not answered";
}

LanesModel::Places LanesModel::HeldByLiving(int lanes, int worker) const {
  Places places;
  for (const auto& call : calls_) {
    if (call->lanes != lanes || call->worker != worker) continue;
    if (!Waits(*call) && call->state != State::kRunning) continue;
    places.calls += 1;
    places.bytes += call->bytes;
  }
  return places;
}

LanesModel::Places LanesModel::HeldByServer() const {
  Places places;
  for (const auto& call : calls_) {
    if (call->state == State::kOutside || call->gone) continue;
    places.calls += 1;
    places.bytes += call->bytes + call->answer_bytes;
  }
  return places;
}

void LanesModel::Compare(const LaneSnapshot& seen, int lanes, int worker,
                         bool moving) {
  Lane& lane = lanes_[lanes][worker];
  CallCounts counts = lane.counts;
  for (const auto& call : calls_) {
    if (call->lanes == lanes && call->worker == worker) Gauge(*call, &counts);
  }
  EXPECT_EQ(Figures(seen.counts), Figures(counts));
  EXPECT_LE(seen.held_calls, limits_.lane_calls);
  EXPECT_LE(seen.held_bytes, limits_.lane_bytes);
  int64_t in_lines = 0;
  for (const auto& line : lane.lines) in_lines += line.size();
  ExpectWithin(seen.listed_calls, 0, in_lines, "listed calls");
  ComparePassed(seen, HeldByLiving(lanes, worker), moving, &lane);
}

void LanesModel::ComparePassed(const LaneSnapshot& seen, const Places& living,
                               bool moving, Lane* lane) const {
  const int64_t calls = seen.held_calls - living.calls;
  const int64_t bytes = seen.held_bytes - living.bytes;
  if (!moving) {
    EXPECT_EQ(calls, lane->passed_calls) << "that answered calls hold";
    EXPECT_EQ(bytes, lane->passed_bytes) << "that answered calls hold";
  }
  Places most;
  for (const auto& line : lane->lines) {
    for (const ModelCall* call : line) {
      if (!call->answered) continue;
      most.calls += 1;
      most.bytes += call->bytes;
    }
  }
  ExpectWithin(calls, 0, std::min(most.calls, lane->passed_calls),
               "places that answered calls hold");
  ExpectWithin(bytes, 0, std::min(most.bytes, lane->passed_bytes),
               "bytes that answered calls hold");
  lane->passed_calls = calls;
  lane->passed_bytes = bytes;
}

void LanesModel::Compare(const MethodSnapshot& seen, int lanes,
                         int method) const {
  CallCounts counts = methods_[lanes][method];
  for (const auto& call : calls_) {
    if (call->lanes == lanes && call->method == method) Gauge(*call, &counts);
  }
  EXPECT_EQ(Figures(seen.counts), Figures(counts));
  for (const LatencySummary* summary :
       {&seen.waited, &seen.woken_late, &seen.ran}) {
    EXPECT_EQ(summary->count(), ended_[lanes][method]);
  }
}

void LanesModel::Gauge(const ModelCall& call, CallCounts* counts) {
  counts->waiting += Waits(call);
  counts->running += Runs(call);
  counts->abandoned += IsAbandoned(call);
}

void LanesModel::CompareServer(int64_t held_calls, int64_t held_bytes) const {
  const Places places = HeldByServer();
  EXPECT_EQ(held_calls, places.calls);
  // Those that run, or were answered, have room for their answer, and for what
  // an error says.
  constexpr int64_t kMaxBeside = 1000;
  const int64_t begun =
      std::count_if(calls_.begin(), calls_.end(), [](const auto& call) {
        return call->state != State::kOutside && !call->gone && !Waits(*call);
      });
  ExpectWithin(held_bytes, places.bytes, places.bytes + begun * kMaxBeside,
               "bytes that the server holds");
}

void LanesModel::AddTo(std::map<std::string, uint64_t>* tally) const {
  const auto add = [&](const char* what, uint64_t count) {
    (*tally)[what] += count;
  };
  for (const auto& methods : methods_) {
    for (const CallCounts& counts : methods) {
      add("ok", counts.ok);
      add("error", counts.error);
      add("expired while waiting", counts.expired - counts.expired_running);
      add("expired while running", counts.expired_running);
      add("cancelled while waiting",
          counts.cancelled - counts.cancelled_running);
      add("cancelled while running", counts.cancelled_running);
      add("stopped while waiting", counts.stopped - counts.stopped_running);
      add("stopped while running", counts.stopped_running);
      for (const v1::Reason reason : kRefusals) {
        add(v1::Reason_Name(reason).c_str(), counts.refused[reason]);
      }
    }
  }
}

}  // namespace pinion::testing
