// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/task.h"

#include <algorithm>

#include "pinion/core/worker.h"

namespace pinion {

void Task::Enqueue() { worker_.Enqueue(this); }

void Task::WakeAt(Moment at) {
  if (Worker::Current() == &worker_) {
    worker_.ArmTimer(*this, at);
  } else {
    AskForTimer((at.nanos() + 1) | kArm);
  }
}

void Task::WakeAfter(std::chrono::nanoseconds span) {
  constexpr std::chrono::nanoseconds kNothing{0};
  constexpr std::chrono::nanoseconds kLongest = std::chrono::hours(24 * 36500);
  WakeAt(worker_.clock().Now() + std::clamp(span, kNothing, kLongest));
}

void Task::CancelTimer() {
  if (Worker::Current() == &worker_) {
    worker_.DisarmTimer(*this);
  } else {
    AskForTimer(0);
  }
}

void Task::AskForTimer(uint64_t asked) {
  // Relaxed, both here and where it is read: the state word carries it.
  asked_timer_.store(asked, std::memory_order_relaxed);
  Queue(kTimerAsked);
}

bool Task::IsMine() const {
  return Worker::Current() == &worker_ || worker_.ended();
}

TaskStats Task::stats() const {
  const Clock& clock = worker_.clock();
  return {.runs = runs_.value(),
          .run_ns = clock.TicksToNanos(run_ticks_.value()),
          .waited_ns = clock.TicksToNanos(waited_ticks_.value())};
}

}  // namespace pinion
