// SPDX-License-Identifier: Apache-2.0
//
// Deadline: when a call must be answered, or that it has no limit; in eight
//           bytes, which a std::optional would double.
//
// Threads: plain data.
// Example: if (call.deadline.has_value() && *call.deadline <= now) Expire();
#ifndef PINION_SERVER_CALL_DEADLINE_H_
#define PINION_SERVER_CALL_DEADLINE_H_

#include <optional>

#include "pinion/core/clock.h"

namespace pinion {

class Deadline {
 public:
  constexpr Deadline() = default;
  // The one moment that means "none" becomes a nanosecond later.
  constexpr Deadline(Moment at) : at_(at == kNone ? Moment(1) : at) {}
  constexpr Deadline(std::optional<Moment> at)
      : Deadline(at.has_value() ? Deadline(*at) : Deadline()) {}

  constexpr bool has_value() const { return at_ != kNone; }
  constexpr Moment operator*() const { return at_; }
  friend constexpr bool operator==(Deadline, Deadline) = default;

 private:
  static constexpr Moment kNone = Moment(0);
  Moment at_ = kNone;
};

}  // namespace pinion

#endif  // PINION_SERVER_CALL_DEADLINE_H_
