// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/expiry/expirer.h"

#include <pthread.h>

#include <algorithm>

namespace pinion {

Expirer::Expirer(const Clock& clock, int wheels)
    : clock_(clock), start_(clock.Now()) {
  for (int i = 0; i < wheels; ++i) {
    wheels_.push_back(std::make_unique<DeadlineWheel>(start_));
  }
}

void Expirer::Start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "pinion-expirer");
    Loop();
  });
}

void Expirer::Stop() {
  if (!thread_.joinable()) return;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

void Expirer::Arm(int wheel, DeadlineWheel::Item& item, Moment at) {
  const Moment due = wheels_[wheel]->Arm(item, at);
  // The thread stores "forever" before it looks at a wheel, and we load after
  // we changed the wheel, both by way of the wheel's lock: so it sees the item,
  // or we see that it has to be told.
  const int64_t until = sleeps_until_.load(std::memory_order_relaxed);
  if ((due - start_).count() >= until) return;
  MutexLock lock(mutex_);
  WakeAt(due);
}

void Expirer::WakeAt(Moment at) {
  if (wake_at_.has_value() && *wake_at_ <= at) return;
  wake_at_ = at;
  changed_.NotifyAll();
}

void Expirer::RunDue() {
  const Moment now = clock_.Now();
  for (const auto& wheel : wheels_) {
    DeadlineWheel::RunAll(wheel->TakeDue(now));
  }
}

void Expirer::Loop() {
  do {
    {
      MutexLock lock(mutex_);
      wake_at_.reset();
      sleeps_until_.store(kForever, std::memory_order_relaxed);
    }
    RunDue();
  } while (Await(Next()));
}

std::optional<Moment> Expirer::Next() const {
  std::optional<Moment> next;
  for (const auto& wheel : wheels_) {
    const std::optional<Moment> of_wheel = wheel->Next();
    if (!of_wheel.has_value()) continue;
    next = next.has_value() ? std::min(*next, *of_wheel) : *of_wheel;
  }
  return next;
}

bool Expirer::Await(std::optional<Moment> next) {
  MutexLock lock(mutex_);
  if (next.has_value()) WakeAt(*next);
  while (!stopping_) {
    if (!wake_at_.has_value()) {
      changed_.Wait(mutex_);
      continue;
    }
    if (clock_.Now() >= *wake_at_) break;
    sleeps_until_.store((*wake_at_ - start_).count(),
                        std::memory_order_relaxed);
    // The clock's origin is the steady clock's.
    changed_.WaitUntil(
        mutex_, std::chrono::steady_clock::time_point(*wake_at_ - Moment()));
  }
  return !stopping_;
}

}  // namespace pinion
