// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/internal/link_alarm.h"

#include <algorithm>
#include <chrono>

namespace pinion::client_internal {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;
using std::chrono::system_clock;

// gRPC's clock does not reach as far as a deadline may.
constexpr nanoseconds kLongestAlarm = std::chrono::hours(1);

}  // namespace

bool LinkAlarm::WentOff(SteadyTime now) {
  set_ = false;
  if (closed_) return false;
  if (now >= at_) {
    at_ = kNever;
    return true;
  }
  if (at_ != kNever) Set();
  return false;
}

void LinkAlarm::Close() {
  closed_ = true;
  if (set_) alarm_->Cancel();
}

void LinkAlarm::Advance(SteadyTime time) {
  at_ = time;
  if (set_) {
    alarm_->Cancel();  // It is set anew when it has gone off.
  } else {
    Set();
  }
}

void LinkAlarm::Set() {
  set_ = true;
  alarm_ = std::make_unique<grpc::Alarm>();
  // It may go off too early: then it is set anew.
  const auto span = std::chrono::duration_cast<system_clock::duration>(
      std::min<nanoseconds>(at_ - steady_clock::now(), kLongestAlarm));
  // gRPC has a copy of the function: the owner may be gone before its last call
  // has quite returned.
  alarm_->Set(system_clock::now() + span, on_alarm_);
}

}  // namespace pinion::client_internal
