// SPDX-License-Identifier: Apache-2.0
//
// How a Hosting stops: by its owner's word, or because its server was shut
// down.
#include <pthread.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "core/check.h"
#include "server/hosting.h"

namespace pinion {
namespace {

// A stop's last second, in which nothing waits for a handler any more: for the
// answers to leave, for the connections to end, for the workers to let go of
// calls that were answered without them. What is left is for the rest.
constexpr std::chrono::milliseconds kAnswersLeave(500);
constexpr absl::Duration kConnectionsEnd = absl::Milliseconds(150);
constexpr std::chrono::milliseconds kWorkersEnd(250);

}  // namespace

void Hosting::BeginDrain() {
  if (server_ != nullptr) BeginDrain(options_.lame_duck);
}

void Hosting::Drain() {
  if (server_ != nullptr) Drain(options_.lame_duck);
}

void Hosting::BeginDrain(absl::Duration lame_duck) {
  std::call_once(drain_begun_, [&] {
    health_->SetStopping();
    for (auto& io : io_threads_) io->BeginStop();
    hurry_.WaitForNotificationWithTimeout(lame_duck);
    door_->Close();
  });
}

void Hosting::Drain(absl::Duration lame_duck) {
  draining_ = true;
  BeginDrain(lame_duck);
  std::call_once(drained_, [&] {
    // It may have been hurried when it had no door yet.
    if (hurry_.HasBeenNotified()) door_->GiveUpWaiting();
    door_->AwaitEmpty(options_.grace);
    // What is open has used its grace; each I/O thread answers its own.
    for (auto& io : io_threads_) io->StopOpenCalls();
    const auto deadline = std::chrono::steady_clock::now() + kAnswersLeave;
    for (auto& io : io_threads_) io->AwaitOpenCalls(deadline);
  });
}

// On an I/O thread. gRPC lets a server's Shutdown() wait for its streams; ours
// end when they are told to, and not by themselves.
void Hosting::OnServerEnd() {
  if (draining_ || server_ended_.exchange(true)) return;
  drainer_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "pinion-drain");
    Drain(/*lame_duck=*/absl::ZeroDuration());
  });
}

absl::Status Hosting::Stop() {
  if (server_ != nullptr) {
    Drain();
    EndIo();
  }
  return EndWorkers(kWorkersEnd);
}

void Hosting::HurryStop() {
  // A notification may be notified once only.
  if (!hurried_.exchange(true)) hurry_.Notify();
  FrontDoor* const door = door_to_hurry_.load(std::memory_order_acquire);
  if (door != nullptr) door->GiveUpWaiting();
}

void Hosting::EndIo() {
  if (stall_watch_ != nullptr) stall_watch_->Stop();  // It tells the I/O.
  // It cuts off at once what is open in-process, so nothing is by now.
  server_->Shutdown(absl::ToChronoTime(absl::Now() + kConnectionsEnd));
  for (auto& io : io_threads_) io->Stop();
  if (drainer_.joinable()) drainer_.join();
  expirer_->Stop();
  // gRPC's server may not go before its queues are empty, nor stay for us.
  server_ = nullptr;
}

absl::Status Hosting::EndWorkers(std::chrono::nanoseconds timeout) {
  if (workers_ended_) return absl::OkStatus();
  for (auto& lanes : lanes_) lanes->EndOwnWork();
  absl::Status status = LetWorkersFinish(timeout);
  if (!status.ok()) return status;
  for (auto& lanes : lanes_) lanes->DestroyShards();
  const absl::Status ended = scheduler_->Stop();
  PINION_CHECK(ended.ok(), ended.message());
  workers_ended_ = true;
  const absl::Status at_rest = CheckAtRest(Snapshot());
  PINION_CHECK(at_rest.ok(), at_rest.message());
  return absl::OkStatus();
}

// They let go of the calls that others have answered, and run the hops.
absl::Status Hosting::LetWorkersFinish(std::chrono::nanoseconds timeout) {
  const auto begun = std::chrono::steady_clock::now();
  const auto drain = [&] {
    const auto used = std::chrono::steady_clock::now() - begun;
    return scheduler_->Drain(timeout - used).ok();
  };
  const auto hops_are_under_way = [](const auto& lanes) {
    return lanes->HopsAreUnderWay();
  };
  do {
    if (!drain()) return absl::DeadlineExceededError(WhatIsStuck());
  } while (std::any_of(lanes_.begin(), lanes_.end(), hops_are_under_way));
  return absl::OkStatus();
}

std::string Hosting::WhatIsStuck() const {
  std::vector<std::string> stuck;
  for (const auto& lanes : lanes_) {
    if (!lanes->HopsAreUnderWay()) continue;
    stuck.push_back(
        absl::StrCat("hops of ", lanes->service().name(), " have not ended"));
  }
  for (int i = 0; i < scheduler_->worker_count(); ++i) {
    const std::string call = running_calls_->Describe(i, scheduler_->clock());
    if (!call.empty()) {
      stuck.push_back(absl::StrCat("worker ", i, " runs ", call));
    }
  }
  return absl::StrCat("the stop did not wait for handlers that do not return: ",
                      absl::StrJoin(stuck, "; "));
}

}  // namespace pinion
