// SPDX-License-Identifier: Apache-2.0
//
// WorkLists: one bounded list and one task for each worker, and one function.
//
// Threads: anyone may Add() and Close(); the function runs on the worker the
//          item was added to, one run at a time.
// Order:   items of one producer reach the function in the order added.
// Example: auto lists = WorkLists<Job>::Create(scheduler, 1024,
//              [](int worker, WorkChain jobs) {
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
#include "core/work_item.h"
#include "core/work_list.h"

namespace pinion {

template <typename Item>
class WorkLists {
  static_assert(std::is_base_of_v<WorkItem, Item>);

 public:
  // Handles all items that waited, oldest first; must empty the chain.
  using Function = std::function<void(int worker, WorkChain items)>;

  // Makes a list of `capacity` items (1 to WorkList::kMaxCapacity) and a task
  // for each worker. INVALID_ARGUMENT for a capacity outside that. The lists
  // belong to the scheduler and live until it dies.
  static absl::StatusOr<WorkLists*> Create(Scheduler& scheduler,
                                           size_t capacity, Function function) {
    if (capacity < 1 || capacity > WorkList::kMaxCapacity) {
      return absl::InvalidArgumentError(
          absl::StrCat("a work list of ", capacity, " items; 1 to ",
                       WorkList::kMaxCapacity, " are possible"));
    }
    std::shared_ptr<WorkLists> lists(new WorkLists(std::move(function)));
    for (int i = 0; i < scheduler.worker_count(); ++i) {
      Entry& entry = lists->entries_.emplace_back(capacity);
      entry.task =
          scheduler.AddTask(i, [lists = lists.get(), &entry, i](WakeReasons) {
            WorkChain items = entry.list.TakeAll();
            if (!items.empty()) lists->function_(i, std::move(items));
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

  // Refuses all further items of `worker` and hands back those that waited.
  WorkChain Close(int worker) { return At(worker).list.Close(); }

  // How many items wait for `worker`, a moment ago.
  size_t waiting(int worker) const { return entries_.at(worker).list.size(); }

 private:
  struct Entry {
    explicit Entry(size_t capacity) : list(capacity) {}
    WorkList list;
    Task* task = nullptr;
  };

  explicit WorkLists(Function function) : function_(std::move(function)) {}

  Entry& At(int worker) {
    PINION_CHECK(worker >= 0 && worker < static_cast<int>(entries_.size()),
                 "there is no worker ", worker, "; there are 0 to ",
                 entries_.size() - 1);
    return entries_[worker];
  }

  // Fixed before Create() returns; anyone may read.
  const Function function_;
  std::deque<Entry> entries_;
};

}  // namespace pinion

#endif  // PINION_CORE_WORK_LISTS_H_
