// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/echo/open_loop.h"

#include <grpcpp/completion_queue.h>
#include <sys/prctl.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/monotonic_nanos.h"
#include "pinion/v1/failure.pb.h"
#include "proto/wire/status_details.h"

namespace pinion::bench {
namespace {

// By when the thread that takes the answers is at its place.
constexpr int64_t kBeforeTheFirstNanos = 2'000'000;

struct Due {
  int64_t at_ns;
  size_t load;
};

// Adds when the calls of a load are due, from the moment `begin_ns` on.
void Schedule(const Load& load, size_t index, int64_t begin_ns,
              std::vector<Due>& schedule) {
  std::mt19937_64 dice(load.seed.value_or(0));
  std::exponential_distribution<double> gap(load.per_second);
  const double end = absl::ToDoubleSeconds(load.first + load.length);
  double at = absl::ToDoubleSeconds(load.first);
  for (int64_t call = 1; at < end; ++call) {
    schedule.push_back({begin_ns + std::llround(at * 1e9), index});
    at = load.seed.has_value()
             ? at + gap(dice)
             : absl::ToDoubleSeconds(load.first) +
                   static_cast<double>(call) / load.per_second;
  }
}

std::vector<Due> ScheduleAll(absl::Span<const Load> loads) {
  const int64_t begin_ns = MonotonicNanos() + kBeforeTheFirstNanos;
  std::vector<Due> schedule;
  for (size_t i = 0; i < loads.size(); ++i) {
    Schedule(loads[i], i, begin_ns, schedule);
  }
  std::sort(schedule.begin(), schedule.end(),
            [](const Due& a, const Due& b) { return a.at_ns < b.at_ns; });
  return schedule;
}

// Has sleeps of the calling thread end when they should, while it lives.
class NoTimerSlack {
 public:
  NoTimerSlack() { prctl(PR_SET_TIMERSLACK, 1); }
  ~NoTimerSlack() { prctl(PR_SET_TIMERSLACK, 0); }  // The default.
  NoTimerSlack(const NoTimerSlack&) = delete;
  NoTimerSlack& operator=(const NoTimerSlack&) = delete;
};

void SleepUntil(int64_t nanos) {
  const timespec until = {.tv_sec = nanos / 1'000'000'000,
                          .tv_nsec = nanos % 1'000'000'000};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) !=
         0) {
  }
}

bool NoHandlerRan(const grpc::Status& status) {
  const auto failure = FailureFromStatusDetails(status.error_details());
  return failure.has_value() && failure->executed() == v1::EXECUTED_NO;
}

// How a call ended; an error if it may not end so.
absl::StatusOr<End> EndOf(const AsyncEcho& echo, const Load& load) {
  const grpc::StatusCode code = echo.status().error_code();
  if (load.may_fail && code == grpc::StatusCode::DEADLINE_EXCEEDED) {
    return End::kExpired;
  }
  if (load.may_fail && code == grpc::StatusCode::RESOURCE_EXHAUSTED &&
      NoHandlerRan(echo.status())) {
    return End::kRefused;
  }
  const absl::Status status = echo.Check();
  if (status.ok()) return End::kAnswered;
  return absl::InternalError(
      absl::StrCat(load.to->server().role(), ": ", status.message()));
}

// One run: a queue, out of which calls come as they end.
class OpenLoop {
 public:
  explicit OpenLoop(absl::Span<const Load> loads)
      : loads_(loads), outcomes_(loads.size()) {}

  absl::StatusOr<std::vector<std::vector<Outcome>>> Run() {
    std::thread taker([this] { TakeAnswers(); });
    BeginCalls();
    queue_.Shutdown();  // Nothing follows what is under way.
    taker.join();
    if (!failure_.ok()) return failure_;
    return std::move(outcomes_);
  }

 private:
  struct Call {
    Due due;
    AsyncEcho echo;
  };

  void BeginCalls() {
    const NoTimerSlack precise;
    for (const Due& due : ScheduleAll(loads_)) {
      const Load& load = loads_[due.load];
      auto* const call = new Call{.due = due, .echo = {}};  // Its taker's.
      SleepUntil(due.at_ns);
      call->echo.Begin(load.ask,
                       due.at_ns + absl::ToInt64Nanoseconds(load.timeout),
                       load.to->Next(), queue_, call);
    }
  }

  // Ends, since each call has a deadline.
  void TakeAnswers() {
    void* tag;
    bool ok;
    while (queue_.Next(&tag, &ok)) {
      const int64_t now = MonotonicNanos();
      Note(*std::unique_ptr<Call>(static_cast<Call*>(tag)), now);
    }
  }

  void Note(const Call& call, int64_t now) {
    const absl::StatusOr<End> end = EndOf(call.echo, loads_[call.due.load]);
    failure_.Update(end.status());
    if (!end.ok()) return;
    outcomes_[call.due.load].push_back({*end, call.due.at_ns, now});
  }

  const absl::Span<const Load> loads_;
  grpc::CompletionQueue queue_;

  // The taker's until it has ended.
  std::vector<std::vector<Outcome>> outcomes_;
  absl::Status failure_;
};

}  // namespace

absl::StatusOr<std::vector<std::vector<Outcome>>> RunOpenLoop(
    absl::Span<const Load> loads) {
  return OpenLoop(loads).Run();
}

}  // namespace pinion::bench
