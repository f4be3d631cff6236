// SPDX-License-Identifier: Apache-2.0
//
// WallClock: the time of day, by which certificates and tokens end.
//
// Threads: any thread.
// Example: WallClock clock;                        // The machine's.
//          WallClock clock(fake.clock());          // A test's.
//          if (clock.Now() >= token.expires) ...
#ifndef PINION_SERVER_SECURITY_IDENTITY_WALL_CLOCK_H_
#define PINION_SERVER_SECURITY_IDENTITY_WALL_CLOCK_H_

#include <optional>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "pinion/core/clock.h"

namespace pinion {

class WallClock {
 public:
  WallClock() = default;
  // Begins at the machine's time, and goes on as `steps` does.
  explicit WallClock(const Clock& steps)
      : steps_(Steps{steps, steps.Now(), absl::Now()}) {}

  absl::Time Now() const {
    if (!steps_.has_value()) return absl::Now();
    return steps_->began + absl::FromChrono(steps_->clock.Now() - steps_->from);
  }

 private:
  struct Steps {
    Clock clock;
    Moment from;
    absl::Time began;
  };
  std::optional<Steps> steps_;  // None: the machine's time.
};

}  // namespace pinion

#endif  // PINION_SERVER_SECURITY_IDENTITY_WALL_CLOCK_H_
