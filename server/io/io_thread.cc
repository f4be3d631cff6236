// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/io/io_thread.h"

#include <grpc/grpc.h>
#include <grpc/support/time.h>
#include <pthread.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pinion/core/base/check.h"
#include "pinion/server/io/io_patience.h"

namespace pinion {
namespace {

// Of what was delivered, so much is looked at in one turn: an answer takes some
// tens of nanoseconds, an error up to a microsecond.
constexpr int kMaxDeliveries = 1024;

// How many events come before a portion: enough that the thread comes to look
// at its connections, few enough that the portion has its turn.
constexpr int kMaxEventsBeforePortion = 64;

// How many turns an answer may need to leave: each step of a call's end is an
// event of its own.
constexpr int kTurnsToLeave = 8;

gpr_timespec Now() { return gpr_time_0(GPR_CLOCK_MONOTONIC); }

class PostedFunction final : public IoDelivery {
 public:
  explicit PostedFunction(absl::AnyInvocable<void()> function)
      : function_(std::move(function)) {}
  void OnDelivered() override {
    function_();
    delete this;
  }

 private:
  absl::AnyInvocable<void()> function_;
};

}  // namespace

void IoThread::Bell::Ring() {
  if (!rung_.exchange(true, std::memory_order_acq_rel)) {
    alarm_.Set(queue_, Now(), static_cast<IoEvent*>(this));
  }
  // Release, with the acquire in AwaitRings(): who sees this ring counted sees
  // it outside gRPC.
  rings_.fetch_add(1, std::memory_order_release);
}

void IoThread::Bell::OnEvent(bool) {
  rung_.exchange(false, std::memory_order_acq_rel);
}

void IoThread::Bell::AwaitRings(uint64_t owed) const {
  // Acquire, with the release in Ring().
  while (rings_.load(std::memory_order_acquire) != owed) {
    std::this_thread::yield();
  }
}

IoThread::IoThread(int index,
                   std::unique_ptr<grpc::ServerCompletionQueue> queue,
                   IoThreadHooks hooks, std::chrono::nanoseconds write_timeout)
    : index_(index),
      queue_(std::move(queue)),
      hooks_(std::move(hooks)),
      bell_(queue_.get()),
      patience_(std::make_unique<IoPatience>(*this, write_timeout)) {}

IoThread::~IoThread() {
  PINION_CHECK(!thread_.joinable(), "I/O thread ", index_, " was not stopped");
  if (queue_shut_down_) return;
  // Never started: the queue must be empty and shut down before it goes. Its
  // own Shutdown() logs an error if a server that was not built had it.
  grpc_completion_queue_shutdown(queue_->cq());
  void* tag;
  bool ok;
  while (queue_->Next(&tag, &ok)) {
  }
}

void IoThread::Start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(),
                       absl::StrCat("pinion-io", index_).c_str());
    io_thread_.Claim();
    Run();
  });
}

void IoThread::Stop() {
  Post([this] {
    io_thread_.Assert();
    stopping_ = true;
  });
  thread_.join();
}

void IoThread::Post(absl::AnyInvocable<void()> function) {
  Deliver(new PostedFunction(std::move(function)));  // Deletes itself.
}

void IoThread::BeginStop() {
  Post([this] {
    io_thread_.Assert();
    stop_begun_ = true;
    ForEachOpenCall(&OpenCall::OnStopBegun);
  });
}

void IoThread::BeginGrace() {
  Post([this] {
    io_thread_.Assert();
    ForEachOpenCall(&OpenCall::OnGraceBegun);
  });
}

void IoThread::TellTimesChanged() {
  Post([this] {
    io_thread_.Assert();
    ForEachOpenCall(&OpenCall::OnTimesChanged);
  });
}

void IoThread::TellPolicyChanged() {
  Post([this] {
    io_thread_.Assert();
    ForEachOpenCall(&OpenCall::OnPolicyChanged);
  });
}

void IoThread::HoldLateAnswers() {
  Post([this] {
    io_thread_.Assert();
    holds_late_answers_ = true;
  });
}

void IoThread::SendLateAnswers() {
  Post([this] {
    io_thread_.Assert();
    holds_late_answers_ = false;
    ForEachOpenCall(&OpenCall::OnLateAnswersLeave);
  });
}

void IoThread::ForEachOpenCall(void (OpenCall::*tell)()) {
  for (OpenCall* call = open_calls_.front(); call != nullptr;
       call = open_calls_.Next(*call)) {
    (call->*tell)();
  }
}

void IoThread::StopOpenCalls() {
  Post([this] {
    io_thread_.Assert();
    TellOpenCalls();
  });
}

bool IoThread::AwaitOpenCalls(std::chrono::nanoseconds thread_runs,
                              std::chrono::nanoseconds answers_leave) {
  const auto thread_ran = std::chrono::steady_clock::now() + thread_runs;
  MutexLock lock(mutex_);
  while (!told_at_.has_value()) {
    if (!changed_.WaitUntil(mutex_, thread_ran)) break;
  }
  const auto answers_left = told_at_.value_or(thread_ran) + answers_leave;
  while (!none_is_open_) {
    if (!changed_.WaitUntil(mutex_, answers_left)) break;
  }
  AwaitTurns(thread_ran);
  return none_is_open_;
}

// The thread may have been given no CPU, and what it waits for may have come
// long ago. On a machine with time for it these turns take microseconds.
void IoThread::AwaitTurns(std::chrono::steady_clock::time_point until) {
  for (int i = 0; i < kTurnsToLeave && !none_is_open_; ++i) {
    const int before = turns_;
    Post([this] {
      MutexLock lock(mutex_);
      ++turns_;
      changed_.NotifyAll();
    });
    while (turns_ == before && !none_is_open_) {
      if (!changed_.WaitUntil(mutex_, until)) return;
    }
  }
}

void IoThread::Run() {
  for (;;) {
    TakeDeliveries();
    LookAtDeliveries();
    RunOnePortion();
    FlushAll();
    NoteWhenNoneIsOpen();
    ShutDownQueueWhenDone();
    if (hooks_.after_turn && !HasMore()) hooks_.after_turn();
    void* tag;
    bool ok;
    switch (queue_->AsyncNext(&tag, &ok, Now())) {
      case grpc::CompletionQueue::SHUTDOWN:
        return;
      case grpc::CompletionQueue::TIMEOUT:
        if (HasMore()) continue;
        // Whoever pushes from now on, the first, owes a ring.
        if (!inbox_.TrySleep()) continue;
        if (!queue_->Next(&tag, &ok)) return;
        // Takes back the announcement of the sleep, too.
        if (TakeDeliveries()) ++rings_owed_;
        LookAtDeliveries();
        [[fallthrough]];
      case grpc::CompletionQueue::GOT_EVENT:
        static_cast<IoEvent*>(tag)->OnEvent(ok);
        TakeEventsBeforePortion();
    }
  }
}

// gRPC looks for what has come over its connections only when it has no event
// to report. A session that is sent much in portions has one in each turn, and
// so would keep the others from being heard.
void IoThread::TakeEventsBeforePortion() {
  void* tag;
  bool ok;
  for (int i = 0; i < kMaxEventsBeforePortion && !portions_.empty(); ++i) {
    if (queue_->AsyncNext(&tag, &ok, Now()) !=
        grpc::CompletionQueue::GOT_EVENT) {
      return;
    }
    static_cast<IoEvent*>(tag)->OnEvent(ok);
  }
}

bool IoThread::TakeDeliveries() {
  WorkChain deliveries = inbox_.TakeAll();
  if (deliveries.empty()) return false;
  deliveries_.Append(std::move(deliveries));
  return true;
}

void IoThread::LookAtDeliveries() {
  for (int i = 0; i < kMaxDeliveries; ++i) {
    IoDelivery* const delivery = deliveries_.Pop<IoDelivery>();
    if (delivery == nullptr) return;
    delivery->OnDelivered();
  }
}

void IoThread::RunOnePortion() {
  if (portions_.empty()) return;
  IoPortion* const portion = portions_.front();
  portions_.pop_front();
  portion->RunPortion();  // It may be gone after this, or ask again.
}

void IoThread::FlushAll() {
  // By index: one that is flushed may have others, or itself, flushed as well.
  for (size_t i = 0; i < to_flush_.size(); ++i) to_flush_[i]->Flush();
  to_flush_.clear();
}

// No more pushes can come once the thread is stopping, no call is open and the
// inbox was emptied. But the one who made a push may have yet to ring, and a
// ring on a queue that is shut down would crash.
//
// That one has pushed into an inbox that said "asleep". Of each announced sleep
// the first push finds that and no other: if TakeAll() then finds anything
// there was one such push, and else there was none. So rings_owed_ counts all
// who were ever to ring, and when as many rings are counted all have done so.
// (It needs nothing of the I/O thread to get there.)
void IoThread::ShutDownQueueWhenDone() {
  if (!stopping_ || !open_calls_.empty() || queue_shut_down_) return;
  if (!deliveries_.empty()) return;
  patience_->Stop();
  bell_.AwaitRings(rings_owed_);
  queue_shut_down_ = true;
  queue_->Shutdown();
}

void IoThread::CallOpened(OpenCall& call) {
  io_thread_.Assert();
  PINION_DCHECK(!call.linked(), "the call is open already");
  open_calls_.PushFront(call);
}

void IoThread::CallClosed(OpenCall& call) {
  io_thread_.Assert();
  PINION_DCHECK(call.linked(), "the call is not open");
  // Leaves the list that it is in, whichever of the two that is.
  open_calls_.Remove(call);
}

void IoThread::NoCallComes() {
  io_thread_.Assert();
  if (std::exchange(server_ended_, true)) return;
  if (hooks_.on_server_end) hooks_.on_server_end();
}

void IoThread::TellOpenCalls() {
  no_more_time_ = true;
  untold_calls_ = std::move(open_calls_);
  while (OpenCall* call = untold_calls_.front()) {
    CallClosed(*call);
    CallOpened(*call);
    call->OnStop();
  }
  MutexLock lock(mutex_);
  if (!told_at_.has_value()) told_at_ = std::chrono::steady_clock::now();
  changed_.NotifyAll();
}

void IoThread::NoteWhenNoneIsOpen() {
  if (!no_more_time_ || !open_calls_.empty()) return;
  MutexLock lock(mutex_);
  none_is_open_ = true;
  changed_.NotifyAll();
}

}  // namespace pinion
