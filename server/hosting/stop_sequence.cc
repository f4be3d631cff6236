// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/hosting/stop_sequence.h"

#include <pthread.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "pinion/core/base/check.h"
#include "pinion/server/hosting/stop_wait.h"
#include "pinion/server/log.h"

namespace pinion {
namespace {

// A stop's last second, after the grace: for the answers to leave, for the
// connections to end, and for handlers to return (StopWait::Limits). What is
// left is for the rest.
constexpr std::chrono::milliseconds kAnswersLeave(500);
constexpr absl::Duration kConnectionsEnd = absl::Milliseconds(150);

// An I/O thread that is given no CPU for so long will get none.
constexpr std::chrono::seconds kThreadRuns(30);

// How often a stop that waits for its workers looks what they do.
constexpr std::chrono::milliseconds kBetweenLooks(10);

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
  if (serving_.has_value()) BeginDrain(options_.lame_duck);
}

void StopSequence::Drain() {
  if (serving_.has_value()) Drain(options_.lame_duck);
}

void StopSequence::BeginDrain(absl::Duration lame_duck) {
  std::call_once(drain_begun_, [&] {
    serving_->health.SetStopping();
    for (auto& io : serving_->io_threads) io->BeginStop();
    hurry_.WaitForNotificationWithTimeout(lame_duck);
    serving_->inside.Close();
  });
}

void StopSequence::Drain(absl::Duration lame_duck) {
  draining_ = true;
  BeginDrain(lame_duck);
  std::call_once(drained_, [&] {
    grace_ends_ = Clock().Now() + absl::ToChronoNanoseconds(options_.grace);
    // It may have been hurried when it had no door yet.
    if (hurry_.HasBeenNotified()) serving_->inside.GiveUpWaiting();
    serving_->inside.AwaitEmpty(options_.grace);
    // What is open has used its grace; each I/O thread answers its own.
    for (auto& io : serving_->io_threads) io->StopOpenCalls();
    bool all_left = true;
    for (auto& io : serving_->io_threads) {
      all_left = io->AwaitOpenCalls(kThreadRuns, kAnswersLeave) && all_left;
    }
    if (!all_left) TellWhatHasNotLeft();
  });
}

void StopSequence::TellWhatHasNotLeft() const {
  Log(options_.log,
      absl::StrCat(
          "the stop cuts off ", serving_->inside.count(),
          " answers, and sessions or streams, which have not left ",
          absl::FormatDuration(absl::FromChrono(kAnswersLeave)),
          " after they were given to gRPC: their clients do not take them"));
}

// On an I/O thread. gRPC lets a server's Shutdown() wait for its streams; ours
// end when they are told to, and not by themselves.
void StopSequence::OnServerEnd() {
  if (draining_ || server_ended_.exchange(true)) return;
  drainer_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "pinion-drain");
    Drain(/*lame_duck=*/absl::ZeroDuration());
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
  // It cuts off at once what is open in-process, so nothing is by now.
  serving_->server->Shutdown(absl::ToChronoTime(absl::Now() + kConnectionsEnd));
  for (auto& io : serving_->io_threads) io->Stop();
  if (drainer_.joinable()) drainer_.join();
  serving_->expirer.Stop();
  // gRPC's server may not go before its queues are empty, nor stay for us.
  serving_.reset();
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
  LookAtHandlers(workers_->running_calls, looks);
  while (!WorkersFinish(kBetweenLooks)) {
    if (hurry_.HasBeenNotified()) wait.Hurry(clock.Now());
    wait.Look(clock.Now(), LookAtHandlers(workers_->running_calls, looks));
    if (wait.over().has_value()) {
      return absl::DeadlineExceededError(
          *wait.over() == StopWait::Over::kHandlersRun ? WhichHandlersRun()
                                                       : WhichWorkersAreLate());
    }
  }
  return absl::OkStatus();
}

std::string StopSequence::WhichHandlersRun() const {
  std::vector<std::string> stuck;
  for (const auto& lanes : workers_->lanes) {
    if (!lanes->HopsAreUnderWay()) continue;
    stuck.push_back(
        absl::StrCat("hops of ", lanes->service().name(), " have not ended"));
  }
  for (int i = 0; i < workers_->scheduler.worker_count(); ++i) {
    const std::string call =
        workers_->running_calls.Describe(i, workers_->scheduler.clock());
    if (!call.empty()) {
      stuck.push_back(absl::StrCat("worker ", i, " runs ", call));
    }
  }
  // What ended just now is named no more.
  return absl::StrCat("the stop did not wait for handlers that do not return: ",
                      stuck.empty() ? "the last ended as the stop gave up"
                                    : absl::StrJoin(stuck, "; "));
}

std::string StopSequence::WhichWorkersAreLate() const {
  return absl::StrCat(
      "the stop did not wait for workers that do not get on, though no handler "
      "runs; their threads may have been given no CPU: ",
      workers_->scheduler.Drain(std::chrono::nanoseconds(0)).message());
}

}  // namespace pinion
