// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/rpc/change_notice.h"

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "pinion/core/base/check.h"
#include "pinion/server/call/routed_call.h"

namespace pinion {

// Of a function that is on its way; also of one that is dropped there.
class ChangeNotice::Reference {
 public:
  explicit Reference(ChangeNotice& notice) : notice_(&notice) {
    notice.call_.AddRef();
  }
  Reference(Reference&& other) noexcept
      : notice_(std::exchange(other.notice_, nullptr)) {}
  Reference& operator=(Reference&&) = delete;
  ~Reference() {
    if (notice_ != nullptr) notice_->call_.Unref();
  }

  ChangeNotice& notice() const { return *notice_; }

 private:
  ChangeNotice* notice_;
};

void ChangeNotice::Arm(Hop hop, Function function) {
  PINION_CHECK(state_.load(std::memory_order_relaxed) == kOff,
               "a stream has one function for its changes, and was given two");
  hop_ = std::move(hop);
  function_ = std::move(function);
  State off = kOff;
  while (!Move(off, kIdle)) {
  }
}

void ChangeNotice::Tell() {
  State state = state_.load(std::memory_order_relaxed);
  for (;;) {
    if (state == kIdle) {
      if (Move(state, kAway)) return Post();
    } else if (state == kAway) {
      if (Move(state, kTold)) return;
    } else {
      return;
    }
  }
}

void ChangeNotice::Post() {
  Hop hop = *std::exchange(hop_, std::nullopt);
  std::move(hop).PostFromAnyThread(
      call_.worker, [reference = Reference(*this)](void*, Hop hop) {
        reference.notice().Run(std::move(hop));
      });
}

void ChangeNotice::Run(Hop hop) {
  // What is told from now on is news to the function.
  State state = state_.load(std::memory_order_relaxed);
  while (state != kClosing && !Move(state, kAway)) {
  }
  // Also when the function throws, which the hops take care of.
  const absl::Cleanup settle = [&] { Settle(std::move(hop)); };
  if (state != kClosing) function_();
}

void ChangeNotice::Settle(Hop hop) {
  hop_ = std::move(hop);
  State state = state_.load(std::memory_order_relaxed);
  while (!Move(state, After(state))) {
  }
  if (state == kTold) return Post();
  if (state == kClosing) LetGo();
}

ChangeNotice::State ChangeNotice::After(State state) {
  switch (state) {
    case kAway:
      return kIdle;
    case kTold:
      return kAway;
    case kClosing:
      break;
    default:
      PINION_CHECK(false, "a function has run that was not under way");
  }
  return kClosed;
}

void ChangeNotice::Close() {
  State state = state_.load(std::memory_order_relaxed);
  for (;;) {
    switch (state) {
      case kIdle:
        if (!Move(state, kClosed)) continue;
        return LetGo();
      case kAway:
      case kTold:
        if (!Move(state, kClosing)) continue;
        return;
      default:
        return;
    }
  }
}

void ChangeNotice::LetGo() {
  hop_.reset();
  function_ = nullptr;
}

}  // namespace pinion
