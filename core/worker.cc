// SPDX-License-Identifier: Apache-2.0
#include "core/worker.h"

#include <pthread.h>
#include <sched.h>

#include <future>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/affinity.h"

namespace pinion {
namespace {

thread_local const Worker* current_worker = nullptr;

}  // namespace

void Task::Enqueue() { worker_.Enqueue(this); }

Worker::Worker(const WorkerOptions& options)
    : options_(options), stop_task_(*this, [this](WakeReasons) {
        worker_thread_.Assert();
        stopping_ = true;
      }) {}

Worker::~Worker() {
  PINION_CHECK(!thread_.joinable(), "worker ", options_.index,
               " was not joined");
  // Tasks woken after the stop; they belong to the scheduler.
  WorkChain never_run = inbox_.TakeAll();
  while (!never_run.empty()) never_run.Pop();
}

absl::Status Worker::Start() {
  std::promise<absl::Status> settled;
  thread_ = std::thread([this, &settled] {
    absl::Status status = Settle();
    const bool ok = status.ok();
    settled.set_value(std::move(status));  // `settled` may be gone after this.
    if (ok) Run();
  });
  absl::Status status = settled.get_future().get();
  if (!status.ok()) thread_.join();
  return status;
}

void Worker::Join() {
  if (thread_.joinable()) thread_.join();
}

const Worker* Worker::Current() { return current_worker; }

absl::Status Worker::Settle() {
  const std::string name = absl::StrCat("pinion-w", options_.index);
  pthread_setname_np(pthread_self(), name.c_str());
  if (options_.batch_scheduling) {
    const sched_param unused = {};
    // Refused only in unusual sandboxes; it is a hint, and no promise rests
    // on it.
    pthread_setschedparam(pthread_self(), SCHED_BATCH, &unused);
  }
  if (options_.cpu.has_value()) return PinThisThread(*options_.cpu);
  return absl::OkStatus();
}

void Worker::Run() {
  worker_thread_.Claim();
  current_worker = this;
  while (!stopping_) {
    RunWoken();
    if (!stopping_ && inbox_.TrySleep()) inbox_.Sleep();
  }
  RunWoken();  // What was woken while the last round ran.
}

void Worker::RunWoken() {
  WorkChain woken = inbox_.TakeAll();
  while (Task* task = woken.Pop<Task>()) {
    // Cleared before the run, so that a wake from now on queues the task again.
    // Both ways with the swap in Task::Wake(), as said there.
    const uint32_t state = task->state_.exchange(0, std::memory_order_acq_rel);
    task->function_(state & ~Task::kQueued);
  }
}

}  // namespace pinion
