// SPDX-License-Identifier: Apache-2.0
//
// Deadline: when a call must be answered at last, or that it may take as long
// as it takes; in eight bytes, which a std::optional would double.
//
// Threads: plain data.
// Example: if (call.deadline.has_value() && *call.deadline <= now) Expire();
#ifndef PINION_SERVER_DEADLINE_H_
#define PINION_SERVER_DEADLINE_H_

#include <optional>

#include "core/clock.h"

namespace pinion {

class Deadline {
 public:
  constexpr Deadline() = default;
  // Of the one moment that says "none", a nanosecond later.
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

#endif  // PINION_SERVER_DEADLINE_H_
