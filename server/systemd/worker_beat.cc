// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/systemd/worker_beat.h"

namespace pinion {

WorkerBeat::WorkerBeat(Scheduler& scheduler) {
  for (int i = 0; i < scheduler.worker_count(); ++i) {
    auto beat = std::make_shared<Beat>();
    beat->task = scheduler.AddTask(
        i, {.name = "the watchdog's beat"}, [beat](WakeReasons) {
          beat->given.store(true, std::memory_order_relaxed);
        });
    beats_.push_back(std::move(beat));
  }
}

int WorkerBeat::Count() {
  int given = 0;
  for (const auto& beat : beats_) {
    if (beat->given.exchange(false, std::memory_order_relaxed)) ++given;
    beat->task->Wake();
  }
  return given;
}

}  // namespace pinion
