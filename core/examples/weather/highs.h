// SPDX-License-Identifier: Apache-2.0
//
// Highs: the highest temperature of each weather station. Each station belongs
//        to one worker, so the maps need no lock.
//
// Threads: any thread may call Add() and Report(). What is reported is printed,
//          or whatever `print` does, on the worker of the station.
// Life:    the scheduler must be stopped before Highs is destroyed.
// Example: Highs highs(*scheduler, [](int station, double degrees) { ... });
//          while (!Accepted(highs.Add(7, 11.5))) std::this_thread::yield();
//          highs.Report();
#ifndef WEATHER_HIGHS_H_
#define WEATHER_HIGHS_H_

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "pinion/core/scheduler.h"
#include "pinion/core/task.h"
#include "pinion/core/work_batch.h"
#include "pinion/core/work_item.h"
#include "pinion/core/work_list.h"
#include "pinion/core/work_lists.h"

namespace weather {

class Highs {
 public:
  using Print = std::function<void(int station, double degrees)>;

  Highs(pinion::Scheduler& scheduler, Print print)
      : print_(std::move(print)), of_worker_(scheduler.worker_count()) {
    for (int i = 0; i < scheduler.worker_count(); ++i) {
      reports_.push_back(scheduler.AddTask(i, [this, i](pinion::WakeReasons) {
        for (auto [station, degrees] : of_worker_[i]) print_(station, degrees);
      }));
    }
    lists_ = *Lists::Create(
        scheduler, {.capacity = 1024},
        [this](int worker, pinion::WorkBatch& readings) {
          while (std::unique_ptr<Reading> r{readings.Pop<Reading>()}) {
            auto [high, is_first] =
                of_worker_[worker].emplace(r->station, r->degrees);
            if (!is_first) high->second = std::max(high->second, r->degrees);
          }
        });
  }

  // If it is not accepted, the worker's list is full, or closed by the stop.
  pinion::Appended Add(int station, double degrees) {
    auto reading = std::make_unique<Reading>(station, degrees);
    const int worker = station % static_cast<int>(of_worker_.size());
    const pinion::Appended appended = lists_->Add(worker, reading.get());
    if (Accepted(appended)) reading.release();  // The worker has it.
    return appended;
  }

  // Has each worker report its stations.
  void Report() {
    for (pinion::Task* report : reports_) report->Wake();
  }

 private:
  struct Reading : pinion::WorkItem {
    Reading(int station, double degrees) : station(station), degrees(degrees) {}
    const int station;
    const double degrees;
  };
  using Lists = pinion::WorkLists<Reading>;

  const Print print_;
  // Each worker touches its own map only.
  std::vector<std::map<int, double>> of_worker_;
  // The scheduler owns both.
  std::vector<pinion::Task*> reports_;
  Lists* lists_ = nullptr;
};

}  // namespace weather

#endif  // WEATHER_HIGHS_H_
