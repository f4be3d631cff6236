// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/hosting/stop_sequence.h"

#include <pthread.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "pinion/core/base/check.h"
#include "pinion/server/hosting/stop_lines.h"
#include "pinion/server/hosting/stop_wait.h"

namespace pinion {
namespace {

// A stop's last second, after the grace: for the answers to leave, for the
// connections to end, and for handlers to return (StopWait::Limits). What is
// left is for the rest.
constexpr std::chrono::milliseconds kAnswersLeave(400);
constexpr absl::Duration kConnectionsEnd = absl::Milliseconds(200);

// For how long a stop without a lame duck looks whether clients call at all: at
// its first moment all of them may be about to send their next call.
constexpr absl::Duration kFirstCallComes = absl::Milliseconds(20);

// How long the answers of refused calls are held, if any come, before gRPC's
// server shuts down: for clients that have just got an answer to send their
// next call, a round trip between continents. A part of the last second, too.
constexpr absl::Duration kNextCallsCome = absl::Milliseconds(100);

// From there to the held answers, a part of kConnectionsEnd: for gRPC to queue
// GOAWAY on all connections, which takes microseconds for each.
constexpr absl::Duration kGoawayLeaves = absl::Milliseconds(50);

// An I/O thread that is given no CPU for so long will get none.
constexpr std::chrono::seconds kThreadRuns(30);

// How often a stop that waits for its workers looks what they do.
constexpr std::chrono::milliseconds kBetweenLooks(10);

// A span that is left, for people: "9s".
std::string Seconds(std::chrono::nanoseconds left) {
  const absl::Duration span =
      std::max(absl::FromChrono(left), absl::ZeroDuration());
  return absl::FormatDuration(absl::Ceil(span, absl::Seconds(1)));
}

// Whether user's code ran since the looks before, which are brought up to date.
bool LookAtHandlers(const RunningCalls& running,
                    std::vector<RunningCalls::Look>& looks) {
  bool ran = false;
  for (size_t i = 0; i < looks.size(); ++i) {
    const RunningCalls::Look look = running.LookAt(static_cast<int>(i));
    ran = ran || look.inside || look != looks[i];
    looks[i] = look;
  }
  return ran;
}

}  // namespace

void StopSequence::BeginDrain() {
  if (serving_.has_value()) BeginDrain(lame_duck_.Get());
}

void StopSequence::Drain() {
  if (serving_.has_value()) Drain(lame_duck_.Get());
}

void StopSequence::BeginDrain(std::chrono::nanoseconds lame_duck) {
  std::call_once(drain_begun_, [&] {
    serving_->health.SetStopping();
    for (auto& io : serving_->io_threads) io->BeginStop();
    PassLameDuck(lame_duck);
    serving_->inside.Close();
  });
}

void StopSequence::PassLameDuck(std::chrono::nanoseconds lame_duck) {
  const Clock clock;
  const Moment ends = clock.Now() + lame_duck;
  StopLines lines(clock.Now());
  for (Moment now = clock.Now(); now < ends; now = clock.Now()) {
    if (lines.Due(now)) {
      log_.Write(
          {.area = LogArea::kStop,
           .event = "stop_lame_duck",
           .message = absl::StrCat("the stop still accepts calls for ",
                                   Seconds(ends - now), " (lame_duck)")});
    }
    const auto wait = std::min(ends, lines.next()) - now;
    if (hurry_.WaitForNotificationWithTimeout(absl::FromChrono(wait))) return;
  }
}

void StopSequence::Drain(std::chrono::nanoseconds lame_duck) {
  draining_ = true;
  BeginDrain(lame_duck);
  std::call_once(drained_, [&] {
    grace_ends_ = Clock().Now() + grace_.Get();
    for (auto& io : serving_->io_threads) io->BeginGrace();
    AwaitCallsInside();
    // What is open has used its grace; each I/O thread answers its own.
    for (auto& io : serving_->io_threads) io->StopOpenCalls();
    bool all_left = true;
    for (auto& io : serving_->io_threads) {
      all_left = io->AwaitOpenCalls(kThreadRuns, kAnswersLeave) && all_left;
    }
    if (!all_left) TellWhatHasNotLeft();
  });
}

void StopSequence::AwaitCallsInside() {
  const Clock clock;
  StopLines lines(clock.Now());
  // A hurry ends the waiting below, and may have come before there was a door.
  while (!hurry_.HasBeenNotified()) {
    const Moment now = clock.Now();
    if (now >= grace_ends_) return;
    if (lines.Due(now)) TellWhatIsInside(grace_ends_ - now);
    const auto wait = std::min(grace_ends_, lines.next()) - now;
    if (serving_->inside.AwaitEmpty(absl::FromChrono(wait))) return;
  }
}

void StopSequence::TellWhatIsInside(std::chrono::nanoseconds left) const {
  const int64_t inside = serving_->inside.count();
  if (inside == 0) return;  // The last has just left.
  const std::string open = DescribeOpenCalls(serving_->snapshot());
  log_.Write(
      {.area = LogArea::kStop,
       .event = "stop_waits_for_calls",
       .message = absl::StrCat(
           "the stop waits for ", inside, inside == 1 ? " call" : " calls",
           ", for ", Seconds(left),
           " at most: ", open.empty() ? "their answers have not left" : open)});
}

void StopSequence::TellWhatHasNotLeft() const {
  log_.Write(
      {.level = LogLevel::kWarning,
       .area = LogArea::kStop,
       .event = "stop_cuts_off_answers",
       .message = absl::StrCat(
           "the stop cuts off ", serving_->inside.count(),
           " answers, and sessions or streams, which have not left ",
           absl::FormatDuration(absl::FromChrono(kAnswersLeave)),
           " after they were given to gRPC: their clients do not take them")});
}

// On an I/O thread. gRPC lets a server's Shutdown() wait for its streams; ours
// end when they are told to, and not by themselves.
void StopSequence::OnServerEnd() {
  if (server_ended_.exchange(true) || draining_) return;
  drainer_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "pinion-drain");
    Drain(/*lame_duck=*/std::chrono::nanoseconds(0));
  });
}

absl::Status StopSequence::Stop() {
  if (serving_.has_value()) {
    Drain();
    EndIo();
  }
  return EndWorkers();
}

void StopSequence::Hurry() {
  // A notification may be notified once only.
  if (!hurried_.exchange(true)) hurry_.Notify();
  // Acquire, with the release in DoorIsMade().
  Inside* const inside = inside_to_hurry_.load(std::memory_order_acquire);
  if (inside != nullptr) inside->GiveUpWaiting();
}

void StopSequence::EndIo() {
  // It tells the I/O.
  if (serving_->stall_watch != nullptr) serving_->stall_watch->Stop();
  ShutDownServer();
  // It tells the I/O, too.
  if (serving_->token_judge != nullptr) serving_->token_judge->Stop();
  for (auto& io : serving_->io_threads) io->Stop();
  if (drainer_.joinable()) drainer_.join();
  serving_->expirer.Stop();
  // gRPC's server may not go before its queues are empty, nor stay for us.
  serving_.reset();
}

void StopSequence::ShutDownServer() {
  const auto shut_down = [server = serving_->server] {
    // It cuts off at once what is open in-process, so nothing is by now.
    server->Shutdown(absl::ToChronoTime(absl::Now() + kConnectionsEnd));
  };
  if (server_ended_ || !ClientsCall()) return shut_down();
  const auto& io_threads = serving_->io_threads;
  for (auto& io : io_threads) io->HoldLateAnswers();
  absl::SleepFor(kNextCallsCome);
  std::thread shutter(shut_down);  // Waits for the calls that are held.
  absl::SleepFor(kGoawayLeaves);
  for (auto& io : io_threads) io->SendLateAnswers();
  shutter.join();
}

bool StopSequence::ClientsCall() const {
  const auto any = [this](auto has) {
    return std::any_of(serving_->io_threads.begin(), serving_->io_threads.end(),
                       has);
  };
  const auto in_stop = [](const auto& io) { return io->answered_in_stop(); };
  if (any(in_stop)) return true;
  if (!any([](const auto& io) { return io->answered(); })) return false;
  absl::SleepFor(kFirstCallComes);
  return any(in_stop);
}

absl::Status StopSequence::EndWorkers() {
  if (!workers_.has_value()) return absl::OkStatus();
  EndBackgroundWork();
  const absl::Status finished = LetWorkersFinish();
  if (finished.ok()) DestroyWorkers();
  return finished;
}

void StopSequence::EndWorkersHoweverLong() {
  if (!workers_.has_value()) return;
  EndBackgroundWork();
  while (!WorkersFinish(Scheduler::kForever)) {
  }
  DestroyWorkers();
}

void StopSequence::EndBackgroundWork() {
  for (auto& lanes : workers_->lanes) lanes->EndBackgroundWork();
}

void StopSequence::DestroyWorkers() {
  for (auto& lanes : workers_->lanes) lanes->DestroyShards();
  const absl::Status ended = workers_->scheduler.Stop();
  PINION_CHECK(ended.ok(), ended.message());
  const absl::Status at_rest = CheckAtRest(workers_->snapshot());
  PINION_CHECK(at_rest.ok(), at_rest.message());
  workers_.reset();
}

// They let go of the calls that others have answered, and run the hops.
bool StopSequence::WorkersFinish(std::chrono::nanoseconds timeout) {
  return workers_->scheduler.Drain(timeout).ok() &&
         std::none_of(
             workers_->lanes.begin(), workers_->lanes.end(),
             [](const auto& lanes) { return lanes->HopsAreUnderWay(); });
}

absl::Status StopSequence::LetWorkersFinish() {
  const Clock clock;
  StopWait wait(clock.Now(), grace_ends_);
  std::vector<RunningCalls::Look> looks(
      static_cast<size_t>(workers_->scheduler.worker_count()));
  StopLines lines(clock.Now());
  LookAtHandlers(workers_->running_calls, looks);
  while (!WorkersFinish(kBetweenLooks)) {
    const Moment now = clock.Now();
    if (hurry_.HasBeenNotified()) wait.Hurry(now);
    wait.Look(now, LookAtHandlers(workers_->running_calls, looks));
    if (lines.Due(now)) TellWhatRuns(grace_ends_ - now);
    if (wait.over().has_value()) {
      return absl::DeadlineExceededError(
          *wait.over() == StopWait::Over::kHandlersRun
              ? WhichHandlersRun()
              : absl::StrCat(
                    "the stop did not wait for workers that do not get on: ",
                    WhichWorkersAreLate()));
    }
  }
  return absl::OkStatus();
}

void StopSequence::TellWhatRuns(std::chrono::nanoseconds left) const {
  const std::string running = RunningHandlers();
  LogRecord record = {.level = LogLevel::kWarning, .area = LogArea::kStop};
  if (running.empty()) {
    record.event = "stop_waits_for_workers";
    record.message =
        absl::StrCat("the stop waits for workers: ", WhichWorkersAreLate());
  } else {
    record.event = "stop_waits_for_handlers";
    record.message = absl::StrCat(
        "the stop waits for handlers, whose calls are answered, to return, "
        "for ",
        Seconds(left), " at most: ", running);
  }
  log_.Write(std::move(record));
}

std::string StopSequence::RunningHandlers() const {
  std::vector<std::string> stuck;
  for (const auto& lanes : workers_->lanes) {
    if (!lanes->HopsAreUnderWay()) continue;
    stuck.push_back(
        absl::StrCat("hops of ", lanes->service().name(), " have not ended"));
  }
  for (int i = 0; i < workers_->scheduler.worker_count(); ++i) {
    const std::string call = workers_->running_calls.Describe(
        i, workers_->scheduler.clock(),
        [this](absl::string_view key) { return log_.DescribeKey(key); });
    if (!call.empty()) {
      stuck.push_back(absl::StrCat("worker ", i, " runs ", call));
    }
  }
  return absl::StrJoin(stuck, "; ");
}

std::string StopSequence::WhichHandlersRun() const {
  const std::string running = RunningHandlers();
  // What ended just now is named no more.
  return absl::StrCat(
      "the stop did not wait for handlers that do not return: ",
      running.empty() ? "the last ended as the stop gave up" : running);
}

std::string StopSequence::WhichWorkersAreLate() const {
  return absl::StrCat(
      "no handler runs, so their threads may have been given no CPU: ",
      workers_->scheduler.Drain(std::chrono::nanoseconds(0)).message());
}

}  // namespace pinion
