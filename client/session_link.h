// SPDX-License-Identifier: Apache-2.0
//
// SessionLink: one place where calls find a session, whichever stream that is.
//
// Threads: anyone. Callbacks run on gRPC's threads, with no lock held.
// Way out: a call waits in the queue → when no write is under way, those that
//          wait make one message. So messages grow with the load, and a call
//          never waits for another one to come.
// Way in:  a message of answers → each one's callback → the calls that these
//          start make one message.
// Streams: one is opened when the first call comes, and another when that one
//          drains or breaks. What was written when it broke fails MAYBE; what
//          still waited is written on the next.
// Time:    one alarm, at the earliest of what may become due. Of calls with a
//          deadline few live to see it, so what is due is then looked for among
//          all that are open.
#ifndef PINION_CLIENT_SESSION_LINK_H_
#define PINION_CLIENT_SESSION_LINK_H_

#include <grpcpp/alarm.h>
#include <grpcpp/channel.h>
#include <grpcpp/generic/generic_stub.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "client/call_options.h"
#include "client/call_table.h"
#include "client/client_options.h"
#include "client/mutex.h"
#include "client/retry_budget.h"
#include "client/session_stream.h"
#include "proto/wire/session_response.h"

namespace pinion::client_internal {

class SessionLink {
 public:
  // `place` is that of the CallIds it gives.
  SessionLink(std::shared_ptr<grpc::Channel> channel,
              const ClientOptions& options, int place);
  ~SessionLink();
  SessionLink(const SessionLink&) = delete;
  SessionLink& operator=(const SessionLink&) = delete;

  // Starts a call; `fill` writes its request, `size` bytes, and must be quick.
  // The options were checked. `done` is called once, at last from Close().
  CallId Start(absl::string_view method, size_t size,
               absl::FunctionRef<void(std::string&)> fill,
               const CallOptions& options, DoneFunction&& done);

  // Takes a call back; nothing happens if it is over.
  void Cancel(CallId id);

  // Answers all calls, and waits until their callbacks have returned; then
  // Start() must not come any more. Not from a callback.
  void Close();

  // Of its streams.
  void Answered(SessionStream& stream, absl::string_view message);
  void Written(SessionStream& stream);
  void Started(SessionStream& stream);
  void ReadsEnded(SessionStream& stream);
  void ServerHasStopped(SessionStream& stream);
  void StreamEnded(SessionStream& stream, const absl::Status& status);
  void StreamGone();

 private:
  // A call that is over otherwise than by an answer.
  struct Told {
    DoneFunction done;
    absl::Status status;
  };
  // An answer that was taken in; its call stays until it has been told.
  struct Taken {
    ClientCall* call;
    AnswerView answer;
  };
  // What is to be done once the lock is free.
  struct Todo {
    SessionStream* begin = nullptr;
    std::vector<SessionStream*> write;
    std::vector<Told> told;
  };

  struct Telling;
  class TellingHere;

  // Way out.
  static void Fill(ClientCall& call, SteadyTime deadline,
                   absl::FunctionRef<void(std::string&)> fill,
                   const CallOptions& options, DoneFunction&& done);
  // Takes up what callbacks have started without the lock.
  void TakeUp(Telling& telling, Todo& todo)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void KeepCalls(size_t count, Telling& telling)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckRoom(size_t size) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NameMethod(absl::string_view name, ClientCall& call)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Wait(ClientCall& call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The call is about to leave the queue, or the table.
  void StopWaiting(const ClientCall& call)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Has what waits sent, as far as that is possible now.
  void Proceed(Todo& todo) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OpenStream(Todo& todo) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PutMessageTogether(SessionStream& stream, Todo& todo)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PutNamesIn(SessionStream& stream) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PutCallsIn(SessionStream& stream, Todo& todo)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Way in.
  void TakeHead(SessionStream& stream, const SessionResponse& response)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeHello(SessionStream& stream, const ServerHelloView& hello)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeDrain(SessionStream& stream) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes the next answers in, some at a time.
  void TakeAnswers(SessionStream& stream, SessionResponse& response,
                   std::vector<Taken>& taken)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The call that the answer ends, which is then to be told; null: none.
  ClientCall* Settle(SessionStream& stream, const AnswerView& answer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Retry(ClientCall& call, const AnswerView& answer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Ends. A call that is at a session stays there without its caller.
  void End(ClientCall& call, absl::Status status, Todo& todo)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Abandon(ClientCall& call, absl::Status status, Todo& todo)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FailWaiting(const absl::Status& status, Todo& todo)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FailCallsOf(const SessionStream& stream, const absl::Status& why,
                   Todo& todo) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteFailedAttempt() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndHoldIfOver(SessionStream& stream)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Time.
  SteadyTime DueAt(const ClientCall& call) const;
  SteadyTime ConnectDueAt() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndDue(SteadyTime now, Todo& todo) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndDueCall(ClientCall& call, Todo& todo)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WakeAt(SteadyTime time) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetAlarm() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnAlarm();

  void Do(Todo& todo) ABSL_LOCKS_EXCLUDED(mutex_);
  bool IsEmpty() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  static thread_local Telling* telling_here;

  // Fixed at construction.
  const std::shared_ptr<grpc::Channel> channel_;
  const ClientOptions options_;
  const int place_;
  const std::chrono::nanoseconds verdict_timeout_;

  grpc::GenericStub stub_;  // As gRPC says, anyone may use it.

  Mutex mutex_;
  CondVar changed_;
  CallTable calls_ ABSL_GUARDED_BY(mutex_);
  CallQueue waiting_ ABSL_GUARDED_BY(mutex_);
  int64_t waiting_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<std::string, uint32_t> method_index_
      ABSL_GUARDED_BY(mutex_);
  // From 1; each stays where it is.
  std::deque<std::string> method_names_ ABSL_GUARDED_BY(mutex_);
  uint32_t last_method_ ABSL_GUARDED_BY(mutex_) = 0;
  // Of calls that were kKept then.
  std::vector<CallId> early_cancels_ ABSL_GUARDED_BY(mutex_);
  RetryBudget budget_ ABSL_GUARDED_BY(mutex_);

  // The stream that takes calls, or will; null: none.
  SessionStream* stream_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::vector<SessionStream*> streams_ ABSL_GUARDED_BY(mutex_);
  int streams_not_gone_ ABSL_GUARDED_BY(mutex_) = 0;
  // How often in a row no session could be had, since when, and why at last.
  int failures_ ABSL_GUARDED_BY(mutex_) = 0;
  SteadyTime failing_since_ ABSL_GUARDED_BY(mutex_) = kNever;
  absl::Status last_failure_ ABSL_GUARDED_BY(mutex_);
  SteadyTime next_attempt_ ABSL_GUARDED_BY(mutex_) = SteadyTime::min();

  std::unique_ptr<grpc::Alarm> alarm_ ABSL_GUARDED_BY(mutex_);
  bool alarm_set_ ABSL_GUARDED_BY(mutex_) = false;
  SteadyTime alarm_at_ ABSL_GUARDED_BY(mutex_) = kNever;
  int running_ ABSL_GUARDED_BY(mutex_) = 0;  // Threads that tell, or will.

  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_SESSION_LINK_H_
