// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/internal/session_link.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/base/attributes.h"
#include "absl/base/optimization.h"
#include "absl/strings/str_cat.h"
#include "pinion/client/failure.h"
#include "pinion/client/internal/callback_scope.h"
#include "pinion/client/internal/link_errors.h"
#include "pinion/client/internal/recent_time.h"
#include "pinion/proto/wire/session_call.h"
#include "pinion/proto/wire/session_protocol.h"

namespace pinion::client_internal {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

// What a call's fields but payload, method and metadata take at most: 42 bytes.
constexpr size_t kCallBytes = 48;
static_assert(kCallBytes >= kPlainCallBytes);
constexpr size_t kCancelBytes = 10;

// Protobuf's own bound for a message.
constexpr size_t kMaxRequestBytes = (size_t{1} << 31) - 1;
constexpr size_t kMetadataBytes = 24;  // Tags and lengths of an entry.

// The id of a call that names no method, which a server answers at once with
// UNIMPLEMENTED, so that it is heard; and of no slot.
constexpr uint64_t kQuestion = std::numeric_limits<uint64_t>::max();

uint32_t BytesOf(const CallExtras& extras) {
  size_t bytes = extras.method_name.size();
  for (const auto& [name, value] : extras.metadata) {
    bytes += kMetadataBytes + name.size() + value.size();
  }
  return static_cast<uint32_t>(bytes);
}

}  // namespace

SessionLink::SessionLink(const ChannelSource& source,
                         const ClientOptions& options, int link)
    : options_(options),
      token_(options),
      link_(link),
      late_answer_timeout_(
          absl::ToChronoNanoseconds(options.late_answer_timeout)),
      silence_limits_{
          .ask_after = absl::ToChronoNanoseconds(options.keepalive_time),
          .give_up_after = absl::ToChronoNanoseconds(options.keepalive_timeout),
      },
      source_(source),
      budget_(options.retry),
      connect_(absl::ToChronoNanoseconds(options.connect_timeout)),
      alarm_([this](bool) { OnAlarm(); }) {}

SessionLink::~SessionLink() { Close(); }

// ---- Way out ----

ABSL_ATTRIBUTE_ALWAYS_INLINE inline void SessionLink::Fill(
    ClientCall& call, SteadyTime deadline, const RequestSource& request,
    const CallOptions& options, DoneFunction&& done) {
  request.WriteTo(call.payload.Resize(request.size()));
  call.want_timing = options.want_timing;
  call.priority = static_cast<uint8_t>(options.priority);
  call.deadline = deadline;
  call.done = std::move(done);
  call.max_bytes = static_cast<uint32_t>(kCallBytes + request.size());
  if (ABSL_PREDICT_FALSE(options.worker.has_value())) {
    call.MakeExtras().worker = options.worker;
  }
  if (ABSL_PREDICT_FALSE(!options.metadata.empty())) {
    call.MakeExtras().metadata = options.metadata;
  }
  if (call.extras != nullptr) call.max_bytes += BytesOf(*call.extras);
}

CallId SessionLink::Start(absl::string_view method,
                          const RequestSource& request,
                          const CallOptions& options, DoneFunction&& done) {
  CallbackBatch* const batch = CallbackBatch::Of(this);
  if (batch != nullptr && request.size() <= kMaxRequestBytes) {
    if (ClientCall* const call = batch->StartReserved(method)) {
      Fill(*call, batch->time().After(options.timeout), request, options,
           std::move(done));
      return {link_, call->slot, call->generation};
    }
  }
  return StartUnderLock(method, request, options, std::move(done), batch);
}

CallId SessionLink::StartUnderLock(absl::string_view method,
                                   const RequestSource& request,
                                   const CallOptions& options,
                                   DoneFunction&& done, CallbackBatch* batch) {
  const SteadyTime deadline = DeadlineOf(options.timeout);
  if (token_.due()) RenewToken();
  absl::Status refusal;
  CallId id;
  Deferred deferred;
  {
    MutexLock lock(mutex_);
    // They came before this one.
    if (batch != nullptr) SubmitStarted(*batch, deferred);
    if (request.size() <= kMaxRequestBytes &&
        HasRoom(HeldBytes(request.size(), &options.metadata))) {
      ClientCall& call = calls_.Add();
      NameMethod(method, call);
      Fill(call, deadline, request, options, std::move(done));
      id = {link_, call.slot, call.generation};
      Wait(call);
      if (call.deadline != kNever) alarm_.WakeAt(call.deadline);
      if (batch != nullptr) {
        batch->CountOne();
        ReserveCalls(batch->lacking(), *batch);
      } else {
        Proceed(deferred);
      }
    } else {
      refusal = WhyNoRoom(request.size());
    }
  }
  if (!refusal.ok()) {
    const CallbackScope scope(this);
    done({.status = std::move(refusal)});
  }
  RunDeferred(deferred);
  return id;
}

// If there is none, the opening of the stream says so.
void SessionLink::RenewToken() {
  absl::StatusOr<std::string> token = token_.Get();
  if (!token.ok()) return;
  MutexLock lock(mutex_);
  token_text_ = *std::move(token);
}

absl::Status SessionLink::WhyNoRoom(size_t size) const {
  if (closed_) return ClientGone(v1::EXECUTED_NO);
  if (size > kMaxRequestBytes) {
    return Failed(
        absl::ResourceExhaustedError(absl::StrCat(
            "the request has ", size, " bytes; a message holds 2 GiB at most")),
        v1::REASON_BAD_REQUEST, v1::EXECUTED_NO);
  }
  return Failed(
      absl::ResourceExhaustedError(absl::StrCat(
          "calls with ", waiting_bytes_,
          " bytes wait for a session, of at most ", options_.max_waiting_bytes,
          "; wait for answers, or raise ClientOptions::max_waiting_bytes")),
      v1::REASON_TOO_MANY_CALLS, v1::EXECUTED_NO);
}

void SessionLink::NameMethod(absl::string_view name, ClientCall& call) {
  call.method = names_.IndexOf(name);
  if (call.method == 0) call.MakeExtras().method_name = std::string(name);
}

void SessionLink::Proceed(Deferred& deferred) {
  if (stream_ != nullptr) {
    PutMessageTogether(*stream_, deferred);
    // Those that have just come, too.
    if (IsOpening() && waiting_.First() != nullptr)
      alarm_.WakeAt(OpeningDueAt());
  } else if (!closed_ && waiting_.First() != nullptr) {
    OpenStream(deferred);
  }
}

void SessionLink::OpenStream(Deferred& deferred) {
  const SteadyTime now = steady_clock::now();
  if (now < connect_.next_attempt()) {
    alarm_.WakeAt(connect_.next_attempt());
    return;
  }
  connect_.AttemptBegins(now);
  stream_ = new SessionStream(*this, source_.channel(), now, silence_limits_);
  stream_->token = token_text_;
  streams_.push_back(stream_);
  ++streams_not_gone_;
  deferred.begin = stream_;
  alarm_.WakeAt(OpeningDueAt());
}

void SessionLink::PutMessageTogether(SessionStream& stream,
                                     Deferred& deferred) {
  using Phase = SessionStream::Phase;
  if (stream.writing || stream.wrote_last || stream.phase == Phase::kOpening ||
      stream.phase == Phase::kOver) {
    return;
  }
  SessionStream::Message& message = stream.message();
  message.Clear();
  message.number = stream.messages + 1;
  message.cancels.swap(stream.cancels);
  if (stream.messages == 0) {
    v1::ClientHello hello;
    hello.set_revision(session_protocol::kRevision);
    hello.set_name(options_.name);
    message.head = EncodeClientHello(hello);
  }
  if (std::exchange(stream.asks, false)) {
    message.head += EncodeCall({.id = kQuestion});
  }
  if (stream.phase == Phase::kOpen) {
    PutTokenIn(stream);
    PutNamesIn(stream);
  }
  message.max_bytes =
      message.head.size() + kCancelBytes * (message.cancels.size() + 1);
  if (stream.phase == Phase::kOpen) PutCallsIn(stream, deferred);
  if (message.is_empty()) {
    if (stream.phase != Phase::kDraining || stream.open_calls > 0) return;
    message.ends_writes = true;
    stream.wrote_last = true;
  }
  if (!message.calls.empty() && !stream.silence.watched()) {
    stream.silence.Watch(steady_clock::now());
    alarm_.WakeAt(stream.silence.look_at());
  }
  ++stream.messages;
  stream.writing = true;
  ++stream.starting;
  deferred.write.push_back(&stream);
}

// The stream's opening had what was the newest one then, or a newer one.
void SessionLink::PutTokenIn(SessionStream& stream) {
  if (stream.token == token_text_) return;
  stream.token = token_text_;
  stream.message().head += EncodeSessionToken(token_text_);
}

void SessionLink::PutNamesIn(SessionStream& stream) {
  std::string& head = stream.message().head;
  while (stream.names_sent < names_.size() &&
         head.size() < stream.max_message_bytes / 2) {
    const size_t index = ++stream.names_sent;
    head +=
        EncodeMethodName(static_cast<uint32_t>(index), names_.NameOf(index));
  }
}

void SessionLink::PutCallsIn(SessionStream& stream, Deferred& deferred) {
  SessionStream::Message& message = stream.message();
  const size_t full =
      std::min(session_protocol::kFullMessage, stream.max_message_bytes);
  while (ClientCall* call = waiting_.First()) {
    const size_t bytes = call->max_bytes;
    const int64_t held =
        static_cast<int64_t>(bytes) + session_protocol::kMaxBytesBesideCall;
    if (ABSL_PREDICT_FALSE(message.max_bytes + bytes > full)) {
      if (bytes + kCancelBytes > stream.max_message_bytes) {
        EndTooLarge(*call, stream.max_message_bytes, deferred);
        continue;
      }
      if (!message.is_empty()) break;
    }
    if (call->method > stream.names_sent) break;
    if (stream.open_calls >= stream.max_calls) break;
    if (stream.open_bytes + held > stream.max_bytes && stream.open_calls > 0) {
      break;
    }
    waiting_.PopFirst();
    StopWaiting(*call);
    call->state = CallState::kSent;
    call->stream = &stream;
    call->message = message.number;
    ++call->attempts;
    ++stream.open_calls;
    stream.open_bytes += held;
    message.max_bytes += bytes;
    message.calls.push_back(call);
  }
}

void SessionLink::EndTooLarge(ClientCall& call, size_t max_message_bytes,
                              Deferred& deferred) {
  StopWaiting(call);
  End(call,
      Failed(absl::ResourceExhaustedError(
                 absl::StrCat("the request has ", call.payload.size(),
                              " bytes; a message to this server holds ",
                              max_message_bytes, ", all in all")),
             v1::REASON_BAD_REQUEST, v1::EXECUTED_NO),
      deferred);
}

void SessionLink::Cancel(CallId id) {
  Deferred deferred;
  {
    MutexLock lock(mutex_);
    ClientCall* const call = calls_.Find(id.slot);
    if (call == nullptr || call->generation != id.generation) return;
    switch (call->state) {
      case CallState::kWaiting:
        StopWaiting(*call);
        [[fallthrough]];
      case CallState::kBackingOff:
        End(*call, Cancelled(), deferred);
        break;
      case CallState::kSent:
        // The server's answer tells whether a handler ran, if it comes in time.
        if (call->cancelled()) break;
        call->cancelled_at = steady_clock::now();
        call->stream->cancels.push_back(call->slot);
        PutMessageTogether(*call->stream, deferred);
        alarm_.WakeAt(DueAt(*call));
        break;
      case CallState::kReserved:
        early_cancels_.push_back(id);  // It has yet to be submitted.
        break;
      default:
        break;  // It is over.
    }
  }
  RunDeferred(deferred);
}

void SessionLink::Written(SessionStream& stream) {
  Deferred deferred;
  {
    MutexLock lock(mutex_);
    stream.writing = false;
    PutMessageTogether(stream, deferred);
  }
  RunDeferred(deferred);
}

void SessionLink::Started(SessionStream& stream) {
  MutexLock lock(mutex_);
  --stream.starting;
  EndHoldIfOver(stream);
}

void SessionLink::RunDeferred(Deferred& deferred) {
  for (SessionStream* stream : deferred.write) stream->Write();
  if (deferred.begin != nullptr) deferred.begin->Begin(options_, token_);
  if (deferred.ended.empty()) return;
  const CallbackScope scope(this);
  for (EndedCall& one : deferred.ended) {
    one.done({.status = std::move(one.status)});
    one.done = nullptr;
  }
  MutexLock lock(mutex_);
  running_ -= static_cast<int>(deferred.ended.size());
  if (closed_) changed_.NotifyAll();
}

}  // namespace pinion::client_internal
