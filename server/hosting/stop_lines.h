// SPDX-License-Identifier: Apache-2.0
//
// StopLines: when a stop that waits writes a line about it: after each second,
//            and after ten seconds each ten.
//
// Threads: the stopping thread only.
// Example: StopLines lines(clock.Now());
//          while (!AwaitEmpty(lines.next() - clock.Now())) {
//            if (lines.Due(clock.Now())) Log(...);
//          }
#ifndef PINION_SERVER_HOSTING_STOP_LINES_H_
#define PINION_SERVER_HOSTING_STOP_LINES_H_

#include <chrono>

#include "pinion/core/clock.h"

namespace pinion {

class StopLines {
 public:
  // The wait begins at `now`.
  explicit StopLines(Moment now) : begun_(now), next_(now + kOften) {}

  // When the next line is due.
  Moment next() const { return next_; }

  // Whether a line is due at `now`; if so, the next one is due later. Lines
  // that a late look has missed are not made up for.
  bool Due(Moment now) {
    if (now < next_) return false;
    while (next_ <= now) {
      next_ = next_ + (next_ - begun_ < kSeldom ? kOften : kSeldom);
    }
    return true;
  }

 private:
  // A person who waits for a stop looks each second; a stop may take an hour.
  static constexpr std::chrono::seconds kOften{1};
  static constexpr std::chrono::seconds kSeldom{10};

  const Moment begun_;
  Moment next_;
};

}  // namespace pinion

#endif  // PINION_SERVER_HOSTING_STOP_LINES_H_
