// SPDX-License-Identifier: Apache-2.0
//
// IoThread: one thread that speaks gRPC: it takes calls in and sends answers.
//
// Threads: anyone may Deliver(), Post() and StopOpenCalls(); the owner starts
//          and stops it; all events run on its own thread.
// Why:     workers never call into gRPC, so their time is the handlers', and no
//          thread that gRPC makes is born with a worker's CPU mask. How this
//          compares with gRPC's callback threads: docs/decisions/0001-io.md.
// Loop:    look at what was delivered → handle one event of the completion
//          queue → when there is neither, sleep in the queue.
// Example: io.Deliver(answered_call);      // On a worker.
//          io.Post([&] { ++looks; });
#ifndef PINION_SERVER_IO_THREAD_H_
#define PINION_SERVER_IO_THREAD_H_

#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "core/inbox.h"
#include "core/mutex.h"
#include "core/thread_role.h"
#include "core/work_item.h"

namespace pinion {

class OpenCall;

// What a completion queue's tag points to.
class IoEvent {
 public:
  // Runs on the I/O thread when the operation is done; `ok` as gRPC says.
  virtual void OnEvent(bool ok) = 0;

 protected:
  ~IoEvent() = default;
};

// Eight bytes for the use of who derives from an IoDelivery; alignment would
// leave a hole there.
class IoDeliveryRoom {
 protected:
  uint64_t room_ = 0;
};

// What other threads hand to an I/O thread.
class IoDelivery : public IoDeliveryRoom, public WorkItem {
 public:
  // Runs on the I/O thread; `this` is no longer in its inbox.
  virtual void OnDelivered() = 0;

 protected:
  ~IoDelivery() = default;
};

// An open call's place in its I/O thread's list of them.
class OpenCallPlace {
 public:
  OpenCallPlace() = default;
  OpenCallPlace(const OpenCallPlace&) = delete;
  OpenCallPlace& operator=(const OpenCallPlace&) = delete;

 private:
  friend class IoThread;

  OpenCall** pointer_here_ = nullptr;  // Null: in no list.
  OpenCall* next_ = nullptr;
};

// A call that is open on an I/O thread: from its arrival until its answer has
// left.
class OpenCall : public OpenCallPlace {
 public:
  // The server begins to stop; there is still time. May not close calls.
  virtual void OnStopBegun() {}

  // There is no more time: answer now. Runs on the I/O thread, perhaps more
  // than once, and may close and delete this call and others.
  virtual void OnStop() = 0;

 protected:
  ~OpenCall() = default;
};

// What has something to do when all that was delivered has been looked at.
class IoFlush {
 public:
  virtual void Flush() = 0;

 protected:
  ~IoFlush() = default;
};

// What an I/O thread calls, on itself.
struct IoThreadHooks {
  // Once, when the gRPC server shuts down.
  std::function<void()> on_server_end = {};
  // Whenever all that had come has been looked at; for tests.
  std::function<void()> after_turn = {};
};

class IoThread {
 public:
  // `queue` is polled by nobody else. The thread is named pinion-io<index>.
  IoThread(int index, std::unique_ptr<grpc::ServerCompletionQueue> queue,
           IoThreadHooks hooks = {});
  ~IoThread();  // After Stop(), or without Start().
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;

  // Starts the thread. Once, when the gRPC server has started.
  void Start();

  // Ends the thread when all its calls are closed, and waits for that. Once,
  // after the gRPC server was shut down. From now on nobody may begin a
  // Deliver() or Post() but for a call that is open; one that has begun may be
  // under way still, so workers need not have ended.
  void Stop();

  // The next five: anyone, from Start() until Stop().

  // Has `delivery` looked at on the I/O thread, whose it is from now on.
  void Deliver(IoDelivery* delivery) {
    if (inbox_.Push(delivery)) bell_.Ring();
  }

  // Runs `function` on the I/O thread.
  void Post(absl::AnyInvocable<void()> function);

  // Has OnStopBegun() called for each call that is open when the I/O thread
  // hears of it. Later ones find stop_begun().
  void BeginStop();

  // Has OnStop() called for each call that is open when the I/O thread hears of
  // it. Later ones find no_more_time().
  void StopOpenCalls();

  // Waits until no call is open, or until `deadline`; after StopOpenCalls().
  // Returns whether at some time since then none was.
  bool AwaitOpenCalls(std::chrono::steady_clock::time_point deadline);

  // The rest is for events, on the I/O thread.

  grpc::ServerCompletionQueue* queue() { return queue_.get(); }
  int index() const { return index_; }
  void CallOpened(OpenCall& call);
  void CallClosed(OpenCall& call);
  // A call that was awaited will not come: the gRPC server shuts down.
  void NoCallComes();
  // Has Flush() called, once, before the thread looks for another event.
  void FlushLater(IoFlush& flush) {
    io_thread_.Assert();
    to_flush_.push_back(&flush);
  }
  bool stop_begun() const {
    io_thread_.Assert();
    return stop_begun_;
  }
  // Whether the open calls were told to stop.
  bool no_more_time() const {
    io_thread_.Assert();
    return no_more_time_;
  }

 private:
  // Wakes the thread out of its completion queue.
  class Bell final : public IoEvent {
   public:
    explicit Bell(grpc::ServerCompletionQueue* queue) : queue_(queue) {}
    // Whoever ended an announced sleep; several rings may come out as one
    // event.
    void Ring();
    void OnEvent(bool ok) override;
    // On the I/O thread: waits until as many rings as that have been made.
    void AwaitRings(uint64_t owed) const;

   private:
    grpc::ServerCompletionQueue* const queue_;
    // True from the ring until its event. Pairs with itself: the event's
    // exchange sees what each ring it stands for had pushed before.
    std::atomic<bool> rung_{false};
    grpc::Alarm alarm_;  // Set by who turned rung_ true.
    // The rings that have left gRPC and touch nothing here any more.
    std::atomic<uint64_t> rings_{0};
  };

  void Run() ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_thread_);
  // Looks at what was delivered. Returns whether there was anything.
  bool TakeDeliveries() ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_thread_);
  void FlushAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_thread_);
  void NoteWhenNoneIsOpen() ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_thread_);
  void ShutDownQueueWhenDone() ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_thread_);
  void TellOpenCalls() ABSL_EXCLUSIVE_LOCKS_REQUIRED(io_thread_);

  // Fixed at construction.
  const int index_;
  const std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  const IoThreadHooks hooks_;

  // Shared.
  Inbox inbox_;
  Bell bell_;
  Mutex mutex_;
  CondVar changed_;
  // Of the open calls that were told to stop, or came later, none is left.
  bool none_is_open_ ABSL_GUARDED_BY(mutex_) = false;

  // The owner's.
  std::thread thread_;

  // The I/O thread's alone.
  ThreadRole io_thread_;
  OpenCall* open_calls_ ABSL_GUARDED_BY(io_thread_) = nullptr;
  // Those that are yet to be told to stop, within TellOpenCalls().
  OpenCall* untold_calls_ ABSL_GUARDED_BY(io_thread_) = nullptr;
  std::vector<IoFlush*> to_flush_ ABSL_GUARDED_BY(io_thread_);
  bool stop_begun_ ABSL_GUARDED_BY(io_thread_) = false;
  bool no_more_time_ ABSL_GUARDED_BY(io_thread_) = false;
  bool stopping_ ABSL_GUARDED_BY(io_thread_) = false;
  bool server_ended_ ABSL_GUARDED_BY(io_thread_) = false;
  // The announced sleeps that a push ended; each owes, or has made, one ring.
  uint64_t rings_owed_ ABSL_GUARDED_BY(io_thread_) = 0;
  // The I/O thread's, and the owner's when that has ended.
  bool queue_shut_down_ = false;
};

}  // namespace pinion

#endif  // PINION_SERVER_IO_THREAD_H_
