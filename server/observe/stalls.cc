// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/observe/stalls.h"

#include <algorithm>
#include <utility>

#include "pinion/proto/wire/utf8.h"
#include "pinion/server/observe/key_name.h"

namespace pinion {
namespace {

constexpr uint32_t kListed = 10;  // If the request does not say how many.

uint64_t Nanos(std::chrono::nanoseconds span) {
  return static_cast<uint64_t>(std::max<int64_t>(span.count(), 0));
}

// Shortens what is kept of a stack, and escapes it.
void Fit(std::vector<std::string>& stack) {
  if (stack.size() > Stalls::kMaxFrames) stack.resize(Stalls::kMaxFrames);
  for (std::string& frame : stack) {
    frame = OneLine(BeginningOf(frame, Stalls::kMaxFrameBytes));
  }
  stack.shrink_to_fit();
}

}  // namespace

void Stalls::Add(SeenStall stall) {
  Fit(stall.stack);
  MutexLock lock(mutex_);
  for (auto kept = kept_.begin(); kept != kept_.end(); ++kept) {
    if (kept->ended || kept->stall.worker != stall.worker) continue;
    if (kept->stall.run != stall.run) {
      kept->ended = true;
      continue;
    }
    if (stall.stack.empty() && !kept->stall.stack.empty()) {
      stall.stack = std::move(kept->stall.stack);
      stall.no_stack.clear();
    }
    kept_.erase(kept);
    break;  // Only one of a worker's runs has not ended.
  }
  if (kept_.size() == kKept) kept_.pop_front();
  kept_.push_back({.stall = std::move(stall)});
}

void Stalls::SetEnded(int worker) {
  MutexLock lock(mutex_);
  for (Kept& kept : kept_) {
    if (kept.stall.worker == worker) kept.ended = true;
  }
}

admin::v1::ListStallsResponse Stalls::List(uint32_t limit,
                                           bool show_keys) const {
  if (limit == 0) limit = kListed;
  admin::v1::ListStallsResponse response;
  MutexLock lock(mutex_);
  const size_t count = std::min<size_t>(limit, kept_.size());
  for (size_t i = 0; i < count; ++i) {
    *response.add_stalls() = MessageOf(kept_[kept_.size() - 1 - i], show_keys);
  }
  return response;
}

admin::v1::Stall Stalls::MessageOf(const Kept& kept, bool show_keys) const {
  const SeenStall& stall = kept.stall;
  admin::v1::Stall message;
  message.set_worker(static_cast<uint32_t>(stall.worker));
  message.set_reported_ms(
      static_cast<uint64_t>(absl::ToUnixMillis(stall.reported)));
  message.set_ran_ns(Nanos(stall.ran));
  message.set_had_cpu_ns(Nanos(stall.had_cpu));
  message.set_blocked(stall.blocked);
  admin::v1::Running& running = *message.mutable_running();
  running.set_method(OneLine(stall.method));
  if (stall.key.has_value()) {
    *running.mutable_key() = NameKey(*stall.key, key_seed_, show_keys);
  }
  running.set_principal(OneLine(stall.caller));
  running.set_work(OneLine(stall.work));
  running.set_age_ns(Nanos(stall.age));
  message.set_waiting(stall.waiting);
  message.set_ended(kept.ended);
  for (const std::string& frame : stall.stack) message.add_stack(frame);
  message.set_no_stack(OneLine(stall.no_stack));
  return message;
}

}  // namespace pinion
