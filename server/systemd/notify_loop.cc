// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/systemd/notify_loop.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pinion/core/base/thread_without_signals.h"
#include "pinion/server/log/server_log.h"

namespace pinion {
namespace {

// Until it tries again to send what the receiver had no room for.
constexpr std::chrono::milliseconds kBetweenTries(20);

// However short the watchdog's time is, the workers have something else to do.
constexpr std::chrono::milliseconds kLeastBetweenBeats(1);

}  // namespace

NotifyLoop::~NotifyLoop() {
  if (thread_.joinable()) {
    {
      MutexLock lock(mutex_);
      ending_ = true;
      changed_.NotifyAll();
    }
    thread_.join();
  }
  SendWaiting();
}

void NotifyLoop::Start() {
  thread_ = ThreadWithoutSignals([this] {
    pthread_setname_np(pthread_self(), "pinion-systemd");
    Loop();
  });
}

void NotifyLoop::Say(std::string message) {
  MutexLock lock(mutex_);
  if (waiting_.size() >= kMostWaiting) waiting_.pop_front();
  waiting_.push_back(std::move(message));
  turn_is_due_ = true;
  changed_.NotifyAll();
}

void NotifyLoop::BeatWhile(std::function<bool()> alive) {
  MutexLock lock(mutex_);
  alive_ = std::move(alive);
  turn_is_due_ = true;
  changed_.NotifyAll();
}

void NotifyLoop::BeatAlways() {
  BeatWhile([] { return true; });
}

void NotifyLoop::Loop() {
  for (;;) {
    {
      MutexLock lock(mutex_);
      if (ending_) return;
      turn_is_due_ = false;
    }
    const std::optional<Moment> until = Turn();
    const auto deadline =
        std::chrono::steady_clock::now() +
        (until.has_value() ? *until - options_.clock.Now()
                           : std::chrono::nanoseconds::zero());
    MutexLock lock(mutex_);
    while (!ending_ && !turn_is_due_) {
      if (!until.has_value()) {
        changed_.Wait(mutex_);
      } else if (!changed_.WaitUntil(mutex_, deadline)) {
        break;
      }
    }
  }
}

std::optional<Moment> NotifyLoop::Turn() {
  const Moment now = options_.clock.Now();
  std::optional<Moment> until;
  if (!SendWaiting()) until = now + kBetweenTries;
  if (const std::optional<Moment> beat = BeatIfDue(now);
      beat.has_value() && (!until.has_value() || *beat < *until)) {
    until = beat;
  }
  return until;
}

bool NotifyLoop::SendWaiting() {
  for (;;) {
    std::string message;
    {
      MutexLock lock(mutex_);
      if (waiting_.empty()) return true;
      message = std::move(waiting_.front());
      waiting_.pop_front();
    }
    if (Send(message)) continue;
    MutexLock lock(mutex_);
    waiting_.push_front(std::move(message));
    return false;
  }
}

std::optional<Moment> NotifyLoop::BeatIfDue(Moment now) {
  std::function<bool()> alive;
  {
    MutexLock lock(mutex_);
    alive = alive_;
  }
  if (!options_.watchdog.has_value() || !alive) return std::nullopt;
  if (!next_beat_.has_value() || now >= *next_beat_) {
    next_beat_ = now + std::max<std::chrono::nanoseconds>(
                           *options_.watchdog / kBeats, kLeastBetweenBeats);
    if (alive()) Send("WATCHDOG=1");
  }
  return next_beat_;
}

bool NotifyLoop::Send(absl::string_view message) {
  const absl::Status sent = socket_.Send(message);
  if (absl::IsUnavailable(sent)) return false;
  if (!sent.ok() && !std::exchange(told_trouble_, true)) {
    Log(options_.log,
        {.level = LogLevel::kWarning,
         .area = LogArea::kSystemd,
         .event = "not_notified",
         .message = absl::StrCat(
             "systemd does not get this server's messages, because nobody "
             "receives at NOTIFY_SOCKET: ",
             sent.message())});
  }
  return true;
}

}  // namespace pinion
