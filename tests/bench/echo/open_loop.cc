// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/bench/echo/open_loop.h"

#include <grpcpp/completion_queue.h>
#include <sys/prctl.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "pinion/client/echo_methods.h"
#include "pinion/client/failure.h"
#include "pinion/core/monotonic_nanos.h"
#include "pinion/echo/v1/echo.pb.h"
#include "pinion/proto/wire/status_details.h"
#include "pinion/v1/failure.pb.h"

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

// The same for one that a client made.
absl::StatusOr<End> EndOf(const absl::StatusOr<echo::v1::EchoResponse>& answer,
                          const std::string& payload, const Load& load) {
  const absl::Status& status = answer.status();
  if (load.may_fail && absl::IsDeadlineExceeded(status)) return End::kExpired;
  if (load.may_fail && absl::IsResourceExhausted(status) &&
      NotExecuted(status)) {
    return End::kRefused;
  }
  if (!status.ok()) return status;
  if (answer->payload() == payload) return End::kAnswered;
  return absl::InternalError("another payload came back than was sent");
}

// One run: a queue, out of which unary calls come as they end.
class OpenLoop {
 public:
  explicit OpenLoop(absl::Span<const Load> loads)
      : loads_(loads), outcomes_(loads.size()) {}

  absl::StatusOr<std::vector<std::vector<Outcome>>> Run() {
    std::thread taker([this] { TakeAnswers(); });
    BeginCalls();
    queue_.Shutdown();  // Nothing follows what is under way.
    taker.join();
    const absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](int64_t* open) { return *open == 0; }, &open_in_sessions_));
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
      if (load.client != nullptr) {
        SleepUntil(due.at_ns);
        BeginByClient(due, load);
        continue;
      }
      auto* const call = new Call{.due = due, .echo = {}};  // Its taker's.
      SleepUntil(due.at_ns);
      call->echo.Begin(load.ask,
                       due.at_ns + absl::ToInt64Nanoseconds(load.timeout),
                       load.to->Next(), queue_, call);
    }
  }

  // The timeout is what is left until the deadline, none of it if that has
  // passed.
  void BeginByClient(const Due& due, const Load& load) {
    {
      const absl::MutexLock lock(&mutex_);
      ++open_in_sessions_;
    }
    const int64_t deadline_ns =
        due.at_ns + absl::ToInt64Nanoseconds(load.timeout);
    const echo::v1::EchoRequest request = StampedRequest(load.ask, deadline_ns);
    const absl::Duration left =
        absl::Nanoseconds(std::max<int64_t>(0, deadline_ns - MonotonicNanos()));
    load.client->Start(
        echo::kEcho, request, {.timeout = left, .worker = load.ask.worker},
        [this, due, &load, payload = request.payload()](
            const absl::StatusOr<echo::v1::EchoResponse>& answer) {
          const int64_t now = MonotonicNanos();
          const absl::StatusOr<End> end = EndOf(answer, payload, load);
          const absl::MutexLock lock(&mutex_);
          Note(due, end, now);
          --open_in_sessions_;
        });
  }

  // Ends, since each call has a deadline.
  void TakeAnswers() {
    void* tag;
    bool ok;
    while (queue_.Next(&tag, &ok)) {
      const int64_t now = MonotonicNanos();
      const std::unique_ptr<Call> call(static_cast<Call*>(tag));
      const absl::StatusOr<End> end = EndOf(call->echo, loads_[call->due.load]);
      const absl::MutexLock lock(&mutex_);
      Note(call->due, end, now);
    }
  }

  void Note(const Due& due, const absl::StatusOr<End>& end, int64_t now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    failure_.Update(end.status());
    if (end.ok()) outcomes_[due.load].push_back({*end, due.at_ns, now});
  }

  const absl::Span<const Load> loads_;
  grpc::CompletionQueue queue_;

  absl::Mutex mutex_;
  std::vector<std::vector<Outcome>> outcomes_ ABSL_GUARDED_BY(mutex_);
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  int64_t open_in_sessions_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace

absl::StatusOr<std::vector<std::vector<Outcome>>> RunOpenLoop(
    absl::Span<const Load> loads) {
  return OpenLoop(loads).Run();
}

}  // namespace pinion::bench
