// SPDX-License-Identifier: Apache-2.0
//
// The way in of a session: messages are read and taken in, step by step. Its
// last step, by which calls enter, is in session_enter.cc.
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pinion/proto/wire/session_protocol.h"
#include "pinion/proto/wire/utf8.h"
#include "pinion/server/call/refusals.h"
#include "pinion/server/session/session.h"

namespace pinion {
namespace {

// With so many bytes of answers unsent, no further calls are taken in: the
// client takes fewer than it asks for. The same with so many of refusals.
constexpr int64_t kMaxUnsentBytes = 4 << 20;
constexpr int64_t kMaxRefusalBytes = 64 << 10;

// What is scanned in one turn of the I/O thread: some nanoseconds a step, and
// for a cancel, which takes sixteen, up to a microsecond.
constexpr size_t kScanSteps = 16384;

// A message of which this much waits here costs no more than the session
// itself, and is not counted.
constexpr int64_t kSmallMessage = 16 << 10;

// Of the name of a method that is not hosted, for the refusals of its calls.
constexpr size_t kKeptOfName = 128;

// A call takes two bytes of a message, and each its time.
constexpr size_t kMaxCallsOfMessage = 128 << 10;

}  // namespace

void Session::ReadOn() {
  if (reads_ended_ || outbox_.broken() || awaited_ != nullptr) return;
  if (end_.has_value() || intake_.has_value() || read_.under_way()) return;
  if (HasMuchUnsent()) return;
  outbox_.stream().Read(&incoming_, read_.Begin());
}

bool Session::HasMuchUnsent() const {
  return outbox_.pending_bytes() >= kMaxUnsentBytes ||
         answers_.refusal_bytes() >= kMaxRefusalBytes;
}

void Session::OnRead(bool ok) {
  if (!ok) {
    reads_ended_ = true;
    outbox_.FlushSoon();
    CloseWhenOver();
    return;
  }
  if (incoming_.Length() > MaxMessage()) return RefuseMessage();
  SessionBytes bytes(incoming_);
  incoming_.Clear();
  if (!outbox_.broken() && !end_.has_value()) {
    intake_.emplace(std::move(bytes), host_.door->credit(), party_->held());
    // What is short is done at once.
    if (AdvanceIntake()) RunLater();
    if (intake_.has_value()) KeepIntake();
  }
  ReadOn();
}

size_t Session::MaxMessage() const {
  return static_cast<size_t>(host_.limits.max_message_bytes);
}

// As gRPC does, whose own bound is the builder's, which may be the user's.
void Session::RefuseMessage() {
  const size_t bytes = incoming_.Length();
  incoming_.Clear();
  if (!outbox_.broken() && !end_.has_value()) {
    EndWith(absl::ResourceExhaustedError(
        absl::StrCat("a message has ", bytes, " bytes, more than the ",
                     MaxMessage(), " of the hello; send smaller messages")));
  }
  ReadOn();
}

bool Session::AdvanceIntake() {
  using Step = Intake::Step;
  // Nobody would hear of it.
  if (outbox_.broken()) return DropIntake(), false;
  if (awaited_ != nullptr) return false;  // OnVerdict() goes on.
  Intake& in = *intake_;
  if (in.step == Step::kScan && !ScanSome(in)) return intake_.has_value();
  if (!in.token_taken && !JudgeToken(in)) return false;
  if (in.step == Step::kCheck && !CheckSome(in)) return intake_.has_value();
  if (HasMuchUnsent()) return false;  // OnWritten() goes on.
  if (!EnterSome(in)) return intake_.has_value();
  intake_.reset();
  // It may have been all that the end waited for.
  outbox_.FlushSoon();
  return false;
}

bool Session::ScanSome(Intake& in) {
  const bool done = in.request.Scan(
      kScanSteps,
      [&](const MethodNameView& name) { in.names.Update(NameMethod(name)); },
      [&](uint64_t id) { Cancel(id); });
  if (!in.request.ok()) return EndIntake(in.request.status()), false;
  if (!in.names.ok()) return EndIntake(in.names), false;
  if (!done) return false;
  if (in.request.hello().has_value() && !std::exchange(greeted_, true)) {
    listed_->SetClient(in.request.hello()->name);
  }
  const size_t calls = in.request.calls();
  if (calls > kMaxCallsOfMessage) {
    EndIntake(absl::ResourceExhaustedError(
        absl::StrCat("a message has ", calls, " calls; at most ",
                     kMaxCallsOfMessage, " are possible")));
    return false;
  }
  // None of a message that cannot be decoded enters. Of what is one portion,
  // that is seen before any does.
  const bool is_portion =
      calls <= 1 || (calls <= kPortionCalls && in.bytes.size <= kPortionBytes);
  in.step = is_portion ? Intake::Step::kEnter : Intake::Step::kCheck;
  return true;
}

bool Session::CheckSome(Intake& in) {
  CallView view;
  size_t bytes = 0;
  for (size_t i = 0; i < kPortionCalls && bytes < kPortionBytes; ++i) {
    if (in.request.NextCall(&view)) {
      bytes += view.serialized.size();
      continue;
    }
    if (!in.request.ok()) return EndIntake(in.request.status()), false;
    in.request.Rewind();
    in.step = Intake::Step::kEnter;
    return true;
  }
  return false;
}

void Session::KeepIntake() {
  Intake& in = *intake_;
  const auto bytes = static_cast<int64_t>(in.bytes.size);
  if (bytes <= kSmallMessage) return;
  if (in.credit.Reserve(0, bytes, &in.party) == Credit::Grant::kGranted) {
    in.reserved = bytes;
    return;
  }
  EndIntake(absl::ResourceExhaustedError(
      absl::StrCat("a message of ", bytes,
                   " bytes cannot be taken in at once, and there is "
                   "no room to keep it: ",
                   refusals::DescribeShare(
                       {.in_session = true, .held = &in.party}, "the server"),
                   "; send smaller messages, and read the answers")));
}

void Session::EndIntake(const absl::Status& status) {
  EndWith(status);
  intake_.reset();
}

absl::Status Session::NameMethod(const MethodNameView& name) {
  using session_protocol::kMaxMethodIndex;
  if (name.index < 1 || name.index > kMaxMethodIndex) {
    return absl::InvalidArgumentError(
        absl::StrCat("a method has the index ", name.index, "; valid are 1 to ",
                     kMaxMethodIndex));
  }
  if (name.index >= methods_.size()) methods_.resize(name.index + 1);
  NamedMethod method = {.served = FindMethod(name.name)};
  if (method.served == nullptr) {
    method.unknown = std::make_unique<const std::string>(
        BeginningOf(name.name, kKeptOfName));
  }
  methods_[name.index] = std::move(method);
  return absl::OkStatus();
}

const ServedMethod* Session::FindMethod(absl::string_view path) const {
  const auto found = host_.methods.find(path);
  return found == host_.methods.end() ? nullptr : found->second;
}

void Session::Cancel(uint64_t id) {
  // One that is not open was answered; the answer is on its way.
  SessionCall* const call = open_.Find(id);
  if (call != nullptr) call->Revoke(RevokeReason::kCancelled);
}

}  // namespace pinion
