// SPDX-License-Identifier: Apache-2.0
//
// Episode: reports repeated trouble as one: when it begins, and when it has not
//          occurred for a while.
//
// Threads: its holder's.
// Example: if (episode.Note(now)) Say("it begins");
//          if (episode.EndBy(now)) Say("it is over");
#ifndef PINION_SERVER_LISTENER_EPISODE_H_
#define PINION_SERVER_LISTENER_EPISODE_H_

#include <chrono>
#include <optional>

#include "pinion/core/clock.h"

namespace pinion {

class Episode {
 public:
  // Long enough that trouble in every second counts as one episode.
  static constexpr std::chrono::seconds kCalm{5};

  // The trouble occurred. Returns whether an episode begins.
  bool Note(Moment now) {
    const bool begins = !last_.has_value();
    if (begins) {
      since_ = now;
      times_ = 0;
    }
    last_ = now;
    ++times_;
    return begins;
  }

  // Whether an episode ends, because the trouble has not occurred for kCalm.
  bool EndBy(Moment now) {
    if (!last_.has_value() || now - *last_ < kCalm) return false;
    lasted_ = *last_ - since_;
    last_.reset();
    return true;
  }

  // When to call EndBy() next; none without an episode.
  std::optional<Moment> ends_at() const {
    if (!last_.has_value()) return std::nullopt;
    return *last_ + kCalm;
  }

  // For the episode that EndBy() has ended: the time from the first occurrence
  // to the last, and the number of occurrences.
  std::chrono::nanoseconds lasted() const { return lasted_; }
  int64_t times() const { return times_; }

 private:
  std::optional<Moment> last_;
  Moment since_;
  std::chrono::nanoseconds lasted_{0};
  int64_t times_ = 0;
};

}  // namespace pinion

#endif  // PINION_SERVER_LISTENER_EPISODE_H_
