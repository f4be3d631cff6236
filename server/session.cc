// SPDX-License-Identifier: Apache-2.0
#include "server/session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "proto/wire/session_answer.h"
#include "server/grpc_status.h"

namespace pinion {
namespace {

using std::chrono::nanoseconds;

// A message of answers grows to this, unless one answer alone is larger.
constexpr size_t kFullMessage = 64 << 10;

// With so many bytes of answers unsent, no further calls are read: the client
// takes fewer than it asks for.
constexpr int64_t kMostUnsentBytes = 4 << 20;

// What a waiting answer counts beside its payload.
constexpr int64_t kAnswerBytes = 64;

// A call takes two bytes of a message, but a hundred times that here.
constexpr size_t kMostCallsOfMessage = 128 << 10;

// Of the protocol; see session.proto.
constexpr uint32_t kRevision = 1;
constexpr uint32_t kMostMethodIndex = 1024;

constexpr uint64_t kLongestTimeoutMicros =
    uint64_t{100} * 365 * 86400 * 1000000;

// As the door knows it; of a number that is no Priority, the number.
std::string NameOf(v1::Priority priority) {
  switch (priority) {
    case v1::PRIORITY_URGENT:
      return "urgent";
    case v1::PRIORITY_NORMAL:
      return "normal";
    case v1::PRIORITY_BULK:
      return "bulk";
    default:
      return absl::StrCat(static_cast<int>(priority));
  }
}

Answer TooMany(absl::string_view what, int64_t has, int64_t most) {
  return Failed(
      absl::ResourceExhaustedError(absl::StrCat(
          "the session already has ", has, " ", what, " open, of at most ",
          most, "; wait for answers, or open another session")),
      v1::REASON_TOO_MANY_CALLS, v1::EXECUTED_NO);
}

Answer IdIsOpen(uint64_t id) {
  return Failed(
      absl::InvalidArgumentError(absl::StrCat(
          "the id ", id, " is that of a call of the session that is open; ",
          "give each open call an id of its own")),
      v1::REASON_BAD_REQUEST, v1::EXECUTED_NO);
}

absl::Status EndOf(v1::DrainReason reason) {
  return absl::UnavailableError(
      reason == v1::DRAIN_REASON_STOPPING
          ? "the server is stopping; call another"
          : "the session is old; open another session");
}

Answer NoSuchMethod(absl::string_view name) {
  return Failed(absl::UnimplementedError(
                    absl::StrCat("this server hosts no method ",
                                 absl::CHexEscape(name.substr(0, 256)))),
                v1::REASON_NO_SUCH_METHOD, v1::EXECUTED_NO);
}

Answer OnlyPlain(const HostedMethod& method) {
  return Failed(
      absl::UnimplementedError(absl::StrCat(
          method.path,
          " is a streaming method, which is served as a plain gRPC call only, "
          "not within sessions")),
      v1::REASON_NO_SUCH_METHOD, v1::EXECUTED_NO);
}

// The longest beginning of `text`, which is longer, that has no more than
// `most` bytes and does not end within a character.
absl::string_view Begin(absl::string_view text, size_t most) {
  while (most > 0 && (static_cast<uint8_t>(text[most]) & 0xc0) == 0x80) --most;
  return text.substr(0, most);
}

// An error that makes a message of more than `most` bytes says less: first of
// what is beside its text.
void CutToFit(SessionCall& call, size_t most) {
  AnswerRest& rest = *call.answer.rest;
  size_t size = call.MessageSize(call.answer);
  if (size <= most) return;
  rest.status_details.clear();
  size = call.MessageSize(call.answer);
  if (size <= most) return;
  rest.trailing.clear();
  size = call.MessageSize(call.answer);
  if (size <= most) return;
  constexpr absl::string_view kCut = "...";
  absl::Status& status = call.answer.status;
  const absl::string_view text = status.message();
  const size_t less = std::min(text.size(), size - most + kCut.size());
  status = absl::Status(status.code(),
                        absl::StrCat(Begin(text, text.size() - less), kCut));
}

// What the handler said beside the error's text.
void EncodeDetails(Answer& answer) {
  std::string payloads;
  AppendPayloads(answer.status, &payloads);
  if (payloads.empty()) return;
  answer.rest->status_details =
      absl::StrCat(EncodeStatus(static_cast<int>(answer.status.code()),
                                answer.status.message()),
                   payloads);
}

}  // namespace

void SessionHost::Take(SessionCall& call, Verdict verdict) const {
  if (!call.admitted || call.fate.answered()) return;
  methods.find(call.method->path)->second.lanes->Take(call, verdict);
}

void Session::Await(const SessionHost& host, IoThread& io) {
  auto* session = new Session(host, io);  // Deletes itself.
  Outbox& outbox = session->outbox_;
  outbox.Expect();
  host.service->AwaitBidi(host.index, &outbox.context(),
                          &session->outbox_.stream(), io.queue(),
                          static_cast<IoEvent*>(session));
}

Session::Session(const SessionHost& host, IoThread& io)
    : host_(host),
      io_(io),
      outbox_(io, *this, host.expirer->clock(), host.limits.write_timeout) {}

void Session::OnEvent(bool ok) {
  if (!ok) {
    io_.NoCallComes();
    delete this;  // The server shuts down; no stream will come.
    return;
  }
  Await(host_, io_);
  io_.CallOpened(*this);
  outbox_.Open();  // The hello is due.
  if (host_.limits.max_age.has_value()) age_.Set(*host_.limits.max_age);
  if (io_.stop_begun()) OnStopBegun();
  if (io_.no_more_time()) OnStop();
  ReadOn();
}

void Session::ReadOn() {
  if (reads_ended_ || outbox_.broken()) return;
  if (end_.has_value() || read_.under_way()) return;
  if (outbox_.pending_bytes() >= kMostUnsentBytes) return;
  // Small answers hold large messages. Refused or not, their calls are there
  // until these have left.
  const bool unsent = outbox_.writing() || !ready_.empty();
  if (unsent && open_bytes_ >= 2 * host_.limits.most_bytes) return;
  outbox_.stream().Read(&incoming_, read_.Begin());
}

void Session::OnRead(bool ok) {
  if (!ok) {
    reads_ended_ = true;
    outbox_.FlushSoon();
    EndWhenOver();
    return;
  }
  SessionBytes bytes(incoming_);
  incoming_.Clear();
  if (!outbox_.broken() && !end_.has_value()) TakeMessage(std::move(bytes));
  ReadOn();
}

void Session::TakeMessage(SessionBytes bytes) {
  SessionRequest request(bytes.view());
  if (!request.Scan()) return EndWith(request.status());
  if (request.calls() > kMostCallsOfMessage) {
    return EndWith(absl::ResourceExhaustedError(
        absl::StrCat("a message has ", request.calls(), " calls; at most ",
                     kMostCallsOfMessage, " are possible")));
  }
  absl::Status names;
  request.ForEachMethodName(
      [&](const MethodNameView& name) { names.Update(NameMethod(name)); });
  if (!names.ok()) return EndWith(names);
  request.ForEachCancel([&](uint64_t id) { Cancel(id); });
  if (request.calls() > 0) TakeCalls(request, std::move(bytes));
}

absl::Status Session::NameMethod(const MethodNameView& name) {
  if (name.index < 1 || name.index > kMostMethodIndex) {
    return absl::InvalidArgumentError(
        absl::StrCat("a method has the index ", name.index, "; valid are 1 to ",
                     kMostMethodIndex));
  }
  if (name.index >= methods_.size()) methods_.resize(name.index + 1);
  methods_[name.index] = FindMethod(name.name);
  return absl::OkStatus();
}

SessionMethod Session::FindMethod(absl::string_view path) const {
  const auto found = host_.methods.find(path);
  return found == host_.methods.end() ? SessionMethod() : found->second;
}

void Session::Cancel(uint64_t id) {
  // One that is not open was answered; the answer is on its way.
  const auto found = open_.find(id);
  if (found != open_.end()) host_.Take(**found, Verdict::kCancelled);
}

void Session::TakeCalls(SessionRequest& request, SessionBytes bytes) {
  SessionBlock* block =
      SessionBlock::Make(*this, host_, std::move(bytes), request.calls());
  std::vector<Entrant> entrants;
  entrants.reserve(request.calls());
  std::vector<std::pair<SessionCall*, Answer>> refused;
  std::deque<std::string> wished;  // As wishes are told.
  const Moment now = host_.expirer->clock().Now();
  CallView view;
  while (request.NextCall(&view)) {
    SessionCall* call = block->Add();
    call->set_id(view.id);
    const auto [place, is_new] = open_.insert(call);
    if (!is_new) {
      refused.emplace_back(call, IdIsOpen(view.id));
      continue;
    }
    const SessionMethod method = MethodOf(view);
    std::optional<Answer> refusal = Prepare(view, method, now, *call);
    if (refusal.has_value()) {
      open_.erase(place);
      refused.emplace_back(call, *std::move(refusal));
      continue;
    }
    Wishes wishes;
    if (view.worker.has_value()) {
      wishes.worker = wished.emplace_back(absl::StrCat(*view.worker));
    }
    if (view.priority != v1::PRIORITY_UNSPECIFIED) {
      wishes.priority = wished.emplace_back(NameOf(view.priority));
    }
    entrants.push_back({.call = call, .lanes = method.lanes, .wishes = wishes});
  }
  block->AllAdded();
  unclosed_calls_ += static_cast<int64_t>(block->size());
  open_bytes_ += block->bytes();
  if (request.ok()) {
    for (auto& [call, refusal] : refused) Refuse(*call, std::move(refusal));
    host_.door->EnterAll(entrants, [this](RoutedCall& call, Answer refusal) {
      auto& refused = static_cast<SessionCall&>(call);
      refused.admitted = false;
      Refuse(refused, std::move(refusal));
    });
    block->ArmDeadline(io_.index());
  } else {
    // None of a message that cannot be decoded enters.
    for (size_t i = 0; i < block->size(); ++i) {
      block->call(i).admitted = false;
      Refuse(block->call(i),
             Failed(request.status(), v1::REASON_BAD_REQUEST, v1::EXECUTED_NO));
    }
    EndWith(request.status());
  }
  block->Unref();
}

SessionMethod Session::MethodOf(const CallView& view) const {
  if (!view.method.empty()) return FindMethod(view.method);
  return view.method_index < methods_.size() ? methods_[view.method_index]
                                             : SessionMethod();
}

std::optional<Answer> Session::Prepare(const CallView& view,
                                       const SessionMethod& method, Moment now,
                                       SessionCall& call) {
  call.set_request(view.payload);
  call.wants_timing = view.want_timing;
  if (view.timeout_us > 0) {
    call.deadline = now + std::chrono::microseconds(
                              std::min(view.timeout_us, kLongestTimeoutMicros));
  }
  call.method = method.method;
  if (RefusesCalls()) {
    return Failed(EndOf(drain_reason_), v1::REASON_STOPPING, v1::EXECUTED_NO);
  }
  const SessionLimits& limits = host_.limits;
  const auto open = static_cast<int64_t>(open_.size()) - 1;  // Without it.
  if (open >= limits.most_calls) {
    return TooMany("calls", open, limits.most_calls);
  }
  if (open_bytes_ >= limits.most_bytes) {
    return TooMany("bytes", open_bytes_, limits.most_bytes);
  }
  if (call.method == nullptr) {
    return NoSuchMethod(view.method.empty()
                            ? absl::StrCat("of the index ", view.method_index)
                            : view.method);
  }
  if (call.method->handler.streams) return OnlyPlain(*call.method);
  call.admitted = true;
  if (view.has_metadata && call.method->handler.uses_context) {
    std::vector<RoutedCall::Metadata> metadata;
    MetadataReader reader = view.metadata();
    for (MetadataView entry; reader.Next(&entry);) {
      metadata.emplace_back(std::string(entry.name), std::string(entry.value));
    }
    call.block().SetMetadata(std::move(metadata));
  }
  return std::nullopt;
}

void Session::Refuse(SessionCall& call, Answer refusal) {
  call.answer = std::move(refusal);
  Answered(call);
}

void Session::TakeAll(Verdict verdict) {
  for (SessionCall* call : open_) host_.Take(*call, verdict);
}

void Session::Answered(SessionCall& call) {
  if (!call.answer.status.ok()) {
    EncodeDetails(call.answer);
    CutToFit(call, static_cast<size_t>(host_.limits.most_message_bytes));
  }
  ready_.Push(static_cast<IoDelivery*>(&call));
  outbox_.Add(BytesOf(call));
  call.block().Answered();
}

int64_t Session::BytesOf(const SessionCall& call) {
  const Answer& answer = call.answer;
  int64_t bytes =
      kAnswerBytes + static_cast<int64_t>(answer.payload.size() +
                                          answer.status.message().size());
  if (answer.rest != nullptr) {
    bytes += static_cast<int64_t>(answer.rest->status_details.size());
    for (const auto& [name, value] : answer.rest->trailing) {
      bytes += static_cast<int64_t>(name.size() + value.size());
    }
  }
  return bytes;
}

std::optional<OutboxOwner::Message> Session::NextMessage() {
  if (!hello_due_ && !drain_due_ && ready_.empty()) return std::nullopt;
  const size_t full = std::min(
      kFullMessage, static_cast<size_t>(host_.limits.most_message_bytes));
  std::vector<SessionCall*> calls;
  std::vector<MetadataView> trailing;
  const std::string head = Head();
  size_t size = head.size();
  int64_t added = 0;
  while (auto* call = static_cast<SessionCall*>(ready_.Pop<IoDelivery>())) {
    const size_t answer_size =
        AnswerSize(call->Outgoing(call->answer, trailing));
    if (size > 0 && size + answer_size > full) {
      PutBack(*call);
      break;
    }
    added += BytesOf(*call);
    size += answer_size;
    calls.push_back(call);
  }
  grpc::Slice slice(size);
  // A slice is const to share it; this one is nobody else's yet.
  auto* out = const_cast<uint8_t*>(slice.begin());
  out = std::copy(head.begin(), head.end(), out);
  for (SessionCall* call : calls) {
    out = WriteAnswer(call->Outgoing(call->answer, trailing), out);
    Close(*call);
  }
  PINION_DCHECK(out == slice.end(), "a message of another size than counted");
  return Message{.bytes = grpc::ByteBuffer(&slice, 1), .added = added};
}

void Session::PutBack(SessionCall& call) {
  WorkChain ready;
  ready.Push(static_cast<IoDelivery*>(&call));
  ready.Append(std::move(ready_));
  ready_ = std::move(ready);
}

std::string Session::Head() {
  std::string head;
  if (std::exchange(hello_due_, false)) {
    v1::ServerHello hello;
    hello.set_instance_id(host_.instance_id);
    hello.set_revision(kRevision);
    hello.set_max_open_calls(host_.limits.most_calls);
    hello.set_max_open_bytes(host_.limits.most_bytes);
    hello.set_max_message_bytes(host_.limits.most_message_bytes);
    head += EncodeServerHello(hello);
  }
  if (std::exchange(drain_due_, false)) {
    const nanoseconds grace = drain_reason_ == v1::DRAIN_REASON_STOPPING
                                  ? host_.stop_grace
                                  : host_.limits.age_grace;
    head += EncodeDrain(
        std::chrono::duration_cast<std::chrono::microseconds>(grace).count(),
        drain_reason_);
  }
  return head;
}

void Session::DropReady() {
  while (auto* call = static_cast<SessionCall*>(ready_.Pop<IoDelivery>())) {
    Close(*call);
  }
  hello_due_ = drain_due_ = false;
  LeaveDoor();
}

// The answer is in a message, or nobody wants it.
void Session::Close(SessionCall& call) {
  const auto found = open_.find(call.id());
  if (found != open_.end() && *found == &call) open_.erase(found);
  --unclosed_calls_;
  if (call.inside) ++leaving_;
  if (call.block().Closed()) open_bytes_ -= call.block().bytes();
  call.Unref();
}

void Session::LeaveDoor() {
  if (leaving_ > 0) host_.door->Leave(std::exchange(leaving_, 0));
}

void Session::OnWritten(int64_t) {
  LeaveDoor();
  ReadOn();
}

void Session::OnOld(bool ok) {
  if (!ok || outbox_.finish_begun() || outbox_.broken()) return EndWhenOver();
  if (!age_told_) {
    // A session that is told to stop was told enough.
    if (drain_reason_ == v1::DRAIN_REASON_UNSPECIFIED) {
      Drain(v1::DRAIN_REASON_CONNECTION_AGE);
    }
    age_told_ = true;
    age_.Set(host_.limits.age_grace);
  } else {
    TakeAll(Verdict::kStopped);
    EndWith(EndOf(v1::DRAIN_REASON_CONNECTION_AGE));
  }
}

void Session::OnStopBegun() {
  // Also what was told that it is old: of a server that stops, another session
  // is no use.
  Drain(v1::DRAIN_REASON_STOPPING);
}

void Session::Drain(v1::DrainReason reason) {
  drain_reason_ = reason;
  drain_due_ = true;
  outbox_.FlushSoon();
}

void Session::OnStop() {
  TakeAll(Verdict::kStopped);
  EndWith(EndOf(v1::DRAIN_REASON_STOPPING));
}

void Session::EndWith(const absl::Status& status) {
  if (!end_.has_value()) {
    end_ = status;
    if (status.code() != absl::StatusCode::kUnavailable) {
      TakeAll(Verdict::kCancelled);
    }
  }
  outbox_.FlushSoon();
}

std::optional<grpc::Status> Session::TryEnd() {
  if (unclosed_calls_ > 0) return std::nullopt;
  if (!end_.has_value() && !outbox_.broken() && !reads_ended_) {
    return std::nullopt;
  }
  age_.Cancel();
  if (end_.has_value()) {
    return grpc::Status(static_cast<grpc::StatusCode>(end_->code()),
                        std::string(end_->message()));
  }
  // CANCELLED for gRPC's order; nobody hears it.
  return outbox_.broken() ? grpc::Status::CANCELLED : grpc::Status::OK;
}

void Session::EndWhenOver() {
  if (!outbox_.closed() || read_.under_way() || age_.under_way()) return;
  io_.CallClosed(*this);
  delete this;
}

}  // namespace pinion
