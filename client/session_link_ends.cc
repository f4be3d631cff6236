// SPDX-License-Identifier: Apache-2.0
//
// How calls and streams of a link end otherwise than by an answer: a stream
// that ends, time that is over, the client that goes.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/callback_scope.h"
#include "client/link_errors.h"
#include "client/session_link.h"

namespace pinion::client_internal {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

// What is due at once is looked for again after this.
constexpr nanoseconds kSoon = std::chrono::milliseconds(1);

// gRPC's clock does not reach as far as a deadline may.
constexpr nanoseconds kLongestAlarm = std::chrono::hours(1);

}  // namespace

void SessionLink::End(ClientCall& call, absl::Status status, Todo& todo) {
  todo.told.push_back({std::move(call.done), std::move(status)});
  ++running_;
  calls_.Remove(call);
}

void SessionLink::Abandon(ClientCall& call, absl::Status status, Todo& todo) {
  todo.told.push_back({std::move(call.done), std::move(status)});
  ++running_;
  call.state = CallState::kAbandoned;
}

void SessionLink::FailWaiting(const absl::Status& status, Todo& todo) {
  while (ClientCall* call = waiting_.First()) {
    StopWaiting(*call);
    // Of more worth than why it could not be tried once more.
    End(*call, call->refused() ? call->rare->refusal : status, todo);
  }
}

void SessionLink::FailCallsOf(const SessionStream& stream,
                              const absl::Status& why, Todo& todo) {
  for (size_t slot = 0; slot < calls_.slots(); ++slot) {
    ClientCall* const call = calls_.Find(slot);
    if (call == nullptr || call->stream != &stream) continue;
    if (call->state == CallState::kSent) {
      End(*call, Broken(why), todo);
    } else if (call->state == CallState::kAbandoned) {
      calls_.Remove(*call);
    }
  }
}

void SessionLink::NoteFailedAttempt() {
  ++failures_;
  const SteadyTime now = steady_clock::now();
  if (failing_since_ == kNever) failing_since_ = now;
  next_attempt_ = After(now, budget_.Rest(failures_));
}

void SessionLink::ReadsEnded(SessionStream& stream) {
  MutexLock lock(mutex_);
  stream.phase = SessionStream::Phase::kOver;
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
  Todo todo;
  {
    MutexLock lock(mutex_);
    stream.phase = SessionStream::Phase::kOver;
    streams_.erase(std::find(streams_.begin(), streams_.end(), &stream));
    const absl::Status& why = stream.fault.ok() ? status : stream.fault;
    FailCallsOf(stream, why, todo);
    if (stream_ == &stream) {
      stream_ = nullptr;
      last_failure_ = why;
      if (stream.answered) {
        next_attempt_ = SteadyTime::min();
      } else {
        NoteFailedAttempt();
      }
      if (stream.hopeless || (!stream.answered && IsLasting(why)) ||
          steady_clock::now() >= ConnectDueAt()) {
        FailWaiting(NoSession(why), todo);
      }
    }
    Proceed(todo);
  }
  Do(todo);
}

void SessionLink::StreamGone() {
  MutexLock lock(mutex_);
  --streams_not_gone_;
  if (closed_) changed_.NotifyAll();
}

void SessionLink::Close() {
  CallbackScope::AbortIfWithin(this);
  Todo todo;
  {
    MutexLock lock(mutex_);
    closed_ = true;
    for (size_t slot = 0; slot < calls_.slots(); ++slot) {
      ClientCall* const call = calls_.Find(slot);
      if (call == nullptr) continue;
      if (call->state == CallState::kWaiting) StopWaiting(*call);
      if (call->state == CallState::kWaiting ||
          call->state == CallState::kResting) {
        End(*call, ClientGone(v1::EXECUTED_NO), todo);
      } else if (call->state == CallState::kSent) {
        Abandon(*call, ClientGone(v1::EXECUTED_MAYBE), todo);
      }
    }
    for (SessionStream* stream : streams_) stream->Break();
    if (alarm_set_) alarm_->Cancel();
  }
  Do(todo);
  MutexLock lock(mutex_);
  while (!IsEmpty()) changed_.Wait(mutex_);
}

bool SessionLink::IsEmpty() const {
  return calls_.size() == 0 && streams_not_gone_ == 0 && !alarm_set_ &&
         running_ == 0;
}

// ---- Time ----

SteadyTime SessionLink::DueAt(const ClientCall& call) const {
  switch (call.state) {
    case CallState::kWaiting:
      return call.deadline;
    case CallState::kResting:
      return call.rare->rests_until;
    case CallState::kSent:
      return call.deadline == kNever ? kNever
                                     : After(call.deadline, verdict_timeout_);
    default:
      return kNever;
  }
}

SteadyTime SessionLink::ConnectDueAt() const {
  if (failing_since_ == kNever) return kNever;
  return After(failing_since_,
               absl::ToChronoNanoseconds(options_.connect_timeout));
}

void SessionLink::EndDue(SteadyTime now, Todo& todo) {
  const bool opening =
      stream_ != nullptr && stream_->phase == SessionStream::Phase::kOpening;
  if (opening && now >= ConnectDueAt()) {
    FailWaiting(
        NoSession(last_failure_.ok()
                      ? absl::UnavailableError(absl::StrCat(
                            "it did not answer within ",
                            absl::FormatDuration(options_.connect_timeout)))
                      : last_failure_),
        todo);
  }
  SteadyTime next = kNever;
  for (size_t slot = 0; slot < calls_.slots(); ++slot) {
    ClientCall* const call = calls_.Find(slot);
    if (call == nullptr) continue;
    if (DueAt(*call) <= now) EndDueCall(*call, todo);
    next = std::min(next, DueAt(*call));  // It is free, or due later.
  }
  if (waiting_.First() != nullptr) {
    if (stream_ == nullptr) next = std::min(next, next_attempt_);
    if (opening) next = std::min(next, ConnectDueAt());
  }
  if (next != kNever) WakeAt(std::max(next, now + kSoon));
}

void SessionLink::EndDueCall(ClientCall& call, Todo& todo) {
  switch (call.state) {
    case CallState::kWaiting:
      StopWaiting(call);
      End(call,
          call.refused()
              ? call.rare->refusal
              : Expired(failures_ > 0
                            ? absl::StrCat("while it waited for a session: ",
                                           last_failure_.message())
                            : "while it waited to be sent",
                        v1::EXECUTED_NO),
          todo);
      break;
    case CallState::kResting:
      Wait(call);
      break;
    case CallState::kSent:
      if (!call.stream->HasRead(call.message)) break;  // The next time.
      call.stream->cancels.push_back(call.slot);
      PutMessageTogether(*call.stream, todo);
      Abandon(
          call,
          Expired(absl::StrCat("and the server has not said within ",
                               absl::FormatDuration(options_.verdict_timeout),
                               " whether a handler ran"),
                  v1::EXECUTED_MAYBE),
          todo);
      break;
    default:
      break;
  }
}

void SessionLink::WakeAt(SteadyTime time) {
  if (time >= alarm_at_ || closed_) return;
  alarm_at_ = time;
  if (alarm_set_) {
    alarm_->Cancel();  // It is set anew when it has gone off.
  } else {
    SetAlarm();
  }
}

void SessionLink::SetAlarm() {
  alarm_set_ = true;
  alarm_ = std::make_unique<grpc::Alarm>();
  // It may go off too early: then it is set anew.
  const auto span =
      std::chrono::duration_cast<std::chrono::system_clock::duration>(
          std::min<nanoseconds>(alarm_at_ - steady_clock::now(),
                                kLongestAlarm));
  alarm_->Set(std::chrono::system_clock::now() + span,
              [this](bool) { OnAlarm(); });
}

void SessionLink::OnAlarm() {
  Todo todo;
  {
    MutexLock lock(mutex_);
    alarm_set_ = false;
    ++running_;
    const SteadyTime now = steady_clock::now();
    if (!closed_ && now >= alarm_at_) {
      alarm_at_ = kNever;
      EndDue(now, todo);
      Proceed(todo);
    } else if (!closed_ && alarm_at_ != kNever) {
      SetAlarm();
    }
  }
  Do(todo);
  MutexLock lock(mutex_);
  --running_;
  if (closed_) changed_.NotifyAll();
}

}  // namespace pinion::client_internal
