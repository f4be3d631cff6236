// SPDX-License-Identifier: Apache-2.0
#include "client/session_link.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "client/callback_scope.h"
#include "client/failure.h"
#include "client/link_errors.h"
#include "proto/wire/session_call.h"

namespace pinion::client_internal {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

constexpr uint32_t kRevision = 1;  // Of session.proto.

// A message closes at this size, unless one call alone is larger.
constexpr size_t kFullMessage = 64 << 10;

// What a call's fields but payload, method and metadata take at most: 42 bytes.
constexpr size_t kCallBytes = 48;
constexpr size_t kCancelBytes = 10;

// Protobuf's own bound for a message.
constexpr size_t kMostRequestBytes = (size_t{1} << 31) - 1;
constexpr size_t kMetadataBytes = 24;  // Tags and lengths of an entry.

// How many names a session may have.
constexpr size_t kMostNames = 1024;

// So many answers are told between two looks at what they started: messages
// stay large, and no call waits longer than their callbacks take.
constexpr size_t kMostTaken = 64;

SteadyTime DeadlineOf(absl::Duration timeout) {
  if (timeout == absl::InfiniteDuration()) return kNever;
  return After(steady_clock::now(), absl::ToChronoNanoseconds(std::max(
                                        timeout, absl::ZeroDuration())));
}

size_t MostBytesOf(const ClientCall& call) {
  size_t bytes = kCallBytes + call.payload.size();
  if (call.rare != nullptr) {
    bytes += call.rare->method_name.size();
    for (const auto& [name, value] : call.rare->metadata) {
      bytes += kMetadataBytes + name.size() + value.size();
    }
  }
  return bytes;
}

absl::Status StatusOf(const AnswerView& answer) {
  if (answer.code == 0) return absl::OkStatus();
  absl::Status status(static_cast<absl::StatusCode>(answer.code),
                      answer.message);
  if (answer.has_failure) status = Failed(std::move(status), answer.failure());
  AddDetails(answer.status_details, status);
  return status;
}

void Tell(ClientCall& call, const AnswerView& answer) {
  Reply reply;
  if (answer.code == 0) {
    reply.response = answer.payload;
  } else {
    reply.status = StatusOf(answer);
  }
  if (answer.has_timing) reply.timing = answer.timing();
  if (answer.has_trailing) {
    MetadataReader reader = answer.trailing();
    for (MetadataView entry; reader.Next(&entry);) {
      reply.trailing.emplace_back(std::string(entry.name),
                                  std::string(entry.value));
    }
  }
  call.done(reply);
  call.done = nullptr;  // What it holds goes without the lock.
}

}  // namespace

// What the callbacks of a link start on the thread that runs them. That thread
// takes it up when they have returned: it makes one message, and the link is
// locked once for all.
struct SessionLink::Telling {
  SessionLink* link;
  // Calls that may be started without the lock, of this method.
  std::vector<ClientCall*> kept = {};
  absl::string_view method = {};
  uint32_t method_index = 0;
  // Those that were, in order.
  std::vector<ClientCall*> started = {};
  bool has_more = false;  // Others were.
};

// This thread's; null: it runs no callbacks.
thread_local SessionLink::Telling* SessionLink::telling_here = nullptr;

// Until the end of the scope.
class SessionLink::TellingHere {
 public:
  explicit TellingHere(Telling& telling)
      : before_(std::exchange(telling_here, &telling)) {}
  ~TellingHere() { telling_here = before_; }

 private:
  Telling* const before_;
};

SessionLink::SessionLink(std::shared_ptr<grpc::Channel> channel,
                         const ClientOptions& options, int place)
    : channel_(std::move(channel)),
      options_(options),
      place_(place),
      verdict_timeout_(absl::ToChronoNanoseconds(options.verdict_timeout)),
      stub_(channel_),
      budget_(options.retry) {}

SessionLink::~SessionLink() { Close(); }

// ---- Way out ----

CallId SessionLink::Start(absl::string_view method, size_t size,
                          absl::FunctionRef<void(std::string&)> fill,
                          const CallOptions& options, DoneFunction&& done) {
  const SteadyTime deadline = DeadlineOf(options.timeout);
  Telling* const telling = telling_here;
  const bool in_callback = telling != nullptr && telling->link == this;
  if (in_callback && !telling->kept.empty() && telling->method == method &&
      size <= kMostRequestBytes) {
    ClientCall& call = *telling->kept.back();
    telling->kept.pop_back();
    telling->started.push_back(&call);
    call.method = telling->method_index;
    Fill(call, deadline, fill, options, std::move(done));
    return {place_, call.slot, call.generation};
  }
  absl::Status refusal;
  CallId id;
  Todo todo;
  {
    MutexLock lock(mutex_);
    // They came before this one.
    if (in_callback) TakeUp(*telling, todo);
    refusal = CheckRoom(size);
    if (refusal.ok()) {
      ClientCall& call = calls_.Add();
      NameMethod(method, call);
      Fill(call, deadline, fill, options, std::move(done));
      id = {place_, call.slot, call.generation};
      Wait(call);
      if (in_callback) {
        telling->has_more = true;
      } else {
        Proceed(todo);
      }
    }
  }
  if (!refusal.ok()) {
    const CallbackScope scope(this);
    done({.status = std::move(refusal)});
  }
  Do(todo);
  return id;
}

void SessionLink::Fill(ClientCall& call, SteadyTime deadline,
                       absl::FunctionRef<void(std::string&)> fill,
                       const CallOptions& options, DoneFunction&& done) {
  fill(call.payload);
  call.want_timing = options.want_timing;
  call.priority = options.priority;
  call.deadline = deadline;
  call.done = std::move(done);
  if (options.worker.has_value()) call.Rare().worker = options.worker;
  if (!options.metadata.empty()) call.Rare().metadata = options.metadata;
  call.most_bytes = static_cast<uint32_t>(MostBytesOf(call));
}

absl::Status SessionLink::CheckRoom(size_t size) const {
  if (closed_) return ClientGone(v1::EXECUTED_NO);
  if (size > kMostRequestBytes) {
    return Failed(
        absl::ResourceExhaustedError(absl::StrCat(
            "the request has ", size, " bytes; a message holds 2 GiB at most")),
        v1::REASON_BAD_REQUEST, v1::EXECUTED_NO);
  }
  const auto bytes = static_cast<int64_t>(size);
  if (waiting_bytes_ == 0 ||
      waiting_bytes_ + bytes <= options_.most_waiting_bytes) {
    return absl::OkStatus();
  }
  return Failed(
      absl::ResourceExhaustedError(absl::StrCat(
          waiting_bytes_, " bytes of requests wait for a session, of at most ",
          options_.most_waiting_bytes,
          "; wait for answers, or raise ClientOptions::most_waiting_bytes")),
      v1::REASON_TOO_MANY_CALLS, v1::EXECUTED_NO);
}

void SessionLink::NameMethod(absl::string_view name, ClientCall& call) {
  // Mostly it is that of the call before.
  if (last_method_ > 0 && method_names_[last_method_ - 1] == name) {
    call.method = last_method_;
    return;
  }
  const auto found = method_index_.find(name);
  if (found != method_index_.end()) {
    call.method = found->second;
  } else if (method_names_.size() < kMostNames) {
    method_names_.emplace_back(name);
    call.method = static_cast<uint32_t>(method_names_.size());
    method_index_.emplace(name, call.method);
  } else {
    call.method = 0;
    call.Rare().method_name = std::string(name);
    return;
  }
  last_method_ = call.method;
}

void SessionLink::Wait(ClientCall& call) {
  call.state = CallState::kWaiting;
  waiting_.PushBack(call);
  waiting_bytes_ += static_cast<int64_t>(call.payload.size());
  if (call.deadline != kNever) WakeAt(call.deadline);
}

void SessionLink::StopWaiting(const ClientCall& call) {
  waiting_bytes_ -= static_cast<int64_t>(call.payload.size());
}

void SessionLink::Proceed(Todo& todo) {
  if (stream_ != nullptr) {
    PutMessageTogether(*stream_, todo);
  } else if (!closed_ && waiting_.First() != nullptr) {
    OpenStream(todo);
  }
}

void SessionLink::OpenStream(Todo& todo) {
  const SteadyTime now = steady_clock::now();
  if (now < next_attempt_) {
    WakeAt(next_attempt_);
    return;
  }
  if (failing_since_ == kNever) failing_since_ = now;
  stream_ = new SessionStream(*this);
  streams_.push_back(stream_);
  ++streams_not_gone_;
  todo.begin = stream_;
  WakeAt(ConnectDueAt());
}

void SessionLink::PutMessageTogether(SessionStream& stream, Todo& todo) {
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
    hello.set_revision(kRevision);
    hello.set_name(options_.name);
    message.head = EncodeClientHello(hello);
  }
  if (stream.phase == Phase::kOpen) PutNamesIn(stream);
  message.most_bytes =
      message.head.size() + kCancelBytes * (message.cancels.size() + 1);
  if (stream.phase == Phase::kOpen) PutCallsIn(stream, todo);
  const bool empty =
      message.head.empty() && message.cancels.empty() && message.calls.empty();
  if (empty) {
    if (stream.phase != Phase::kDraining || stream.open_calls > 0) return;
    message.ends_writes = true;
    stream.wrote_last = true;
  }
  ++stream.messages;
  stream.writing = true;
  ++stream.starting;
  todo.write.push_back(&stream);
}

void SessionLink::PutNamesIn(SessionStream& stream) {
  std::string& head = stream.message().head;
  while (stream.names_sent < method_names_.size() &&
         head.size() < stream.most_message_bytes / 2) {
    const std::string& name = method_names_[stream.names_sent++];
    head += EncodeMethodName(static_cast<uint32_t>(stream.names_sent), name);
  }
}

void SessionLink::PutCallsIn(SessionStream& stream, Todo& todo) {
  SessionStream::Message& message = stream.message();
  const size_t full = std::min(kFullMessage, stream.most_message_bytes);
  while (ClientCall* call = waiting_.First()) {
    const size_t bytes = call->most_bytes;
    if (bytes + kCancelBytes > stream.most_message_bytes) {
      StopWaiting(*call);
      End(*call,
          Failed(absl::ResourceExhaustedError(
                     absl::StrCat("the request has ", call->payload.size(),
                                  " bytes; a message to this server holds ",
                                  stream.most_message_bytes, ", all in all")),
                 v1::REASON_BAD_REQUEST, v1::EXECUTED_NO),
          todo);
      continue;
    }
    const auto held = static_cast<int64_t>(bytes);
    const bool has_other = !message.head.empty() || !message.cancels.empty() ||
                           !message.calls.empty();
    if (has_other && message.most_bytes + bytes > full) break;
    if (call->method > stream.names_sent) break;
    if (stream.open_calls >= stream.most_calls) break;
    if (stream.open_calls > 0 && stream.open_bytes + held > stream.most_bytes) {
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
    message.most_bytes += bytes;
    message.calls.push_back(call);
  }
}

void SessionLink::Cancel(CallId id) {
  Todo todo;
  {
    MutexLock lock(mutex_);
    ClientCall* const call = calls_.Find(id.slot);
    if (call == nullptr || call->generation != id.generation) return;
    switch (call->state) {
      case CallState::kWaiting:
        StopWaiting(*call);
        [[fallthrough]];
      case CallState::kResting:
        End(*call, Cancelled(), todo);
        break;
      case CallState::kSent:
        // The server's answer tells whether a handler ran.
        call->cancelled = true;
        call->stream->cancels.push_back(call->slot);
        PutMessageTogether(*call->stream, todo);
        break;
      case CallState::kKept:
        early_cancels_.push_back(id);  // It has yet to be taken up.
        break;
      default:
        break;  // It is over.
    }
  }
  Do(todo);
}

void SessionLink::Written(SessionStream& stream) {
  Todo todo;
  {
    MutexLock lock(mutex_);
    stream.writing = false;
    PutMessageTogether(stream, todo);
  }
  Do(todo);
}

void SessionLink::Started(SessionStream& stream) {
  MutexLock lock(mutex_);
  --stream.starting;
  EndHoldIfOver(stream);
}

// ---- Way in ----

void SessionLink::Answered(SessionStream& stream, absl::string_view message) {
  SessionResponse response(message);
  const bool good = response.Scan();
  std::vector<Taken> taken;
  taken.reserve(std::min(kMostTaken, response.answers()));
  Telling telling = {.link = this};
  const TellingHere here(telling);
  const CallbackScope scope(this);
  bool first = true;
  do {
    Todo todo;
    {
      MutexLock lock(mutex_);
      for (const Taken& told : taken) calls_.Remove(*told.call);
      taken.clear();
      telling.has_more = false;
      TakeUp(telling, todo);
      if (good && first) TakeHead(stream, response);
      if (good) TakeAnswers(stream, response, taken);
      if (!response.ok() && stream.fault.ok()) {
        stream.fault = response.status();
        stream.Break();
      }
      KeepCalls(taken.size(), telling);
      Proceed(todo);
      // One that drains ends with its last answer.
      if (&stream != stream_) PutMessageTogether(stream, todo);
    }
    first = false;
    Do(todo);
    for (const Taken& told : taken) Tell(*told.call, told.answer);
  } while (!taken.empty() || telling.has_more);
}

void SessionLink::TakeUp(Telling& telling, Todo& todo) {
  for (ClientCall* call : telling.kept) calls_.Remove(*call);
  telling.kept.clear();
  for (ClientCall* call : telling.started) {
    const absl::Status refusal = CheckRoom(call->payload.size());
    if (refusal.ok()) {
      Wait(*call);
    } else {
      End(*call, refusal, todo);
    }
  }
  telling.started.clear();
  for (const CallId& id : std::exchange(early_cancels_, {})) {
    ClientCall* const call = calls_.Find(id.slot);
    if (call == nullptr || call->generation != id.generation) continue;
    if (call->state == CallState::kKept) {
      early_cancels_.push_back(id);  // Another thread's.
    } else {
      StopWaiting(*call);
      End(*call, Cancelled(), todo);
    }
  }
}

void SessionLink::KeepCalls(size_t count, Telling& telling) {
  if (last_method_ == 0) return;
  telling.method_index = last_method_;
  telling.method = method_names_[last_method_ - 1];
  for (size_t i = 0; i < count; ++i) {
    ClientCall& call = calls_.Add();
    call.state = CallState::kKept;
    telling.kept.push_back(&call);
  }
}

void SessionLink::TakeHead(SessionStream& stream,
                           const SessionResponse& response) {
  if (response.hello().has_value()) {
    TakeHello(stream, *response.hello());
    if (!response.drain().has_value()) failing_since_ = kNever;
  }
  if (response.drain().has_value()) TakeDrain(stream);
}

void SessionLink::TakeHello(SessionStream& stream,
                            const ServerHelloView& hello) {
  if (stream.phase != SessionStream::Phase::kOpening) return;
  const auto at_least_one = [](uint64_t limit) {
    return static_cast<int64_t>(
        std::clamp<uint64_t>(limit, 1, std::numeric_limits<int64_t>::max()));
  };
  stream.phase = SessionStream::Phase::kOpen;
  stream.most_calls = at_least_one(hello.max_open_calls);
  stream.most_bytes = at_least_one(hello.max_open_bytes);
  stream.most_message_bytes =
      static_cast<size_t>(at_least_one(hello.max_message_bytes));
}

void SessionLink::TakeDrain(SessionStream& stream) {
  if (stream.phase == SessionStream::Phase::kOver) return;
  stream.phase = SessionStream::Phase::kDraining;
  if (stream_ != &stream) return;
  stream_ = nullptr;
  if (stream.answered) {
    next_attempt_ = SteadyTime::min();
  } else {
    last_failure_ = absl::UnavailableError("the server is stopping");
    NoteFailedAttempt();
  }
}

void SessionLink::TakeAnswers(SessionStream& stream, SessionResponse& response,
                              std::vector<Taken>& taken) {
  int succeeded = 0;
  while (taken.size() < kMostTaken) {
    Taken& next = taken.emplace_back();
    if (!response.NextAnswer(&next.answer)) {
      taken.pop_back();
      break;
    }
    next.call = Settle(stream, next.answer);
    if (next.call == nullptr) {
      taken.pop_back();
    } else {
      succeeded += next.answer.code == 0;
    }
  }
  if (succeeded > 0) {
    failures_ = 0;
    budget_.Succeeded(succeeded);
  }
}

ClientCall* SessionLink::Settle(SessionStream& stream,
                                const AnswerView& answer) {
  ClientCall* const call = calls_.Find(answer.id);
  if (call == nullptr || call->stream != &stream ||
      !stream.HasRead(call->message)) {
    return nullptr;  // Not asked for.
  }
  const bool has_caller = call->state == CallState::kSent;
  if (!has_caller && call->state != CallState::kAbandoned) return nullptr;
  stream.answered = true;
  --stream.open_calls;
  stream.open_bytes -= call->most_bytes;
  call->stream = nullptr;
  if (!has_caller) {
    calls_.Remove(*call);
    return nullptr;
  }
  if (answer.code != 0 && Retry(*call, answer)) return nullptr;
  call->state = CallState::kAnswered;
  return call;
}

bool SessionLink::Retry(ClientCall& call, const AnswerView& answer) {
  if (closed_ || call.cancelled || !answer.has_failure) return false;
  const SteadyTime now = steady_clock::now();
  const auto rest = budget_.RestBefore(
      call.attempts, answer.failure(),
      call.deadline == kNever ? nanoseconds::max() : call.deadline - now);
  if (!rest.has_value()) return false;
  call.state = CallState::kResting;
  call.Rare().rests_until = After(now, *rest);
  call.Rare().refusal = StatusOf(answer);
  WakeAt(call.rare->rests_until);
  return true;
}

void SessionLink::Do(Todo& todo) {
  for (SessionStream* stream : todo.write) stream->Write();
  if (todo.begin != nullptr) todo.begin->Begin(stub_, options_);
  if (todo.told.empty()) return;
  const CallbackScope scope(this);
  for (Told& told : todo.told) {
    told.done({.status = std::move(told.status)});
    told.done = nullptr;
  }
  MutexLock lock(mutex_);
  running_ -= static_cast<int>(todo.told.size());
  if (closed_) changed_.NotifyAll();
}

}  // namespace pinion::client_internal
