// SPDX-License-Identifier: Apache-2.0
//
// WorkLists: one bounded list and one task for each worker, and one function.
//
// Threads: anyone may Add() and Close(); the function runs on the worker the
//          item was added to, one run at a time.
// Order:   items of one producer reach the function in the order added.
// Example: auto lists = WorkLists<Job>::Create(scheduler, {.capacity = 1024},
//              [](int worker, WorkBatch& jobs) {
//                while (Job* job = jobs.Pop<Job>()) Handle(worker, job);
//              });
//          if (!Accepted((*lists)->Add(worker, job))) GiveUp(job);
//
// After the work lists of HAProxy's scheduler (2019), an array of these for all
// threads; see docs/decisions/0002-work-lists.md for what differs.
#ifndef PINION_CORE_WORK_LISTS_H_
#define PINION_CORE_WORK_LISTS_H_

#include <deque>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/scheduler.h"
#include "core/work_batch.h"
#include "core/work_item.h"
#include "core/work_list.h"

namespace pinion {

struct WorkListsOptions {
  // How many items may wait for one worker, 1 to WorkList::kMaxCapacity.
  size_t capacity = 1024;
  // The class of the tasks.
  TaskClass task_class = TaskClass::kNormal;
  // How much one run may handle.
  WorkBatch::Budget budget = {};
};

template <typename Item>
class WorkLists {
  static_assert(std::is_base_of_v<WorkItem, Item>);

 public:
  // Handles items of `batch`, oldest first. What it leaves, for the end of the
  // budget or by its own choice, it is called for again.
  using Function = std::function<void(int worker, WorkBatch& batch)>;

  // Makes a list and a task for each worker. INVALID_ARGUMENT for a capacity
  // that cannot be had; then nothing was made. The lists belong to the
  // scheduler and live until it dies.
  static absl::StatusOr<WorkLists*> Create(Scheduler& scheduler,
                                           const WorkListsOptions& options,
                                           Function function) {
    if (options.capacity < 1 || options.capacity > WorkList::kMaxCapacity) {
      return absl::InvalidArgumentError(
          absl::StrCat("a work list of ", options.capacity, " items; 1 to ",
                       WorkList::kMaxCapacity, " are possible"));
    }
    std::shared_ptr<WorkLists> lists(
        new WorkLists(options.budget, std::move(function)));
    for (int i = 0; i < scheduler.worker_count(); ++i) {
      Entry& entry = lists->entries_.emplace_back(options.capacity);
      entry.task = scheduler.AddTask(
          i, options.task_class, [lists = lists.get(), &entry, i](WakeReasons) {
            lists->Run(i, entry);
          });
    }
    scheduler.Keep(lists);
    return lists.get();
  }

  // Appends `item` to the list of `worker`, 0 to the scheduler's count - 1, and
  // wakes its task if need be. Unless refused, the item is no longer the
  // caller's: it may be handled before Add() returns.
  Appended Add(int worker, Item* item) {
    Entry& entry = At(worker);
    const Appended appended = entry.list.Append(item);
    if (appended == Appended::kFirst) entry.task->Wake(kWakeItems);
    return appended;
  }

  // Refuses all further items of `worker` and hands back those that waited. Of
  // those that the worker had taken already, the function still sees each.
  WorkChain Close(int worker) { return At(worker).list.Close(); }

  // How many items wait for `worker`, a moment ago.
  size_t waiting(int worker) const { return entries_.at(worker).list.size(); }

 private:
  struct Entry {
    explicit Entry(size_t capacity) : list(capacity) {}
    WorkList list;
    Task* task = nullptr;
    WorkChain taken;  // The worker's: out of the list, not yet handled.
  };

  WorkLists(const WorkBatch::Budget& budget, Function function)
      : budget_(budget), function_(std::move(function)) {}

  // The task of one worker.
  void Run(int worker, Entry& entry) {
    entry.taken.Append(entry.list.TakeAll());
    if (entry.taken.empty()) return;
    WorkBatch batch(entry.taken, budget_, *Worker::Current());
    function_(worker, batch);
    if (!entry.taken.empty()) entry.task->Wake(kWakeMore);
  }

  Entry& At(int worker) {
    PINION_CHECK(worker >= 0 && worker < static_cast<int>(entries_.size()),
                 "there is no worker ", worker, "; there are 0 to ",
                 entries_.size() - 1);
    return entries_[worker];
  }

  // Fixed before Create() returns; anyone may read.
  const WorkBatch::Budget budget_;
  const Function function_;
  std::deque<Entry> entries_;
};

}  // namespace pinion

#endif  // PINION_CORE_WORK_LISTS_H_
