// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/session/session.h"

#include <algorithm>
#include <string>
#include <utility>

#include "pinion/proto/wire/status_details.h"
#include "pinion/server/call/metadata_meter.h"
#include "pinion/server/call/refusals.h"

namespace pinion {
namespace {

// So many calls are answered in one turn of the I/O thread when all are to be:
// some hundred nanoseconds each.
constexpr int kMaxRevokedAtOnce = 1024;

}  // namespace

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
      rights_(*host.door),
      outbox_(io, *this, host.expirer->clock(), host.limits.write_timeout),
      open_(host.limits.max_calls),
      answers_(host) {}

void Session::OnEvent(bool ok) {
  if (!ok) {
    io_.NoCallComes();
    delete this;  // The server shuts down; no stream will come.
    return;
  }
  Await(host_, io_);
  io_.CallOpened(*this);
  host_.tallies->open.fetch_add(1, std::memory_order_relaxed);
  host_.tallies->opened.fetch_add(1, std::memory_order_relaxed);
  listed_.emplace(*host_.list,
                  SessionList::Fixed{.peer = outbox_.context().peer(),
                                     .io_thread = io_.index()},
                  memory_);
  Parties& parties = host_.door->parties();
  party_ = parties.OfSession();
  connection_ = parties.OfConnection(outbox_.context().peer());
  outbox_.Open();  // The hello is due.
  EndIfTooMuch();
  if (!end_.has_value()) FindCaller();
  began_ = host_.expirer->clock().Now();
  AwaitAge();
  if (io_.stop_begun()) OnStopBegun();
  if (io_.no_more_time()) OnStop();
  ReadOn();
}

absl::Status Session::StatusOfDrain(v1::DrainReason reason) {
  return reason == v1::DRAIN_REASON_STOPPING ? refusals::ServerStopping().status
                                             : refusals::SessionTooOld().status;
}

void Session::AwaitAge() {
  const LiveSpan::Span most = host_.times.max_age.Get();
  if (age_told_ || age_.under_way() || most == LiveSpan::kForever) return;
  const LiveSpan::Span age = host_.expirer->clock().Now() - began_;
  age_.Set(std::max(most - age, LiveSpan::Span(0)));
}

void Session::OnTimesChanged() {
  if (age_told_ || outbox_.finish_begun() || outbox_.broken()) return;
  age_.Cancel();  // Then OnOld(false) awaits the new age.
  AwaitAge();
}

void Session::OnOld(bool ok) {
  if (outbox_.finish_begun() || outbox_.broken()) return CloseWhenOver();
  if (!ok) {
    AwaitAge();
  } else if (!age_told_) {
    // A session that is told to stop was told enough.
    if (drain_reason_ == v1::DRAIN_REASON_UNSPECIFIED) {
      Drain(v1::DRAIN_REASON_CONNECTION_AGE);
    }
    age_told_ = true;
    age_.Set(host_.times.age_grace.Get());
  } else {
    RevokeAll(RevokeReason::kStopped);
    EndWith(StatusOfDrain(v1::DRAIN_REASON_CONNECTION_AGE));
  }
}

void Session::RunLater() {
  if (!std::exchange(portion_due_, true)) io_.RunLater(*this);
}

void Session::RunPortion() {
  portion_due_ = false;
  RevokeSomeOfAll();
  if (intake_.has_value() && AdvanceIntake()) RunLater();
  ReadOn();
  CloseWhenOver();
}

void Session::RevokeAll(RevokeReason reason) {
  revoke_reason_ = reason;
  to_revoke_.clear();
  open_.ForEach(
      [&](const SessionCall& call) { to_revoke_.push_back(call.id()); });
  RevokeSomeOfAll();
}

void Session::RevokeSomeOfAll() {
  for (int i = 0; i < kMaxRevokedAtOnce && !to_revoke_.empty(); ++i) {
    SessionCall* const call = open_.Find(to_revoke_.back());
    to_revoke_.pop_back();
    if (call != nullptr) call->Revoke(revoke_reason_);
  }
  if (!to_revoke_.empty()) return RunLater();
  std::vector<uint64_t>().swap(to_revoke_);
}

void Session::OnClientGone() {
  DropIntake();
  RevokeAll(RevokeReason::kCancelled);
}

void Session::Answered(SessionCall& call) {
  outbox_.Add(answers_.Add(call));
  ShowUnsent();
  call.block().Answered();
}

void Session::Answered(SessionAnswerBuffer& buffer) {
  outbox_.Add(answers_.Add(buffer));
  ShowUnsent();
}

std::optional<OutboxOwner::Message> Session::NextMessage() {
  std::optional<Message> message = answers_.NextMessage(
      [this](CallWithId& call) { Close(call); },
      [this](absl::Span<const AnswerBuffer::Entry> entries) {
        CloseBuffered(entries);
      });
  ShowNumbers();
  return message;
}

void Session::DropReady() {
  DropIntake();
  answers_.Drop([this](CallWithId& call) { Close(call); },
                [this](absl::Span<const AnswerBuffer::Entry> entries) {
                  CloseBuffered(entries);
                });
  LeaveDoor();
  ShowNumbers();
}

// What many calls hold is released together, for each block and for all.
void Session::CloseBuffered(absl::Span<const AnswerBuffer::Entry> entries) {
  SessionBlock* block = nullptr;
  uint32_t answered = 0;  // Of that block,
  uint32_t over = 0;      // and those that nobody refers to any more.
  int64_t places = 0;
  const auto leave_block = [&] {
    if (answered > 0) block->Answered(std::exchange(answered, 0));
    if (over > 0) block->Unref(std::exchange(over, 0));
  };
  for (const AnswerBuffer::Entry& entry : entries) {
    if (entry.call == nullptr) continue;
    auto& call = static_cast<SessionCall&>(*entry.call);
    open_.Erase(call.id());
    if (&call.block() != block) {
      leave_block();
      block = &call.block();
    }
    ++answered;
    const bool holds_place = call.holds_credit;
    // The lane's reference came with the answer; the other is the session's.
    if (!call.DropReferences(2)) continue;
    ++over;
    if (holds_place) ++places;
  }
  leave_block();
  if (places > 0) host_.door->credit().Return(places, 0, &party_->held());
}

void Session::DropIntake() {
  // What it waits for is of no use any more.
  if (intake_.has_value()) ForgetVerdict();
  intake_.reset();
}

void Session::Close(CallWithId& call) {
  if (open_.Find(call.id()) == &call) open_.Erase(call.id());
  call.Unref();
}

void Session::LeaveDoor() {
  const SessionAnswers::Leaving leaving = answers_.TakeLeaving();
  if (leaving.bytes > 0) {
    host_.door->credit().Return(0, leaving.bytes, &party_->held());
  }
  if (leaving.calls > 0) host_.door->Leave(leaving.calls);
}

void Session::ShowNumbers() {
  listed_->open_calls.Set(open_.size());
  ShowUnsent();
}

void Session::OnWritten(int64_t) {
  LeaveDoor();
  ShowUnsent();
  if (intake_.has_value()) RunLater();
  ReadOn();
}

void Session::OnStopBegun() {
  // Also what was told that it is old: of a server that stops, another session
  // is no use.
  Drain(v1::DRAIN_REASON_STOPPING);
}

void Session::Drain(v1::DrainReason reason) {
  drain_reason_ = reason;
  answers_.AddDrain(reason);
  outbox_.FlushSoon();
}

void Session::OnStop() {
  RevokeAll(RevokeReason::kStopped);
  EndWith(StatusOfDrain(v1::DRAIN_REASON_STOPPING));
}

void Session::EndIfTooMuch() {
  if (connection_ != nullptr && !connection_->OpenCall()) {
    EndWith(refusals::TooManyOpenCalls(Party::kMaxOpenCalls).status);
  } else if (MeterOf(outbox_.context()).has_too_much()) {
    EndWith(refusals::TooMuchMetadata().status);
  }
}

void Session::EndIfNotAllowed() {
  FrontDoor& door = *host_.door;
  rights_.Take(identity_);
  if (rights_.IsStranger()) {
    return EndWith(refusals::NoSessionForStrangers().status);
  }
  PartyLimits& limits = door.limits();
  if (connection_ != nullptr &&
      !connection_->CountConnection(limits, rights_.limited())) {
    return EndWith(refusals::TooManyOfParty(
                       "connections", limits.most(LimitedParty::kConnections))
                       .status);
  }
  auto open = limits.Open(rights_.limited(), LimitedParty::kSessions);
  if (!open.has_value()) {
    return EndWith(refusals::TooManyOfParty(
                       "sessions", limits.most(LimitedParty::kSessions))
                       .status);
  }
  open_session_ = *std::move(open);
}

void Session::OnPolicyChanged() {
  // Until it is known who the client is, nothing of it was allowed.
  if (identity_ == nullptr) return;
  if (end_.has_value() || outbox_.finish_begun() || outbox_.broken()) return;
  rights_.Look();
  if (rights_.IsStranger()) EndWith(refusals::NoSessionForStrangers().status);
}

void Session::EndWith(const absl::Status& status) {
  if (!end_.has_value()) {
    end_ = status;
    if (status.code() != absl::StatusCode::kUnavailable) {
      RevokeAll(RevokeReason::kCancelled);
    }
  }
  outbox_.FlushSoon();
}

std::optional<grpc::Status> Session::TryEnd() {
  if (!open_.empty() || intake_.has_value()) return std::nullopt;
  if (!end_.has_value() && !outbox_.broken() && !reads_ended_) {
    return std::nullopt;
  }
  age_.Cancel();
  if (end_.has_value()) {
    const int code = static_cast<int>(end_->code());
    // Once more in the details: a proxy may lose the rest of a stream that ends
    // before its client has closed its side (docs/behind-a-proxy.md).
    return grpc::Status(static_cast<grpc::StatusCode>(code),
                        std::string(end_->message()),
                        EncodeStatus(code, end_->message()));
  }
  // CANCELLED for gRPC's order; nobody hears it.
  return outbox_.broken() ? grpc::Status::CANCELLED : grpc::Status::OK;
}

void Session::CloseWhenOver() {
  if (!outbox_.closed() || read_.under_way() || age_.under_way()) return;
  if (portion_due_) return;
  if (verdict_time_.under_way()) return verdict_time_.Cancel();
  if (connection_ != nullptr) connection_->CloseCall();
  io_.CallClosed(*this);
  host_.tallies->open.fetch_sub(1, std::memory_order_relaxed);
  delete this;
}

}  // namespace pinion
