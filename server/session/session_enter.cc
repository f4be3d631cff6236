// SPDX-License-Identifier: Apache-2.0
//
// The last step of a session's way in: the calls of a message enter, portion by
// portion, or are refused.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "pinion/proto/wire/metadata_rules.h"
#include "pinion/proto/wire/priority_name.h"
#include "pinion/proto/wire/process_hash.h"
#include "pinion/server/call/metadata_meter.h"
#include "pinion/server/call/refusals.h"
#include "pinion/server/call/served_method.h"
#include "pinion/server/door/plain_caller.h"
#include "pinion/server/door/requested_route.h"
#include "pinion/server/internal/task_class_of.h"
#include "pinion/server/lane/lanes.h"
#include "pinion/server/session/session.h"
#include "pinion/server/tracing/trace_headers.h"
#include "pinion/server/tracing/tracer.h"

namespace pinion {
namespace {

constexpr uint64_t kLongestTimeoutMicros =
    uint64_t{100} * 365 * 86400 * 1000000;

// Whether the call has nothing of what could be wrong with it.
bool IsPlain(const CallView& view) {
  return !view.has_metadata && !view.worker.has_value() &&
         view.priority == v1::PRIORITY_UNSPECIFIED;
}

// What the call asks for; an error if its priority is none.
absl::StatusOr<RequestedRoute> RequestedBy(const CallView& view) {
  RequestedRoute result;
  if (view.worker.has_value()) result.worker = *view.worker;
  if (view.priority == v1::PRIORITY_UNSPECIFIED) return result;
  if (PriorityName(view.priority).empty()) {
    return refusals::NoSuchPriority(view.priority);
  }
  result.task_class = TaskClassOf(view.priority);
  return result;
}

// A text takes about as long as so many calls that share one. It is made where
// a refusal adds more bytes than one does that shares its text.
constexpr size_t kCallsOfText = 15;
constexpr int64_t kBytesOfSharedText = 64;

// What the refusals of a portion are alike in.
enum Kind {
  kOwn = 0,
  kStopping,
  kTooManyCalls,
  kTooManyInMessage,
  kTooManyBytes,
  kNoIndex,
  kNoName,
  kIdOpen,
  kNotAllowed,
  kUnproven,
  kDoor
};

uint64_t HashOf(std::initializer_list<uint64_t> numbers) {
  uint64_t hash = 0;
  for (const uint64_t number : numbers) hash = ProcessHash()(hash ^ number);
  return hash;
}

// Advice that differs by less than a millisecond is the same.
SessionRefusals::Likeness LikenessOfRate(const Answer& refusal) {
  return {kDoor, HashOf({static_cast<uint64_t>(v1::REASON_RATE_LIMITED),
                         refusal.failure()->retry_after_us() / 1000})};
}

// Refusals of a door or lane that is full are alike for calls of one size: only
// the numbers of what it holds differ, by what has changed within microseconds.
// What depends on a call's deadline is its own.
SessionRefusals::Likeness LikenessOf(const SessionCall& call,
                                     const Answer& refusal) {
  const v1::Reason reason = refusal.failure()->reason();
  switch (reason) {
    case v1::REASON_LANE_FULL:
    case v1::REASON_SERVER_FULL:
    case v1::REASON_SHARE_FULL:
    case v1::REASON_STOPPING:
      return {kDoor, HashOf({static_cast<uint64_t>(reason),
                             static_cast<uint64_t>(call.worker),
                             reinterpret_cast<uintptr_t>(call.served->lanes),
                             call.request().size()})};
    case v1::REASON_RATE_LIMITED:
      return LikenessOfRate(refusal);
    default:
      return {kOwn};
  }
}

// Why a call may not have the metadata that it has; none: it may.
std::optional<Answer> MistakeInMetadata(const CallView& view) {
  if (!view.has_metadata) return std::nullopt;
  MetadataMeter meter;
  MetadataReader reader = view.metadata();
  for (MetadataView entry; reader.Next(&entry);) {
    if (!meter.Add(entry.name, entry.value)) return refusals::TooMuchMetadata();
    if (!IsMetadataName(entry.name) ||
        !IsMetadataValue(entry.name, entry.value)) {
      return refusals::BadMetadata(entry.name, entry.value);
    }
  }
  return std::nullopt;
}

// The authorization of a call; of two, none counts.
std::optional<absl::string_view> AuthorizationOf(const CallView& view) {
  std::optional<absl::string_view> found;
  MetadataReader reader = view.metadata();
  for (MetadataView entry; reader.Next(&entry);) {
    if (entry.name != "authorization") continue;
    found = found.has_value() ? absl::string_view("given twice") : entry.value;
  }
  return found;
}

// The span of a call; null: it is not traced.
std::unique_ptr<CallTrace> TraceOf(const CallView& view, Tracer& tracer) {
  TraceHeaders headers;
  if (view.has_metadata) {
    MetadataReader reader = view.metadata();
    for (MetadataView entry; reader.Next(&entry);) {
      headers.Add(entry.name, entry.value);
    }
  }
  return tracer.Begin(headers);
}

// Ends the span of a call that is refused, if it is traced.
void EndTraceRefused(const SessionCall& call, const Answer& refusal) {
  if (!call.traced) return;
  call.trace()->EndRefused(call.method().path, /*in_session=*/true,
                           static_cast<int>(refusal.status.code()));
}

bool KeepsMetadata(const CallView& view, const HostedMethod& method) {
  return view.has_metadata && method.handler.uses_context;
}

// What of the message a call needs as long as it lives.
absl::string_view KeptOf(const CallView& view, const HostedMethod& method) {
  return KeepsMetadata(view, method) ? view.serialized : view.payload;
}

}  // namespace

// What one portion of a message comes to. Kept by each thread, for its memory.
class Session::Portion {
 public:
  bool full() const {
    return size_ == candidates_.size() || read_calls_ >= kPortionCalls ||
           read_bytes_ >= kPortionBytes;
  }
  bool empty() const { return size_ == 0; }
  // Those that may enter.
  absl::Span<const Candidate> candidates() const {
    return absl::MakeConstSpan(candidates_.data(), size_);
  }
  // How many of them have metadata; how many bytes of the message they need;
  // and what they will take in all.
  size_t with_metadata() const { return with_metadata_; }
  size_t kept_bytes() const { return kept_bytes_; }
  int64_t held_bytes() const {
    return SessionBlock::BytesOf(size_, with_metadata_) +
           static_cast<int64_t>(kept_bytes_);
  }

  void Clear() {
    size_ = read_calls_ = read_bytes_ = with_metadata_ = kept_bytes_ = 0;
    arrivals.clear();
    same_id.clear();
    callers.clear();
  }

  // Where the next call is read; it stays if it is then kept.
  Candidate& Next() { return candidates_[size_]; }
  void NoteRead() {
    ++read_calls_;
    read_bytes_ += Next().view.serialized.size();
  }
  // It was refused by a text of its own.
  void NoteText() { read_calls_ += kCallsOfText; }
  void Keep() {
    const CallView& view = Next().view;
    const HostedMethod& method = Next().served->method;
    if (KeepsMetadata(view, method)) ++with_metadata_;
    kept_bytes_ += KeptOf(view, method).size();
    ++size_;
  }

  // Of the next call, if it has a token of its own, who makes it; else null.
  const SharedIdentity* OwnCaller() const {
    const bool has = !callers.empty() && callers.back().first == size_;
    return has ? &callers.back().second : nullptr;
  }
  // It was refused, and its place is another call's.
  void ForgetOwnCaller() {
    if (OwnCaller() != nullptr) callers.pop_back();
  }

  std::vector<Arrival> arrivals;
  std::vector<SessionCall*> same_id;  // As a call that is open.
  // Those that have a token of their own, by their place among the candidates.
  std::vector<std::pair<size_t, SharedIdentity>> callers;

 private:
  std::vector<Candidate> candidates_{kPortionCalls};
  size_t size_ = 0;
  size_t read_calls_ = 0;
  size_t read_bytes_ = 0;
  size_t with_metadata_ = 0;
  size_t kept_bytes_ = 0;
};

bool Session::EnterSome(Intake& in) {
  thread_local Portion portion;
  portion.Clear();
  LookAtIdentity();
  const size_t read_before = in.calls_read;
  ReadPortion(in, portion);
  listed_->calls.Add(in.calls_read - read_before);
  if (!in.request.ok()) return EndIntake(in.request.status()), false;
  if (!portion.empty()) Enter(in, portion);
  ShowNumbers();
  return in.calls_read == in.request.calls();
}

bool Session::IsAllowed(const Candidate& candidate, Rights& rights) {
  const CallView& view = candidate.view;
  const auto headers =
      [&](absl::string_view name) -> std::optional<std::string> {
    // What came with the stream may be a proxy's, and no call replaces it.
    if (auto value = HeaderOf(outbox_.context(), name)) return value;
    std::vector<absl::string_view> values;
    MetadataReader reader = view.metadata();
    for (MetadataView entry; reader.Next(&entry);) {
      if (entry.name == name) values.push_back(entry.value);
    }
    if (values.empty()) return std::nullopt;
    return absl::StrJoin(values, ",");
  };
  if (candidate.served != nullptr) {
    return rights.MayCall(*candidate.served, headers);
  }
  if (!view.method.empty()) return rights.MayCallPath(view.method, headers);
  const std::string* const name = UnknownNameOf(view.method_index);
  // An index without a name is no method's.
  return name == nullptr || rights.MayCallPath(*name, headers);
}

void Session::ReadPortion(Intake& in, Portion& portion) {
  while (!portion.full() && !HasMuchUnsent() && NextCall(in, portion)) {
    Candidate& candidate = portion.Next();
    portion.NoteRead();
    candidate.served = MethodOf(candidate.view);
    const int64_t refusal_bytes = answers_.refusal_bytes();
    const bool may_enter = MayEnter(in, portion, candidate);
    if (in.blocked.has_value()) return;  // It is read again.
    ++in.calls_read;
    if (may_enter) {
      portion.Keep();
    } else if (answers_.refusal_bytes() - refusal_bytes > kBytesOfSharedText) {
      portion.NoteText();
    }
  }
}

bool Session::NextCall(Intake& in, Portion& portion) {
  if (!in.blocked.has_value()) {
    return in.request.NextCall(&portion.Next().view);
  }
  portion.Next().view = *std::exchange(in.blocked, std::nullopt);
  return true;
}

const ServedMethod* Session::MethodOf(const CallView& view) const {
  if (!view.method.empty()) return FindMethod(view.method);
  return view.method_index < methods_.size()
             ? methods_[view.method_index].served
             : nullptr;
}

const std::string* Session::UnknownNameOf(uint32_t index) const {
  return index < methods_.size() ? methods_[index].unknown.get() : nullptr;
}

bool Session::MayEnter(Intake& in, Portion& portion, Candidate& candidate) {
  const CallView& view = candidate.view;
  const auto refuse = [&](v1::Reason reason, SessionRefusals::Likeness alike,
                          absl::FunctionRef<Answer()> refusal) {
    RefuseCandidate(candidate, reason, alike, refusal);
    return false;
  };
  if (RefusesCalls()) {
    const SessionRefusals::Likeness alike = {
        kStopping, static_cast<uint64_t>(drain_reason_)};
    return refuse(v1::REASON_STOPPING, alike, [&] {
      return refusals::SessionOver(end_.value_or(StatusOfDrain(drain_reason_)));
    });
  }
  const SessionLimits& limits = host_.limits;
  const size_t chosen = portion.candidates().size();
  // Their number does not change from call to call, so that all the refusals of
  // a flood share one text.
  if (static_cast<int64_t>(in.calls_read) >= limits.max_calls) {
    const size_t calls = in.request.calls();
    return refuse(v1::REASON_TOO_MANY_CALLS, {kTooManyInMessage, calls}, [&] {
      return refusals::TooManyInMessage(calls, limits.max_calls);
    });
  }
  const auto open = static_cast<int64_t>(open_.size() + chosen);
  if (open >= limits.max_calls) {
    const SessionRefusals::Likeness alike = {kTooManyCalls,
                                             static_cast<uint64_t>(open)};
    return refuse(v1::REASON_TOO_MANY_CALLS, alike, [&] {
      return refusals::SessionFullOfCalls(
          {.held = open, .max = limits.max_calls});
    });
  }
  // Relaxed: the number is all there is.
  if (memory_->load(std::memory_order_relaxed) + portion.held_bytes() >=
      limits.max_bytes) {
    return refuse(v1::REASON_TOO_MANY_CALLS, {kTooManyBytes}, [&] {
      return refusals::SessionFullOfBytes(limits.max_bytes);
    });
  }
  if (candidate.served != nullptr && IsPlain(view) && unproven_.ok() &&
      !candidate.served->method.handler.streams) {
    if (rights_.MayCallAtOnce(*candidate.served) ||
        IsAllowed(candidate, rights_)) {
      candidate.requested = {};
      return true;
    }
    return refuse(v1::REASON_NOT_ALLOWED, {kNotAllowed},
                  [] { return refusals::NotAllowed(); });
  }
  return MayEnterWithCare(in, portion, candidate);
}

// Whatever is wrong with a call, it is first asked who makes it, and whether
// that one may: so nobody learns from a mistake which methods there are.
bool Session::MayEnterWithCare(Intake& in, Portion& portion,
                               Candidate& candidate) {
  // The caller that it notes is that of the next candidate that is kept.
  if (!IsProven(in, portion, candidate)) return false;
  SessionRefusals::Likeness alike = {kOwn};
  std::optional<Answer> refusal = RefuseCaller(portion, candidate, alike);
  if (!refusal.has_value()) {
    refusal = RefuseContent(candidate, alike);
    // It does not get to the door, where its party's limits would hold.
    if (refusal.has_value() && portion.OwnCaller() == nullptr) {
      TakeFromRate(*refusal, alike);
    }
  }
  if (!refusal.has_value()) return true;
  portion.ForgetOwnCaller();
  RefuseCandidate(candidate, refusal->failure()->reason(), alike,
                  [&] { return *std::move(refusal); });
  return false;
}

std::optional<Answer> Session::RefuseCaller(const Portion& portion,
                                            const Candidate& candidate,
                                            SessionRefusals::Likeness& alike) {
  const SharedIdentity* const own = portion.OwnCaller();
  std::optional<Rights> own_rights;
  if (own != nullptr) own_rights.emplace(*host_.door).Take(*own);
  if (!IsAllowed(candidate, own != nullptr ? *own_rights : rights_)) {
    alike = {kNotAllowed};
    return refusals::NotAllowed();
  }
  if (own == nullptr || own_rights->limited() == nullptr) return std::nullopt;
  // At the door the session's party would be charged.
  std::optional<Answer> over = host_.door->RefuseOverRate(
      *own_rights->limited(),
      static_cast<int64_t>(candidate.view.payload.size()));
  if (over.has_value()) alike = LikenessOfRate(*over);
  return over;
}

void Session::TakeFromRate(Answer& refusal, SessionRefusals::Likeness& alike) {
  if (rights_.limited() == nullptr) return;
  std::optional<Answer> over = host_.door->RefuseOverRate(*rights_.limited());
  if (!over.has_value()) return;
  alike = LikenessOfRate(*over);
  refusal = *std::move(over);
}

std::optional<Answer> Session::RefuseContent(
    Candidate& candidate, SessionRefusals::Likeness& alike) const {
  const CallView& view = candidate.view;
  if (candidate.served == nullptr && !view.method.empty()) {
    return refusals::NoSuchMethod(view.method);
  }
  if (candidate.served == nullptr) {
    const std::string* const name = UnknownNameOf(view.method_index);
    if (name == nullptr) {
      alike = {kNoIndex, view.method_index};
      return refusals::NoSuchMethodIndex(view.method_index);
    }
    // The index may get another name.
    alike = {kNoName, HashOf({view.method_index, ProcessHash()(*name)})};
    return refusals::NoSuchMethod(*name);
  }
  const HostedMethod& method = candidate.served->method;
  if (method.handler.streams) return refusals::NoStreamsInSessions(method.path);
  if (auto mistake = MistakeInMetadata(view)) return mistake;
  const absl::StatusOr<RequestedRoute> requested = RequestedBy(view);
  if (!requested.ok()) return refusals::BadRequest(requested.status());
  candidate.requested = *requested;
  return std::nullopt;
}

bool Session::IsProven(Intake& in, Portion& portion,
                       const Candidate& candidate) {
  const CallView& view = candidate.view;
  Callers* const callers = host_.door->callers();
  std::optional<absl::string_view> authorization;
  if (view.has_metadata && callers != nullptr && callers->judges_tokens()) {
    authorization = AuthorizationOf(view);
  }
  const auto refuse = [&](SessionRefusals::Likeness alike, Answer refusal) {
    RefuseCandidate(candidate, refusal.failure()->reason(), alike,
                    [&] { return std::move(refusal); });
    return false;
  };
  if (!authorization.has_value()) {
    if (unproven_.ok()) return true;
    const SessionRefusals::Likeness alike = {
        kUnproven, ProcessHash()(unproven_.message())};
    if (!unchecked_.has_value()) {
      return refuse(alike, refusals::NotAuthenticated(unproven_));
    }
    return refuse(alike, refusals::TokenNotChecked(
                             unproven_, unchecked_->retry_at -
                                            host_.expirer->clock().Now()));
  }
  std::optional<Caller> caller = JudgeCall(in, *authorization);
  if (!caller.has_value()) {
    in.blocked = view;
    if (!in.arrived.has_value()) in.arrived = host_.expirer->clock().Now();
    verdict_due_ = *in.arrived + std::chrono::microseconds(std::min(
                                     view.timeout_us, kLongestTimeoutMicros));
    AwaitVerdictTime();
    return false;
  }
  if (caller->status.ok()) {
    portion.callers.emplace_back(portion.candidates().size(),
                                 std::move(caller->identity));
    return true;
  }
  switch (caller->status.code()) {
    case absl::StatusCode::kDeadlineExceeded:
      return refuse({kOwn}, refusals::ExpiredAtCheck());
    case absl::StatusCode::kResourceExhausted:
      return refuse({kOwn}, refusals::TokenNotChecked(std::move(caller->status),
                                                      caller->retry_after));
    case absl::StatusCode::kUnavailable:
      return refuse({kOwn}, refusals::ServerStopping());
    default:
      return refuse({kOwn},
                    refusals::NotAuthenticated(std::move(caller->status)));
  }
}

void Session::Enter(Intake& in, Portion& portion) {
  const absl::Span<const Candidate> candidates = portion.candidates();
  // If most of the message is needed it stays as it is; else, and of what comes
  // in portions, a copy of what is needed does.
  const bool whole = in.calls_read == in.request.calls() &&
                     candidates.size() == in.request.calls() &&
                     2 * portion.kept_bytes() >= in.bytes.size;
  SessionBytes bytes =
      whole ? std::move(in.bytes) : SessionBytes(portion.kept_bytes());
  char* copy = bytes.data.get();
  SessionBlock* block =
      SessionBlock::Make(*this, host_, party_, memory_, std::move(bytes),
                         candidates.size(), portion.with_metadata());
  block->SetCaller(identity_);
  const Moment now = in.arrived.value_or(host_.expirer->clock().Now());
  auto own_caller = portion.callers.begin();
  for (size_t i = 0; i < candidates.size(); ++i) {
    const Candidate& candidate = candidates[i];
    absl::string_view kept = KeptOf(candidate.view, candidate.served->method);
    if (!whole) {
      char* const begin = copy;
      copy = std::copy(kept.begin(), kept.end(), copy);
      kept = absl::string_view(begin, kept.size());
    }
    SessionCall* const call = block->Add();
    Fill(candidate, kept, now, *call);
    const bool has_own =
        own_caller != portion.callers.end() && own_caller->first == i;
    if (has_own) {
      block->SetCallerOf(*call, std::move(own_caller->second));
      ++own_caller;
    }
    if (!open_.Insert(call)) {
      portion.same_id.push_back(call);
      continue;
    }
    portion.arrivals.push_back(
        {.call = call, .requested = candidate.requested, .charged = has_own});
  }
  block->AllAdded();
  for (SessionCall* call : portion.same_id) {
    call->served->lanes->CountRefused(*call, v1::REASON_BAD_REQUEST);
    RefuseAdded(*call, {kIdOpen, call->id()},
                [&] { return refusals::IdIsOpen(call->id()); });
  }
  const bool reserved = host_.door->EnterAll(
      portion.arrivals,
      [this](RoutedCall& routed, Answer refusal) {
        auto& call = static_cast<SessionCall&>(routed);
        open_.Erase(call.id());
        EndTraceRefused(call, refusal);
        RefuseAdded(call, LikenessOf(call, refusal),
                    [&] { return std::move(refusal); });
      },
      block->bytes(), rights_.limited().get());
  if (reserved) block->SetReserved();
  block->ArmDeadline(io_.index());
  block->Unref();
}

void Session::Fill(const Candidate& candidate, absl::string_view kept,
                   Moment now, SessionCall& call) {
  const CallView& view = candidate.view;
  call.set_id(view.id);
  call.served = candidate.served;
  call.wants_timing = view.want_timing;
  if (view.timeout_us > 0) {
    call.deadline = now + std::chrono::microseconds(
                              std::min(view.timeout_us, kLongestTimeoutMicros));
  }
  // The payload lies in what is kept as it lay in the message.
  const absl::string_view was = KeptOf(view, call.method());
  if (view.payload.empty()) {
    call.set_request({});
  } else {
    call.set_request(
        kept.substr(static_cast<size_t>(view.payload.data() - was.data()),
                    view.payload.size()));
  }
  if (KeepsMetadata(view, call.method())) call.block().SetMetadata(kept);
  if (Tracer* const tracer = host_.door->tracer()) {
    if (auto trace = TraceOf(view, *tracer)) {
      call.block().SetTraceOf(call, std::move(trace));
    }
  }
}

void Session::RefuseCandidate(const Candidate& candidate, v1::Reason reason,
                              SessionRefusals::Likeness alike,
                              absl::FunctionRef<Answer()> refusal) {
  if (candidate.served != nullptr) {
    candidate.served->lanes->CountRefused(candidate.served->method, reason);
  }
  Refuse(candidate.view.id, alike, refusal);
}

void Session::Refuse(uint64_t id, SessionRefusals::Likeness alike,
                     absl::FunctionRef<Answer()> refusal, bool inside) {
  outbox_.Add(answers_.Refuse(id, alike, refusal, inside));
}

void Session::RefuseAdded(SessionCall& call, SessionRefusals::Likeness alike,
                          absl::FunctionRef<Answer()> refusal) {
  Refuse(call.id(), alike, refusal, call.inside);
  call.block().Answered();
  call.Unref();
}

}  // namespace pinion
