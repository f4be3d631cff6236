// SPDX-License-Identifier: Apache-2.0
//
// ManualRun: makes a Hosting or a Server one that a test steps. Its workers
//            have no threads, and the test sets the clock. gRPC is still real,
//            with one I/O thread.
//
// Threads: plain data.
// Example: FakeClock time;
//          Hosting hosting({.workers = 2}, ManualRun{.clock = time.clock()});
#ifndef PINION_SERVER_INTERNAL_MANUAL_RUN_H_
#define PINION_SERVER_INTERNAL_MANUAL_RUN_H_

#include <functional>

#include "pinion/core/clock.h"

namespace pinion {

struct ManualRun {
  // The clock for deadlines, timers and measurements.
  Clock clock;
  // Called on the I/O thread each time it has looked at everything that had
  // arrived: each call was then refused, or admitted with its deadline armed.
  std::function<void()> after_io_turn = {};
};

}  // namespace pinion

#endif  // PINION_SERVER_INTERNAL_MANUAL_RUN_H_
