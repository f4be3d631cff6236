// SPDX-License-Identifier: Apache-2.0
//
// BackgroundTimer: a timer of a shard, as BackgroundWork fires it.
//
// Threads: the shard's worker.
// Use:     ShardTimer derives from it.
#ifndef PINION_SERVER_INTERNAL_BACKGROUND_TIMER_H_
#define PINION_SERVER_INTERNAL_BACKGROUND_TIMER_H_

#include "pinion/core/clock.h"
#include "pinion/core/timer_queue.h"

namespace pinion {

class BackgroundTimer : public Timer {
 public:
  // Called when the timer was due at `now`.
  virtual void Fire(Moment now) = 0;

 protected:
  ~BackgroundTimer() = default;
};

}  // namespace pinion

#endif  // PINION_SERVER_INTERNAL_BACKGROUND_TIMER_H_
