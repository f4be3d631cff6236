// SPDX-License-Identifier: Apache-2.0
//
// WorkLists: one bounded list and one task for each worker, and one function.
//
// Threads: any thread may call Add() and Close(). The function runs on the
//          worker to which the item was added, one run at a time.
// Order:   items of one producer reach the function in the order added.
// Example: auto lists = WorkLists<Job>::Create(scheduler, {.capacity = 1024},
//              [](int worker, WorkBatch& jobs) {
//                while (Job* job = jobs.Pop<Job>()) Handle(worker, job);
//              });
//          if (!Accepted((*lists)->Add(worker, job))) GiveUp(job);
//
// After the work lists of HAProxy's scheduler (2019), one array of them for all
// threads. docs/decisions/0002-work-lists.md lists the differences.
#ifndef PINION_CORE_WORK_LISTS_H_
#define PINION_CORE_WORK_LISTS_H_

#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "pinion/core/base/check.h"
#include "pinion/core/base/interleaving.h"
#include "pinion/core/base/mutex.h"
#include "pinion/core/closable.h"
#include "pinion/core/scheduler.h"
#include "pinion/core/work_batch.h"
#include "pinion/core/work_item.h"
#include "pinion/core/work_list.h"

namespace pinion {

struct WorkListsOptions {
  // The most items that may wait for one worker, 1 to WorkList::kMaxCapacity.
  // Raise it when bursts are refused.
  size_t capacity = 1024;
  // The class of the tasks, and their name in reports.
  TaskClass task_class = TaskClass::kNormal;
  std::string name = {};
  // The most that one run may handle. Raise it when items are short and come in
  // bursts; lower it when other tasks of the worker wait too long.
  WorkBatch::Budget budget = {};
};

template <typename Item>
class WorkLists : public Closable {
  static_assert(std::is_base_of_v<WorkItem, Item>);

 public:
  // Handles items of `batch`, oldest first. If it leaves items, because the
  // budget ended or by choice, it is called again for them.
  using Function = std::function<void(int worker, WorkBatch& batch)>;

  // Gets the items that were not handled when the scheduler stops, oldest
  // first. It is called on their worker, as the last call there.
  using HandBackFunction = std::function<void(int worker, WorkChain items)>;

  // Makes a list and a task for each worker; wakes none. Returns
  // INVALID_ARGUMENT for an impossible capacity or budget. On an error, or if
  // an allocation throws, nothing is made. The lists belong to the scheduler
  // and live until it is destroyed. Without `hand_back`, items that a stop
  // leaves stay until Close() hands them back.
  static absl::StatusOr<WorkLists*> Create(
      Scheduler& scheduler, const WorkListsOptions& options, Function function,
      HandBackFunction hand_back = nullptr) {
    if (options.capacity < 1 || options.capacity > WorkList::kMaxCapacity) {
      return absl::InvalidArgumentError(
          absl::StrCat("a work list of ", options.capacity, " items; 1 to ",
                       WorkList::kMaxCapacity, " are possible"));
    }
    const WorkBatch::Budget& budget = options.budget;
    if (budget.items < 1 || budget.time.count() < 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "a budget of ", budget.items, " items and ", budget.time.count(),
          " us for one run; possible are 1 or more items and 0 or more us"));
    }
    std::shared_ptr<WorkLists> lists(new WorkLists(
        options.budget, std::move(function), std::move(hand_back)));
    // Tasks live as long as the scheduler. If the lists do not, their tasks
    // must not run.
    absl::Cleanup undo = [&] { lists->KillTasks(); };
    for (int i = 0; i < scheduler.worker_count(); ++i) {
      lists->entries_.push_back(std::make_unique<Entry>(options.capacity));
      Entry& entry = *lists->entries_.back();
      entry.task = scheduler.AddTask(
          i, {.task_class = options.task_class, .name = options.name},
          [lists = lists.get(), &entry, i](WakeReasons) {
            lists->Run(i, entry);
          });
    }
    scheduler.Keep(lists);
    std::move(undo).Cancel();
    return lists.get();
  }

  // Appends `item` to the list of `worker`, 0 to the scheduler's count - 1, and
  // wakes its task if necessary. Unless refused, the item no longer belongs to
  // the caller: it may be handled before Add() returns.
  Appended Add(int worker, Item* item) {
    Entry& entry = At(worker);
    return Woken(entry, entry.list.Append(item));
  }

  // The same for all items of `chain`, which is emptied, or for none of them.
  Appended Add(int worker, WorkChain& chain) {
    Entry& entry = At(worker);
    return Woken(entry, entry.list.Append(chain));
  }

  // Refuses all further items of `worker`, and hands back the waiting ones.
  // Each item is handled, handed back or refused. Any thread may call it at any
  // time, and more than once. On the worker itself, and after the stop, it also
  // hands back what a batch has left; on another thread, while the worker runs,
  // it leaves that to the function.
  WorkChain Close(int worker) {
    Entry& entry = At(worker);
    WorkChain items;
    if (entry.task->IsMine()) {
      MutexLock lock(close_mutex_);  // After the stop any thread may take it.
      items.Append(std::move(entry.taken));
    }
    items.Append(entry.list.Close());
    return items;
  }

  // The same for all workers.
  WorkChain CloseAll() {
    WorkChain items;
    for (size_t i = 0; i < entries_.size(); ++i) {
      items.Append(Close(static_cast<int>(i)));
    }
    return items;
  }

  // Refuses all further items; waiting items are still handled.
  void Refuse() override {
    for (const auto& entry : entries_) {
      entry->list.Refuse();
      // A producer may have appended an item and not woken the task yet. Waking
      // it here makes that item count as work that is left.
      entry->task->Wake(kWakeItems);
    }
  }

  // The number of items that wait for `worker`, a moment ago.
  size_t waiting(int worker) const { return At(worker).list.size(); }

 private:
  struct Entry {
    explicit Entry(size_t capacity) : list(capacity) {}
    WorkList list;
    Task* task = nullptr;
    WorkChain taken;  // The worker's: taken, but not yet handled.
  };

  WorkLists(const WorkBatch::Budget& budget, Function function,
            HandBackFunction hand_back)
      : budget_(budget),
        function_(std::move(function)),
        hand_back_(std::move(hand_back)) {}

  void KillTasks() {
    for (const auto& entry : entries_) {
      if (entry->task != nullptr) entry->task->Kill();
    }
  }

  static Appended Woken(Entry& entry, Appended appended) {
    if (appended == Appended::kFirst) entry.task->Wake(kWakeItems);
    return appended;
  }

  // The function of one worker's task.
  void Run(int worker, Entry& entry) {
    entry.taken.Append(entry.list.TakeAll());
    PINION_POINT(kTaken);
    if (entry.taken.empty()) return;
    {
      WorkBatch batch(entry.taken, budget_, *Worker::Current());
      function_(worker, batch);
    }
    if (!entry.taken.empty()) entry.task->Wake(kWakeMore);
  }

  void HandBack(int worker) override {
    if (hand_back_ == nullptr) return;
    WorkChain items = Close(worker);
    if (!items.empty()) hand_back_(worker, std::move(items));
  }

  Entry& At(int worker) const {
    PINION_CHECK(static_cast<size_t>(worker) < entries_.size(),
                 "there is no worker ", worker, "; there are 0 to ",
                 entries_.size() - 1);
    return *entries_[worker];
  }

  // Fixed before Create() returns; any thread may read.
  const WorkBatch::Budget budget_;
  const Function function_;
  const HandBackFunction hand_back_;
  std::vector<std::unique_ptr<Entry>> entries_;

  Mutex close_mutex_;
};

}  // namespace pinion

#endif  // PINION_CORE_WORK_LISTS_H_
