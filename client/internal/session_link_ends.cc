// SPDX-License-Identifier: Apache-2.0
//
// How calls and streams of a link end otherwise than by an answer: a stream
// that ends, time that is over, the client that goes.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pinion/client/internal/callback_scope.h"
#include "pinion/client/internal/link_errors.h"
#include "pinion/client/internal/session_link.h"
#include "pinion/core/base/duration_text.h"

namespace pinion::client_internal {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

// What is due at once is looked for again after this.
constexpr nanoseconds kSoon = std::chrono::milliseconds(1);

}  // namespace

void SessionLink::End(ClientCall& call, absl::Status status,
                      Deferred& deferred) {
  deferred.ended.push_back({std::move(call.done), std::move(status)});
  ++running_;
  calls_.Remove(call);
}

void SessionLink::Abandon(ClientCall& call, absl::Status status,
                          Deferred& deferred) {
  deferred.ended.push_back({std::move(call.done), std::move(status)});
  ++running_;
  call.state = CallState::kAbandoned;
}

void SessionLink::FailWaiting(const absl::Status& status, Deferred& deferred) {
  while (ClientCall* call = waiting_.First()) {
    StopWaiting(*call);
    // Of more worth than why it could not be tried once more.
    End(*call, call->refused() ? call->extras->refusal : status, deferred);
  }
}

void SessionLink::FailCallsOf(const SessionStream& stream,
                              const absl::Status& why, Deferred& deferred) {
  for (size_t slot = 0; slot < calls_.slots(); ++slot) {
    ClientCall* const call = calls_.Find(slot);
    if (call == nullptr || call->stream != &stream) continue;
    if (call->state == CallState::kSent) {
      End(*call, Broken(why), deferred);
    } else if (call->state == CallState::kAbandoned) {
      calls_.Remove(*call);
    }
  }
}

void SessionLink::NoteFailedAttempt(const absl::Status& why) {
  connect_.AttemptFailed(why, steady_clock::now(),
                         budget_.Backoff(connect_.failures() + 1));
}

void SessionLink::LoseStream(const absl::Status& why) {
  if (std::exchange(stream_, nullptr)->answered) {
    connect_.SessionEnded(why);
  } else {
    NoteFailedAttempt(why);
  }
}

void SessionLink::ReadsEnded(SessionStream& stream) {
  MutexLock lock(mutex_);
  stream.phase = SessionStream::Phase::kOver;
  // gRPC tells its end only when a write that is under way has ended.
  Owe(stream, steady_clock::now());
  EndHoldIfOver(stream);
}

void SessionLink::EndHoldIfOver(SessionStream& stream) {
  if (stream.phase != SessionStream::Phase::kOver || stream.starting > 0 ||
      stream.hold_ended) {
    return;
  }
  stream.hold_ended = true;
  stream.EndHold();
}

void SessionLink::ServerHasStopped(SessionStream& stream) {
  MutexLock lock(mutex_);
  stream.hopeless = true;
}

void SessionLink::StreamEnded(SessionStream& stream,
                              const absl::Status& status) {
  Deferred deferred;
  {
    MutexLock lock(mutex_);
    stream.phase = SessionStream::Phase::kOver;
    streams_.erase(std::find(streams_.begin(), streams_.end(), &stream));
    GiveBackCalls(0, stream.batch);
    const absl::Status why =
        stream.fault.ok() ? source_.Explained(status) : stream.fault;
    FailCallsOf(stream, why, deferred);
    if (absl::IsUnauthenticated(status)) token_.Refused();
    if (stream_ == &stream) {
      LoseStream(why);
      if (stream.hopeless || (!stream.answered && IsLasting(why)) ||
          steady_clock::now() >= connect_.due_at()) {
        FailWaiting(NoSession(why), deferred);
      }
    }
    Proceed(deferred);
  }
  RunDeferred(deferred);
}

void SessionLink::StreamGone() {
  MutexLock lock(mutex_);
  --streams_not_gone_;
  if (closed_) changed_.NotifyAll();
}

void SessionLink::Close() {
  CallbackScope::AbortIfWithin(this);
  Deferred deferred;
  {
    MutexLock lock(mutex_);
    closed_ = true;
    for (size_t slot = 0; slot < calls_.slots(); ++slot) {
      ClientCall* const call = calls_.Find(slot);
      if (call == nullptr) continue;
      if (call->state == CallState::kWaiting) StopWaiting(*call);
      if (call->state == CallState::kWaiting ||
          call->state == CallState::kBackingOff) {
        End(*call, ClientGone(v1::EXECUTED_NO), deferred);
      } else if (call->state == CallState::kSent) {
        Abandon(*call, ClientGone(v1::EXECUTED_MAYBE), deferred);
      }
    }
    for (SessionStream* stream : streams_) stream->Break();
    alarm_.Close();
  }
  RunDeferred(deferred);
  MutexLock lock(mutex_);
  while (!IsEmpty()) changed_.Wait(mutex_);
}

bool SessionLink::IsEmpty() const {
  return calls_.size() == 0 && streams_not_gone_ == 0 && !alarm_.is_set() &&
         running_ == 0;
}

// ---- Time ----

SteadyTime SessionLink::DueAt(const ClientCall& call) const {
  switch (call.state) {
    case CallState::kWaiting:
      return call.deadline;
    case CallState::kBackingOff:
      return call.extras->retry_at;
    case CallState::kSent:
      return After(std::min(call.deadline, call.cancelled_at),
                   late_answer_timeout_);
    default:
      return kNever;
  }
}

bool SessionLink::IsOpening() const {
  return stream_ != nullptr && stream_->phase == SessionStream::Phase::kOpening;
}

SteadyTime SessionLink::OpeningDueAt() const {
  return connect_.DueAt(stream_->opened_at);
}

void SessionLink::EndDue(SteadyTime now, Deferred& deferred) {
  if (IsOpening() && now >= OpeningDueAt()) {
    FailWaiting(
        NoSession(connect_.last_failure().ok()
                      ? source_.Explained(absl::UnavailableError(absl::StrCat(
                            "it did not answer within ",
                            DurationText(options_.connect_timeout))))
                      : connect_.last_failure()),
        deferred);
  }
  SteadyTime next = kNever;
  for (size_t slot = 0; slot < calls_.slots(); ++slot) {
    ClientCall* const call = calls_.Find(slot);
    if (call == nullptr) continue;
    if (DueAt(*call) <= now) EndDueCall(*call, now, deferred);
    next = std::min(next, DueAt(*call));  // It is free, or due later.
  }
  for (SessionStream* stream : streams_) {
    next = std::min(next, LookAfter(*stream, now, deferred));
  }
  if (waiting_.First() != nullptr) {
    if (stream_ == nullptr) next = std::min(next, connect_.next_attempt());
    if (IsOpening()) next = std::min(next, OpeningDueAt());
  }
  if (next != kNever) alarm_.WakeAt(std::max(next, now + kSoon));
}

void SessionLink::EndDueCall(ClientCall& call, SteadyTime now,
                             Deferred& deferred) {
  switch (call.state) {
    case CallState::kWaiting:
      StopWaiting(call);
      End(call,
          call.refused()
              ? call.extras->refusal
              : Expired(connect_.failures() > 0
                            ? absl::StrCat("while it waited for a session: ",
                                           connect_.last_failure().message())
                            : "while it waited to be sent",
                        v1::EXECUTED_NO),
          deferred);
      break;
    case CallState::kBackingOff:
      Wait(call);  // EndDue() wakes the alarm for it.
      break;
    case CallState::kSent:
      if (!call.stream->HasRead(call.message)) break;  // The next time.
      Owe(*call.stream, now);
      if (call.cancelled()) {
        Abandon(call, CancelledUnheard(options_.late_answer_timeout), deferred);
        break;
      }
      call.stream->cancels.push_back(call.slot);
      PutMessageTogether(*call.stream, deferred);
      Abandon(call,
              Expired(absl::StrCat("and the server has not said within ",
                                   DurationText(options_.late_answer_timeout),
                                   " whether a handler ran"),
                      v1::EXECUTED_MAYBE),
              deferred);
      break;
    default:
      break;
  }
}

void SessionLink::OnAlarm() {
  Deferred deferred;
  {
    MutexLock lock(mutex_);
    ++running_;
    const SteadyTime now = steady_clock::now();
    if (alarm_.WentOff(now)) {
      EndDue(now, deferred);
      Proceed(deferred);
    }
  }
  RunDeferred(deferred);
  MutexLock lock(mutex_);
  --running_;
  if (closed_) changed_.NotifyAll();
}

}  // namespace pinion::client_internal
