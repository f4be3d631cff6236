// SPDX-License-Identifier: Apache-2.0
//
// Scheduler: says when the program reports. It is the program's own and has
// nothing to do with pinion::Scheduler, whose path is core/scheduler.h, too.
//
// Threads: any thread.
// Example: if (Scheduler().IsDue(readings)) highs.Report();
#ifndef WEATHER_CORE_SCHEDULER_H_
#define WEATHER_CORE_SCHEDULER_H_

namespace weather {

class Scheduler {
 public:
  // A day has six readings; its report is due after the last.
  bool IsDue(int readings) const { return readings == 6; }
};

}  // namespace weather

#endif  // WEATHER_CORE_SCHEDULER_H_
