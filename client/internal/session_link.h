// SPDX-License-Identifier: Apache-2.0
//
// SessionLink: where calls find a session, whichever stream that is.
//
// Threads: any thread. Callbacks run on gRPC's threads, with no lock held.
// Way out: a call waits in the queue → when no write is under way, all waiting
//          calls become one message. So messages grow with the load, and no
//          call waits for another one to come.
// Way in:  a message of answers → the callback of each → the calls that these
//          start become one message.
// Streams: the first call opens a stream. When that drains, breaks or falls
//          silent, the link opens another. Calls that were written when it
//          broke fail with MAYBE; calls that still waited go over the next
//          stream.
// Time:    one alarm, at the earliest time when something may be due. Few calls
//          live until their deadlines, so the alarm then searches all open
//          calls for those that are due.
#ifndef PINION_CLIENT_INTERNAL_SESSION_LINK_H_
#define PINION_CLIENT_INTERNAL_SESSION_LINK_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "pinion/client/call_options.h"
#include "pinion/client/client_options.h"
#include "pinion/client/internal/call_table.h"
#include "pinion/client/internal/callback_batch.h"
#include "pinion/client/internal/channel_source.h"
#include "pinion/client/internal/client_token.h"
#include "pinion/client/internal/connect_backoff.h"
#include "pinion/client/internal/link_alarm.h"
#include "pinion/client/internal/method_names.h"
#include "pinion/client/internal/request_source.h"
#include "pinion/client/internal/retry_budget.h"
#include "pinion/client/internal/session_stream.h"
#include "pinion/client/internal/silence.h"
#include "pinion/core/base/mutex.h"
#include "pinion/proto/wire/session_response.h"

namespace pinion::client_internal {

class SessionLink {
 public:
  // `link` goes into the CallIds that it gives.
  SessionLink(const ChannelSource& source, const ClientOptions& options,
              int link);
  ~SessionLink();
  SessionLink(const SessionLink&) = delete;
  SessionLink& operator=(const SessionLink&) = delete;

  // Starts a call. To write its request must be quick. The options must be
  // checked. `done` is called once, by Close() at the latest.
  CallId Start(absl::string_view method, const RequestSource& request,
               const CallOptions& options, DoneFunction&& done);

  // Cancels a call; no effect if it has ended.
  void Cancel(CallId id);

  // Answers all calls, and waits until their callbacks have returned. Start()
  // must not be called afterwards. Not from a callback.
  void Close();

  // For its streams.
  // `parts` is one OpenResponse, or several with nothing but answers whose
  // outlines are checked.
  void Answered(SessionStream& stream,
                absl::Span<const absl::string_view> parts);
  void Written(SessionStream& stream);
  void Started(SessionStream& stream);
  void ReadsEnded(SessionStream& stream);
  void ServerHasStopped(SessionStream& stream);
  void StreamEnded(SessionStream& stream, const absl::Status& status);
  void StreamGone();

 private:
  // A call that ended without an answer.
  struct EndedCall {
    DoneFunction done;
    absl::Status status;
  };
  // Answers that have come. Their calls are reserved for the thread that calls
  // their callbacks.
  struct AnsweredCall {
    ClientCall* call;
    absl::string_view payload;  // Of a plain answer; or else:
    size_t full;                // Its number among the full ones.
  };
  struct Answers {
    // So many are told between two looks at what they started: messages stay
    // large, and no call waits longer than their callbacks take.
    static constexpr size_t kMost = 64;
    static constexpr size_t kPlain = ~size_t{0};

    size_t count = 0;
    std::array<AnsweredCall, kMost> calls;
    std::vector<AnswerView> full;  // Those that are not plain.

    bool is_full() const { return count == kMost; }
    void Clear() {
      count = 0;
      full.clear();
    }
  };
  // What must be done after the lock is released.
  struct Deferred {
    SessionStream* begin = nullptr;
    absl::InlinedVector<SessionStream*, 2> write;
    std::vector<EndedCall> ended;
  };

  // Way out.
  CallId StartUnderLock(absl::string_view method, const RequestSource& request,
                        const CallOptions& options, DoneFunction&& done,
                        CallbackBatch* batch);
  static void Fill(ClientCall& call, SteadyTime deadline,
                   const RequestSource& request, const CallOptions& options,
                   DoneFunction&& done);
  // Lets those wait that callbacks have started without the lock.
  void SubmitStarted(CallbackBatch& batch, Deferred& deferred)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CancelEarly(Deferred& deferred) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Makes the batch have so many reserved calls or more, and know the last
  // method; or so many or less.
  void ReserveCalls(size_t count, CallbackBatch& batch)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void GiveBackCalls(size_t count, CallbackBatch& batch)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether a call may wait that holds so many bytes; and if not, why, with a
  // request of `size` bytes.
  bool HasRoom(int64_t held_bytes) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !closed_ &&
           (waiting_bytes_ + held_bytes <= options_.max_waiting_bytes ||
            waiting_bytes_ == 0);
  }
  absl::Status WhyNoRoom(size_t size) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Asks for a new token, and takes it for all streams.
  void RenewToken() ABSL_LOCKS_EXCLUDED(mutex_);
  void NameMethod(absl::string_view name, ClientCall& call)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The call joins the queue. The alarm must be set to its deadline.
  void Wait(ClientCall& call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    call.state = CallState::kWaiting;
    waiting_.PushBack(call);
    waiting_bytes_ += HeldBytesOf(call);
  }
  // The call is about to leave the queue or the table.
  void StopWaiting(const ClientCall& call)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    waiting_.NoteLeaves();
    waiting_bytes_ -= HeldBytesOf(call);
  }
  // Sends the waiting calls, as far as that is possible now.
  void Proceed(Deferred& deferred) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OpenStream(Deferred& deferred) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PutMessageTogether(SessionStream& stream, Deferred& deferred)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PutNamesIn(SessionStream& stream) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PutTokenIn(SessionStream& stream) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PutCallsIn(SessionStream& stream, Deferred& deferred)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndTooLarge(ClientCall& call, size_t max_message_bytes,
                   Deferred& deferred) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Way in.
  void OnHead(SessionStream& stream, const SessionResponse& response)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnHello(SessionStream& stream, const ServerHelloView& hello)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnDrain(SessionStream& stream, const DrainView& drain)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes the next answers, some at a time.
  void SettleAnswers(SessionStream& stream, SessionResponse& response,
                     Answers& answers) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The call that an answer with this id is for, which it is no longer sent on
  // its stream; null: no caller waits for it.
  ClientCall* Settle(SessionStream& stream, uint64_t id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static void RunCallbacks(const Answers& answers, CallbackBatch& batch);
  // The server has refused the token.
  void LoseToken(SessionStream& stream) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Retry(ClientCall& call, const AnswerView& answer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Ends. A call that was sent stays in the table without its caller.
  void End(ClientCall& call, absl::Status status, Deferred& deferred)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Abandon(ClientCall& call, absl::Status status, Deferred& deferred)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FailWaiting(const absl::Status& status, Deferred& deferred)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FailCallsOf(const SessionStream& stream, const absl::Status& why,
                   Deferred& deferred) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteFailedAttempt(const absl::Status& why)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The stream that accepted calls, or would have, accepts none any more.
  void LoseStream(const absl::Status& why)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndHoldIfOver(SessionStream& stream)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Silence.
  void Owe(SessionStream& stream, SteadyTime now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Asks the server, or leaves the stream, if that is due. Returns the time of
  // the next look.
  SteadyTime LookAfter(SessionStream& stream, SteadyTime now,
                       Deferred& deferred)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  SteadyTime HelloDueAt(const SessionStream& stream) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Gives a stream up and ends its calls at once. The link is still notified of
  // the stream's end.
  void Leave(SessionStream& stream, const absl::Status& why, Deferred& deferred)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Time.
  SteadyTime DueAt(const ClientCall& call) const;
  bool IsOpening() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // When calls have waited long enough for the stream that is being opened.
  SteadyTime OpeningDueAt() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndDue(SteadyTime now, Deferred& deferred)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndDueCall(ClientCall& call, SteadyTime now, Deferred& deferred)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnAlarm();

  void RunDeferred(Deferred& deferred) ABSL_LOCKS_EXCLUDED(mutex_);
  bool IsEmpty() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Fixed at construction.
  const ClientOptions options_;
  ClientToken token_;
  const int link_;
  const std::chrono::nanoseconds late_answer_timeout_;
  const Silence::Limits silence_limits_;

  Mutex mutex_;
  CondVar changed_;
  ChannelSource source_ ABSL_GUARDED_BY(mutex_);
  CallTable calls_ ABSL_GUARDED_BY(mutex_);
  CallQueue waiting_ ABSL_GUARDED_BY(mutex_);
  int64_t waiting_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  MethodNames names_ ABSL_GUARDED_BY(mutex_);
  std::string token_text_ ABSL_GUARDED_BY(mutex_);  // The newest.
  // For calls that were kReserved then.
  std::vector<CallId> early_cancels_ ABSL_GUARDED_BY(mutex_);
  RetryBudget budget_ ABSL_GUARDED_BY(mutex_);

  // The stream that accepts calls, or will; null: none.
  SessionStream* stream_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::vector<SessionStream*> streams_ ABSL_GUARDED_BY(mutex_);
  int streams_not_gone_ ABSL_GUARDED_BY(mutex_) = 0;
  ConnectBackoff connect_ ABSL_GUARDED_BY(mutex_);

  LinkAlarm alarm_ ABSL_GUARDED_BY(mutex_);
  // Threads that call callbacks, or will.
  int running_ ABSL_GUARDED_BY(mutex_) = 0;

  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_INTERNAL_SESSION_LINK_H_
