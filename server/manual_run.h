// SPDX-License-Identifier: Apache-2.0
//
// ManualRun: what makes a Hosting, or a Server, one that its test steps: its
// workers have no threads, and the time is the test's. gRPC is real all the
// same, with one I/O thread.
//
// Threads: plain data.
// Example: FakeClock time;
//          Hosting hosting({.workers = 2}, ManualRun{.clock = time.clock()});
#ifndef PINION_SERVER_MANUAL_RUN_H_
#define PINION_SERVER_MANUAL_RUN_H_

#include <functional>

#include "core/clock.h"

namespace pinion {

struct ManualRun {
  // What deadlines, timers and measurements go by.
  Clock clock;
  // Called on the I/O thread whenever all that had come has been looked at: an
  // arrived call has been let in, with its deadline armed, or refused.
  std::function<void()> after_io_turn = {};
};

}  // namespace pinion

#endif  // PINION_SERVER_MANUAL_RUN_H_
