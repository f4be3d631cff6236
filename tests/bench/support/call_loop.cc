// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/bench/support/call_loop.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "pinion/core/monotonic_nanos.h"

namespace pinion::bench {
namespace {

constexpr absl::Duration kLeadIn = absl::Milliseconds(100);
constexpr std::chrono::seconds kLongestWait(10);
constexpr size_t kMaxTimes = 4 << 20;

// From this many on a loop is full.
constexpr int kFull = 32;
constexpr uint64_t kTimedOneOf = 16;

}  // namespace

void CallSlot::Answered(const absl::Status& status) {
  if (begun_ns_ != 0) loop_.KeepTime(MonotonicNanos() - begun_ns_);
  if (!status.ok()) return loop_.Ended(status);
  loop_.answered_.fetch_add(1, std::memory_order_relaxed);
  if (loop_.ending_.load(std::memory_order_relaxed)) {
    return loop_.Ended(absl::OkStatus());
  }
  loop_.Begin(*this);
}

CallLoop::CallLoop(CallWay& way, const ChildProcess& server, int in_flight)
    : way_(way),
      server_(server),
      timed_one_of_(in_flight >= kFull ? kTimedOneOf : 1),
      times_ns_(kMaxTimes) {
  slots_.reserve(in_flight);
  for (int i = 0; i < in_flight; ++i) slots_.emplace_back(*this, i);
}

absl::StatusOr<CallFigures> CallLoop::Measure(absl::Duration length) {
  open_ = static_cast<int>(slots_.size());
  for (CallSlot& slot : slots_) Begin(slot);
  absl::SleepFor(kLeadIn);
  measuring_ = true;
  CallMeter meter(server_);
  const int64_t calls_before = answered_;
  absl::SleepFor(length);
  meter.Stop(answered_ - calls_before);
  measuring_ = false;
  ending_ = true;
  const absl::Status status = AwaitEnd();
  if (!status.ok()) return status;
  times_ns_.resize(std::min<size_t>(times_, kMaxTimes));
  return meter.Figures(times_ns_);
}

void CallLoop::Begin(CallSlot& slot) {
  slot.begun_ns_ = slot.calls_++ % timed_one_of_ == slot.index_ % timed_one_of_
                       ? MonotonicNanos()
                       : 0;
  way_.Begin(slot);
}

void CallLoop::Ended(const absl::Status& status) {
  std::unique_lock lock(mutex_);
  mistake_.Update(status);
  if (--open_ == 0) changed_.notify_all();
}

absl::Status CallLoop::AwaitEnd() {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, kLongestWait, [&] { return open_ == 0; })) {
    return absl::DeadlineExceededError(
        absl::StrCat(server_.role(), " has not answered ", open_, " of ",
                     slots_.size(), " calls for ", kLongestWait.count(), " s"));
  }
  return mistake_;
}

void CallLoop::KeepTime(int64_t nanos) {
  if (!measuring_.load(std::memory_order_relaxed)) return;
  const size_t at = times_.fetch_add(1, std::memory_order_relaxed);
  if (at < times_ns_.size()) times_ns_[at] = nanos;
}

}  // namespace pinion::bench
