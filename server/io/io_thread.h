// SPDX-License-Identifier: Apache-2.0
//
// IoThread: one thread that speaks gRPC: it receives calls and sends answers.
//
// Threads: any thread may Deliver(), Post() and StopOpenCalls(). The owner
//          starts and stops it. All events run on its own thread.
// Why:     workers never call gRPC, so their time belongs to handlers, and gRPC
//          never starts a thread with a worker's CPU mask.
//          docs/decisions/0001-io.md compares this with gRPC's callback
//          threads.
// Loop:    take the deliveries → run one portion of a long task → write what is
//          ready → handle one event of the completion queue → if there was
//          nothing to do, sleep in the queue.
// Turns:   each of these steps is bounded, so no client keeps the thread from
//          another client's event. A long queue goes on in the next turn, and
//          only one of the waiting portions runs in each turn.
// Example: io.Deliver(answered_call);      // On a worker.
//          io.Post([&] { ++looks; });
#ifndef PINION_SERVER_IO_IO_THREAD_H_
#define PINION_SERVER_IO_IO_THREAD_H_

#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "pinion/core/base/linked_list.h"
#include "pinion/core/base/mutex.h"
#include "pinion/core/base/thread_role.h"
#include "pinion/core/inbox.h"
#include "pinion/core/work_item.h"

namespace pinion {

class IoPatience;
class OpenCall;

// The target of a completion queue's tag.
class IoEvent {
 public:
  // Runs on the I/O thread when the operation is done; `ok` is gRPC's.
  virtual void OnEvent(bool ok) = 0;

 protected:
  ~IoEvent() = default;
};

// Eight bytes for classes derived from IoDelivery. Alignment would leave a hole
// there otherwise.
class IoDeliveryRoom {
 protected:
  uint64_t room_ = 0;
};

// An object that other threads hand to an I/O thread.
class IoDelivery : public IoDeliveryRoom, public WorkItem {
 public:
  // Runs on the I/O thread. `this` has left the inbox.
  virtual void OnDelivered() = 0;

 protected:
  ~IoDelivery() = default;
};

// A call that is open on an I/O thread: from its arrival until its answer has
// left. Its hook is the I/O thread's.
class OpenCall : public ListHook<OpenCall> {
 public:
  OpenCall() = default;
  OpenCall(const OpenCall&) = delete;
  OpenCall& operator=(const OpenCall&) = delete;

  // Called when the server begins to stop and time is left. Must not close
  // calls.
  virtual void OnStopBegun() {}

  // Called when the stop's grace period begins: no further calls come. Must not
  // close calls.
  virtual void OnGraceBegun() {}

  // Called when times that may change while the server runs have changed. Must
  // not close calls.
  virtual void OnTimesChanged() {}

  // Called when another policy says what clients may call. Must not close
  // calls.
  virtual void OnPolicyChanged() {}

  // Called when late answers may leave: see HoldLateAnswers(). Must not close
  // calls.
  virtual void OnLateAnswersLeave() {}

  // Called when no time is left: answer now. Runs on the I/O thread, perhaps
  // more than once. It may close and delete this call and others.
  virtual void OnStop() = 0;

 protected:
  ~OpenCall() = default;
};

// An object with work to do after all deliveries have been handled.
class IoFlush {
 public:
  virtual void Flush() = 0;

 protected:
  ~IoFlush() = default;
};

// An object with more work than one turn of an I/O thread should contain.
class IoPortion {
 public:
  // Does a part of it, so small that no other work is noticeably delayed.
  virtual void RunPortion() = 0;

 protected:
  ~IoPortion() = default;
};

// Functions that an I/O thread calls on itself.
struct IoThreadHooks {
  // Called once, when the gRPC server shuts down.
  std::function<void()> on_server_end = {};
  // Called each time everything that had arrived has been handled; for tests.
  std::function<void()> after_turn = {};
};

class IoThread {
 public:
  // Nobody else may poll `queue`. The thread is named pinion-io<index>. A unary
  // answer may take `write_timeout` to leave.
  IoThread(int index, std::unique_ptr<grpc::ServerCompletionQueue> queue,
           IoThreadHooks hooks = {},
           std::chrono::nanoseconds write_timeout = std::chrono::seconds(30));
  ~IoThread();  // Requires Stop(), or no Start().
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;

  // Starts the thread. Call it once, after the gRPC server has started.
  void Start();

  // Ends the thread when all its calls are closed, and waits for that. Call it
  // once, after the gRPC server was shut down. From now on Deliver() and Post()
  // may start only for an open call. One that has already started may still
  // run, so workers need not have ended.
  void Stop();

  // Any thread may call the next ten, from Start() until Stop().

  // Makes the I/O thread handle `delivery`, which belongs to that thread from
  // now on.
  void Deliver(IoDelivery* delivery) {
    if (inbox_.Push(delivery)) bell_.Ring();
  }

  // Runs `function` on the I/O thread.
  void Post(absl::AnyInvocable<void()> function);

  // Calls OnStopBegun() of each call that is open when the I/O thread gets the
  // request. Later calls see stop_begun().
  void BeginStop();

  // Calls OnGraceBegun() of each call that is open when the I/O thread gets the
  // request.
  void BeginGrace();

  // Calls OnTimesChanged() of each call that is open when the I/O thread gets
  // the request.
  void TellTimesChanged();

  // Calls OnPolicyChanged() of each call that is open when the I/O thread gets
  // the request.
  void TellPolicyChanged();

  // From the moment in which gRPC's server begins to shut down until its
  // clients have heard of it (GOAWAY), gRPC ends each call that arrives with
  // CANCELLED. Most clients send when they have an answer. So in a stop's last
  // moments the answers of refused calls are held, and sent behind the GOAWAY.
  // Calls that are refused from now on see holds_late_answers().
  void HoldLateAnswers();
  // Calls OnLateAnswersLeave() of each open call; no further answer is held.
  void SendLateAnswers();
  // Whether a plain call was answered over a connection, at all and after the
  // stop had begun, so that its client may send another.
  bool answered() const { return answered_.load(std::memory_order_relaxed); }
  bool answered_in_stop() const {
    return answered_in_stop_.load(std::memory_order_relaxed);
  }

  // Calls OnStop() of each call that is open when the I/O thread gets the
  // request. Later calls see no_more_time().
  void StopOpenCalls();

  // Waits until no call is open, after StopOpenCalls(). It waits for up to
  // `answers_leave` after this thread has stopped its calls, and for up to
  // `thread_runs` until the thread has got a CPU to do that, and to see what
  // has come since. Returns whether at some time since then no call was open.
  bool AwaitOpenCalls(std::chrono::nanoseconds thread_runs,
                      std::chrono::nanoseconds answers_leave);

  // The rest is for events, on the I/O thread.

  grpc::ServerCompletionQueue* queue() { return queue_.get(); }
  int index() const { return index_; }
  // For unary answers that are being sent.
  IoPatience& patience() { return *patience_; }
  void CallOpened(OpenCall& call);
  void CallClosed(OpenCall& call);
  // An awaited call will not come: the gRPC server shuts down.
  void NoCallComes();
  // Calls Flush() once, before the thread looks for another event.
  void FlushLater(IoFlush& flush) {
    io_thread_.Assert();
    to_flush_.push_back(&flush);
  }
  // Calls RunPortion() once in a later turn, after those that asked earlier.
  // `portion` must live until then.
  void RunLater(IoPortion& portion) {
    io_thread_.Assert();
    portions_.push_back(&portion);
  }
  bool stop_begun() const {
    io_thread_.Assert();
    return stop_begun_;
  }
  bool holds_late_answers() const {
    io_thread_.Assert();
    return holds_late_answers_;
  }
  void NoteAnswered() {
    std::atomic<bool>& noted = stop_begun() ? answered_in_stop_ : answered_;
    if (!noted.load(std::memory_order_relaxed)) {
      noted.store(true, std::memory_order_relaxed);
    }
  }
  // Whether OnStop() of the open calls was called.
  bool no_more_time() const {
    io_thread_.Assert();
    return no_more_time_;
  }

 private:
  // Wakes the thread from its completion queue.
  class Bell final : public IoEvent {
   public:
    explicit Bell(grpc::ServerCompletionQueue* queue) : queue_(queue) {}
    // For a thread that ended an announced sleep. Several rings may become one
    // event.
    void Ring();
    void OnEvent(bool ok) override;
    // On the I/O thread: waits until `owed` rings have been made.
    void AwaitRings(uint64_t owed) const;

   private:
    grpc::ServerCompletionQueue* const queue_;
    // True from the ring until its event. Pairs with itself: the event's
    // exchange sees everything that each of its rings had pushed before.
    std::atomic<bool> rung_{false};
    grpc::Alarm alarm_;  // Set by the thread that turned rung_ true.
    // The rings that have left gRPC and touch nothing here any more.
    std::atomic<uint64_t> rings_{0};
  };

  void Run() ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_thread_);
  // Takes the deliveries out of the inbox. Returns whether there were any.
  bool TakeDeliveries() ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_thread_);
  void LookAtDeliveries() ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_thread_);
  void TakeEventsBeforePortion() ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_thread_);
  void RunOnePortion() ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_thread_);
  // Whether something is left for the next turn.
  bool HasMore() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_thread_) {
    return !deliveries_.empty() || !portions_.empty();
  }
  void FlushAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_thread_);
  void NoteWhenNoneIsOpen() ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_thread_);
  void ShutDownQueueWhenDone() ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_thread_);
  void AwaitTurns(std::chrono::steady_clock::time_point until)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TellOpenCalls() ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_thread_);
  // Calls `tell` of each open call; it must not close calls.
  void ForEachOpenCall(void (OpenCall::*tell)())
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_thread_);

  // Fixed at construction.
  const int index_;
  const std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  const IoThreadHooks hooks_;

  // Shared.
  Inbox inbox_;
  Bell bell_;
  // Relaxed, because they guard no other data.
  std::atomic<bool> answered_{false};
  std::atomic<bool> answered_in_stop_{false};
  Mutex mutex_;
  CondVar changed_;
  // When OnStop() of all open calls had been called.
  std::optional<std::chrono::steady_clock::time_point> told_at_
      ABSL_GUARDED_BY(mutex_);
  // None of the calls that were stopped, or came later, is open any more.
  bool none_is_open_ ABSL_GUARDED_BY(mutex_) = false;
  int turns_ ABSL_GUARDED_BY(mutex_) = 0;  // Those that were asked for.

  // The owner's only.
  std::thread thread_;

  // The I/O thread's only.
  ThreadRole io_thread_;
  const std::unique_ptr<IoPatience> patience_;
  LinkedList<OpenCall> open_calls_ ABSL_GUARDED_BY(io_thread_);
  // The calls whose OnStop() is still to be called, within TellOpenCalls().
  LinkedList<OpenCall> untold_calls_ ABSL_GUARDED_BY(io_thread_);
  // Taken out of the inbox, and not handled yet.
  WorkChain deliveries_ ABSL_GUARDED_BY(io_thread_);
  std::deque<IoPortion*> portions_ ABSL_GUARDED_BY(io_thread_);
  std::vector<IoFlush*> to_flush_ ABSL_GUARDED_BY(io_thread_);
  bool stop_begun_ ABSL_GUARDED_BY(io_thread_) = false;
  bool holds_late_answers_ ABSL_GUARDED_BY(io_thread_) = false;
  bool no_more_time_ ABSL_GUARDED_BY(io_thread_) = false;
  bool stopping_ ABSL_GUARDED_BY(io_thread_) = false;
  bool server_ended_ ABSL_GUARDED_BY(io_thread_) = false;
  // The announced sleeps that a push ended; each of them makes one ring.
  uint64_t rings_owed_ ABSL_GUARDED_BY(io_thread_) = 0;
  // The I/O thread's; the owner's after the thread has ended.
  bool queue_shut_down_ = false;
};

}  // namespace pinion

#endif  // PINION_SERVER_IO_IO_THREAD_H_
