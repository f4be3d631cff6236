// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/echo/echo_loop.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/monotonic_nanos.h"
#include "tests/bench/support/percentile.h"

namespace pinion::bench {
namespace {

constexpr size_t kPayloadBytes = 64;
constexpr absl::Duration kLeadIn = absl::Milliseconds(100);
constexpr std::chrono::seconds kLongestWait(10);
constexpr size_t kMostTimes = 4 << 20;

// From this many on a loop is full.
constexpr int kFull = 32;
constexpr uint64_t kTimedOneOf = 16;

}  // namespace

EchoSlot::EchoSlot(EchoLoop& loop, uint64_t index)
    : loop_(loop),
      index_(index),
      payload_(kPayloadBytes, static_cast<char>('a' + index % 26)) {}

void EchoSlot::Answered(const absl::Status& status, absl::string_view payload) {
  if (begun_ns_ != 0) loop_.KeepTime(MonotonicNanos() - begun_ns_);
  if (!status.ok()) return loop_.Ended(status);
  if (payload != payload_) {
    return loop_.Ended(
        absl::InternalError("another payload came back than was sent"));
  }
  loop_.answered_.fetch_add(1, std::memory_order_relaxed);
  if (loop_.ending_.load(std::memory_order_relaxed)) {
    return loop_.Ended(absl::OkStatus());
  }
  loop_.Begin(*this);
}

EchoLoop::EchoLoop(EchoWay& way, const ChildProcess& server, int in_flight)
    : way_(way),
      server_(server),
      timed_one_of_(in_flight >= kFull ? kTimedOneOf : 1),
      times_ns_(kMostTimes) {
  slots_.reserve(in_flight);
  for (int i = 0; i < in_flight; ++i) slots_.emplace_back(*this, i);
}

absl::StatusOr<EchoFigures> EchoLoop::Measure(absl::Duration length) {
  open_ = static_cast<int>(slots_.size());
  for (EchoSlot& slot : slots_) Begin(slot);
  absl::SleepFor(kLeadIn);
  measuring_ = true;
  const absl::Duration cpu_before = server_.CpuTime();
  const absl::Duration own_before = OwnCpuTime();
  const int64_t calls_before = answered_;
  const int64_t before = MonotonicNanos();
  absl::SleepFor(length);
  const int64_t calls = answered_ - calls_before;
  const int64_t after = MonotonicNanos();
  const absl::Duration cpu = server_.CpuTime() - cpu_before;
  const absl::Duration own = OwnCpuTime() - own_before;
  measuring_ = false;
  ending_ = true;
  {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kLongestWait, [&] { return open_ == 0; })) {
      return absl::DeadlineExceededError(absl::StrCat(
          server_.role(), " has not answered ", open_, " of ", slots_.size(),
          " calls for ", kLongestWait.count(), " s"));
    }
    if (!mistake_.ok()) return mistake_;
  }
  times_ns_.resize(std::min<size_t>(times_, kMostTimes));
  const auto count = static_cast<double>(std::max<int64_t>(1, calls));
  return EchoFigures{
      .rps = static_cast<double>(calls) * 1e9 /
             static_cast<double>(after - before),
      .p50_us = Percentile(0.5, times_ns_) / 1e3,
      .p99_us = Percentile(0.99, times_ns_) / 1e3,
      .cpu_us_per_call = absl::ToDoubleMicroseconds(cpu) / count,
      .client_us_per_call = absl::ToDoubleMicroseconds(own) / count};
}

void EchoLoop::Begin(EchoSlot& slot) {
  slot.begun_ns_ = slot.calls_++ % timed_one_of_ == slot.index_ % timed_one_of_
                       ? MonotonicNanos()
                       : 0;
  way_.Begin(slot);
}

void EchoLoop::Ended(const absl::Status& status) {
  std::unique_lock lock(mutex_);
  mistake_.Update(status);
  if (--open_ == 0) changed_.notify_all();
}

void EchoLoop::KeepTime(int64_t nanos) {
  if (!measuring_.load(std::memory_order_relaxed)) return;
  const size_t at = times_.fetch_add(1, std::memory_order_relaxed);
  if (at < times_ns_.size()) times_ns_[at] = nanos;
}

}  // namespace pinion::bench
