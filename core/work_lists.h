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

#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/closable.h"
#include "core/interleaving.h"
#include "core/mutex.h"
#include "core/scheduler.h"
#include "core/work_batch.h"
#include "core/work_item.h"
#include "core/work_list.h"

namespace pinion {

struct WorkListsOptions {
  // How many items may wait for one worker, 1 to WorkList::kMaxCapacity.
  size_t capacity = 1024;
  // The class of the tasks, and what reports call them.
  TaskClass task_class = TaskClass::kNormal;
  std::string name = {};
  // How much one run may handle.
  WorkBatch::Budget budget = {};
};

template <typename Item>
class WorkLists : public Closable {
  static_assert(std::is_base_of_v<WorkItem, Item>);

 public:
  // Handles items of `batch`, oldest first. What it leaves, for the end of the
  // budget or by its own choice, it is called for again.
  using Function = std::function<void(int worker, WorkBatch& batch)>;

  // Takes items that were not handled when the scheduler stops, oldest first;
  // on their worker, as the last it hears of them.
  using HandBackFunction = std::function<void(int worker, WorkChain items)>;

  // Makes a list and a task for each worker. INVALID_ARGUMENT for a capacity
  // that cannot be had; then nothing was made. The lists belong to the
  // scheduler and live until it dies. Without `hand_back`, what a stop leaves
  // stays until Close() hands it back.
  static absl::StatusOr<WorkLists*> Create(
      Scheduler& scheduler, const WorkListsOptions& options, Function function,
      HandBackFunction hand_back = nullptr) {
    if (options.capacity < 1 || options.capacity > WorkList::kMaxCapacity) {
      return absl::InvalidArgumentError(
          absl::StrCat("a work list of ", options.capacity, " items; 1 to ",
                       WorkList::kMaxCapacity, " are possible"));
    }
    std::shared_ptr<WorkLists> lists(new WorkLists(
        options.budget, std::move(function), std::move(hand_back)));
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
    return lists.get();
  }

  // Appends `item` to the list of `worker`, 0 to the scheduler's count - 1, and
  // wakes its task if need be. Unless refused, the item is no longer the
  // caller's: it may be handled before Add() returns.
  Appended Add(int worker, Item* item) {
    Entry& entry = At(worker);
    return Woken(entry, entry.list.Append(item));
  }

  // The same for all items of `chain`, which is emptied, or for none of them.
  Appended Add(int worker, WorkChain& chain) {
    Entry& entry = At(worker);
    return Woken(entry, entry.list.Append(chain));
  }

  // Refuses all further items of `worker`, and hands back those that wait. Each
  // item is handled, handed back or refused. Anyone, any time, also again. What
  // a batch has left is handed back too on the worker itself and after the
  // stop; while the worker runs elsewhere, the function still sees it.
  WorkChain Close(int worker) {
    Entry& entry = At(worker);
    WorkChain items;
    if (entry.task->IsMine()) {
      MutexLock lock(close_mutex_);  // After the stop it is everyone's.
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

  // Refuses all further items; those that wait are handled.
  void Refuse() override {
    for (const auto& entry : entries_) {
      entry->list.Refuse();
      // A producer that has appended may have yet to wake the task. Woken now,
      // it counts as work that is left to do.
      entry->task->Wake(kWakeItems);
    }
  }

  // How many items wait for `worker`, a moment ago.
  size_t waiting(int worker) const { return At(worker).list.size(); }

 private:
  struct Entry {
    explicit Entry(size_t capacity) : list(capacity) {}
    WorkList list;
    Task* task = nullptr;
    WorkChain taken;  // The worker's: out of the list, not yet handled.
  };

  WorkLists(const WorkBatch::Budget& budget, Function function,
            HandBackFunction hand_back)
      : budget_(budget),
        function_(std::move(function)),
        hand_back_(std::move(hand_back)) {}

  static Appended Woken(Entry& entry, Appended appended) {
    if (appended == Appended::kFirst) entry.task->Wake(kWakeItems);
    return appended;
  }

  // The task of one worker.
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

  // Fixed before Create() returns; anyone may read.
  const WorkBatch::Budget budget_;
  const Function function_;
  const HandBackFunction hand_back_;
  std::vector<std::unique_ptr<Entry>> entries_;

  Mutex close_mutex_;
};

}  // namespace pinion

#endif  // PINION_CORE_WORK_LISTS_H_
