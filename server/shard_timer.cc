// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/shard_timer.h"

#include <algorithm>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "pinion/core/base/check.h"
#include "pinion/server/shard/background_work.h"

namespace pinion {
namespace {

using std::chrono::nanoseconds;

constexpr nanoseconds kLongest = std::chrono::hours(24) * 365 * 100;

}  // namespace

ShardTimer::ShardTimer(const ShardInfo& info, TaskClass task_class,
                       Function function)
    : background_work_(info.background_work()),
      clock_(info.clock()),
      task_class_(task_class),
      function_(std::move(function)) {
  background_work_.AssertWorker();
}

ShardTimer::~ShardTimer() {
  Cancel();
  if (destroyed_ != nullptr) *destroyed_ = true;
}

void ShardTimer::StartAt(Moment at) {
  const Moment now = clock_.Now();
  StartAfter(at - now, now);
}

void ShardTimer::StartAfter(nanoseconds span) {
  StartAfter(span, clock_.Now());
}

void ShardTimer::StartAfter(nanoseconds span, Moment now) {
  period_ = nanoseconds(0);
  due_ = now + std::clamp(span, nanoseconds(0), kLongest);
  background_work_.Arm(task_class_, *this, due_);
}

void ShardTimer::StartEvery(nanoseconds period) {
  PINION_CHECK(period > nanoseconds(0), "a timer with a period of ",
               period.count(), " ns; it must be above 0");
  StartAfter(period);
  period_ = std::min(period, kLongest);
}

void ShardTimer::Cancel() {
  period_ = nanoseconds(0);
  background_work_.Disarm(task_class_, *this);
}

bool ShardTimer::started() const {
  background_work_.AssertWorker();
  return armed();
}

void ShardTimer::Fire(Moment now) {
  if (period_ > nanoseconds(0)) {
    due_ = due_ + period_ * ((now - due_) / period_ + 1);
    background_work_.Arm(task_class_, *this, due_);
  }
  // Out of the timer, in case that goes.
  bool destroyed = false;
  destroyed_ = &destroyed;
  Function function = std::move(function_);
  // Also after what it throws.
  const absl::Cleanup back = [&] {
    if (destroyed) return;
    destroyed_ = nullptr;
    function_ = std::move(function);
  };
  function();
}

}  // namespace pinion
