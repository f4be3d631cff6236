// SPDX-License-Identifier: Apache-2.0
//
// LinkAlarm: wakes a link at the earliest of the times for which it was asked.
//
// Threads: one at a time; its owner locks it. gRPC calls the function on a
//          thread of its own, without the lock.
// Why:     gRPC's alarm can be cancelled, but not moved. So it is cancelled
// when
//          an earlier time is asked for, and set anew when it has gone off.
// Example: LinkAlarm alarm([this](bool) { OnAlarm(); });
//          { MutexLock lock(mutex_); alarm.WakeAt(call.deadline); }
//          ...
//          void OnAlarm() {
//            MutexLock lock(mutex_);
//            if (alarm.WentOff(steady_clock::now())) EndDue();
//          }
#ifndef PINION_CLIENT_INTERNAL_LINK_ALARM_H_
#define PINION_CLIENT_INTERNAL_LINK_ALARM_H_

#include <grpcpp/alarm.h>

#include <functional>
#include <memory>
#include <utility>

#include "pinion/client/internal/call_table.h"

namespace pinion::client_internal {

class LinkAlarm {
 public:
  // `on_alarm` is called each time that the alarm goes off, be it due, too
  // early or cancelled, which its argument does not tell; it must call
  // WentOff().
  explicit LinkAlarm(std::function<void(bool)> on_alarm)
      : on_alarm_(std::move(on_alarm)) {}

  // Asks for a wake at `time`; no effect if one is asked for that is not later,
  // or after Close().
  void WakeAt(SteadyTime time) {
    if (time >= at_ || closed_) return;
    Advance(time);
  }

  // The alarm has gone off. Whether the time it was asked for has come, which
  // is then forgotten; else the alarm is set anew, unless it is closed.
  bool WentOff(SteadyTime now);

  // Cancels the alarm; it is not set again.
  void Close();

  // Whether it has yet to go off. It must not be destroyed then.
  bool is_set() const { return set_; }

 private:
  void Advance(SteadyTime time);
  void Set();

  const std::function<void(bool)> on_alarm_;
  std::unique_ptr<grpc::Alarm> alarm_;
  bool set_ = false;
  bool closed_ = false;
  SteadyTime at_ = kNever;
};

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_INTERNAL_LINK_ALARM_H_
