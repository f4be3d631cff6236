// SPDX-License-Identifier: Apache-2.0
//
// IoThread: one thread that speaks gRPC: it takes calls in and sends answers.
//
// Threads: any worker may Deliver(); the owner starts and stops it; all events
//          run on its own thread.
// Why:     workers never call into gRPC, so their time is the handlers', and no
//          thread that gRPC makes is born with a worker's CPU mask. How this
//          compares with gRPC's callback threads: docs/decisions/0001-io.md.
// Loop:    send the answers that workers delivered → handle one event of the
//          completion queue → when there is neither, sleep in the queue.
#ifndef PINION_SERVER_IO_THREAD_H_
#define PINION_SERVER_IO_THREAD_H_

#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>

#include <atomic>
#include <memory>
#include <thread>

#include "core/inbox.h"
#include "server/call.h"

namespace pinion {

// What a completion queue's tag points to.
class IoEvent {
 public:
  // Runs on the I/O thread when the operation is done; `ok` as gRPC says.
  virtual void OnEvent(bool ok) = 0;

 protected:
  ~IoEvent() = default;
};

class IoThread {
 public:
  // `queue` is polled by nobody else. The thread is named pinion-io<index>.
  IoThread(int index, std::unique_ptr<grpc::ServerCompletionQueue> queue);
  ~IoThread();  // After Stop(), or without Start().
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;

  // Starts the thread. Once, when the gRPC server has started.
  void Start();

  // Ends the thread when all its calls are answered, and waits for that. Once,
  // after the gRPC server was shut down and the workers have ended.
  void Stop();

  // Has the thread send the answer of `call`. From workers.
  void Deliver(Call* call) {
    if (answers_.Push(call)) bell_.Ring();
  }

  // The rest is for events, on the I/O thread.

  grpc::ServerCompletionQueue* queue() { return queue_.get(); }
  // A call is open from its arrival until its answer has left.
  void CallOpened() { ++open_calls_; }
  void CallClosed() { --open_calls_; }

 private:
  // Wakes the thread out of its completion queue.
  class Bell final : public IoEvent {
   public:
    explicit Bell(grpc::ServerCompletionQueue* queue) : queue_(queue) {}
    // Anyone; several rings may come out as one event.
    void Ring();
    void OnEvent(bool ok) override;

   private:
    grpc::ServerCompletionQueue* const queue_;
    // True from the ring until its event. Pairs with itself: the event's
    // exchange sees what each ring it stands for had pushed before.
    std::atomic<bool> rung_{false};
    grpc::Alarm alarm_;  // Set by who turned rung_ true.
  };

  // Rung once, by Stop(). It has its own alarm, so that when its event is here
  // nobody is inside gRPC on the queue's behalf any more.
  class StopBell final : public IoEvent {
   public:
    explicit StopBell(IoThread* io) : io_(io) {}
    void Ring();
    void OnEvent(bool ok) override;

   private:
    IoThread* const io_;
    grpc::Alarm alarm_;
  };

  void Run();
  void SendAnswers();

  // Fixed at construction.
  const int index_;
  const std::unique_ptr<grpc::ServerCompletionQueue> queue_;

  // Shared with the workers.
  Inbox answers_;
  Bell bell_;
  StopBell stop_bell_;

  // The owner's.
  std::thread thread_;

  // The I/O thread's alone (and, before Start(), the owner's).
  int open_calls_ = 0;
  bool stopping_ = false;
  bool queue_shut_down_ = false;
};

}  // namespace pinion

#endif  // PINION_SERVER_IO_THREAD_H_
