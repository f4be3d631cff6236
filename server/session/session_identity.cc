// SPDX-License-Identifier: Apache-2.0
//
// Who makes the calls of a session: the client of its connection, with the
// token of the stream's metadata or a later one, or a call's own. While a token
// is checked, the session reads nothing and takes no call in; so its calls stay
// in their order, and the check takes milliseconds.
#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pinion/server/call/refusals.h"
#include "pinion/server/session/session.h"

namespace pinion {

void Session::FindCaller() {
  Callers* const callers = host_.door->callers();
  if (callers == nullptr) return;
  const grpc::ServerContext& context = outbox_.context();
  absl::StatusOr<SharedIdentity> base =
      callers->OfConnection(context, context.peer());
  if (!base.ok()) return EndWith(base.status());
  base_identity_ = *base;
  const auto authorization = callers->AuthorizationOf(context);
  if (!authorization.has_value()) {
    return TakeOpening({.identity = *std::move(base)});
  }
  std::optional<Caller> caller = callers->Judge(
      *base, *authorization, [this] { return MakeDone(Awaits::kOpening); });
  if (!caller.has_value()) return;
  ForgetVerdict();
  TakeOpening(*std::move(caller));
}

Callers::Done Session::MakeDone(Awaits what) {
  awaited_ = std::make_shared<Session*>(this);
  return [&io = io_, what, awaited = awaited_](Caller caller) {
    // Only the I/O thread says that the session awaits it no more.
    io.Post([what, awaited, caller = std::move(caller)]() mutable {
      if (*awaited != nullptr) (*awaited)->OnVerdict(what, std::move(caller));
    });
  };
}

void Session::ForgetVerdict() {
  if (awaited_ == nullptr) return;
  *awaited_ = nullptr;
  awaited_ = nullptr;
}

void Session::OnVerdict(Awaits what, Caller caller) {
  ForgetVerdict();
  verdict_time_.Cancel();
  switch (what) {
    case Awaits::kOpening:
      TakeOpening(std::move(caller));
      break;
    case Awaits::kToken:
      TakeToken(std::move(caller));
      break;
    case Awaits::kCall:
      intake_->ruling = std::move(caller);
      break;
  }
  if (intake_.has_value() && AdvanceIntake()) RunLater();
  ReadOn();
  CloseWhenOver();
}

void Session::TakeOpening(Caller caller) {
  if (!caller.status.ok()) return EndWith(caller.status);
  identity_ = std::move(caller.identity);
  listed_->SetPrincipal(identity_->ToString());
  // Nothing is held for the session yet.
  if (const Principal* const principal = identity_->party()) {
    party_ = host_.door->parties().OfPrincipal(principal->ToString());
  }
  EndIfNotAllowed();
}

bool Session::JudgeToken(Intake& in) {
  in.token_taken = true;
  Callers* const callers = host_.door->callers();
  if (callers == nullptr || !callers->judges_tokens()) return true;
  if (!in.request.token().empty()) {
    unchecked_ = {.token = std::string(in.request.token())};
  } else if (!unchecked_.has_value() ||
             host_.expirer->clock().Now() < unchecked_->retry_at) {
    return true;
  }
  std::optional<Caller> caller =
      callers->JudgeToken(base_identity_, unchecked_->token,
                          [this] { return MakeDone(Awaits::kToken); });
  if (!caller.has_value()) return false;
  ForgetVerdict();
  TakeToken(*std::move(caller));
  return true;
}

void Session::TakeToken(Caller caller) {
  if (absl::IsUnavailable(caller.status)) return;  // The server stops.
  unproven_ = std::move(caller.status);
  // It is checked with a later message; until then nobody knows who calls.
  if (absl::IsResourceExhausted(unproven_)) {
    unchecked_->retry_at = host_.expirer->clock().Now() + caller.retry_after;
    return;
  }
  unchecked_.reset();
  if (!unproven_.ok()) return;
  const Principal* const was = identity_->party();
  if (was != nullptr && was->kind == Principal::Kind::kJwt &&
      *was != *caller.identity->party()) {
    unproven_ = absl::UnauthenticatedError(absl::StrCat(
        "the session's new token is of another subject than the one before, ",
        was->ToString(), "; open a session for it"));
    return;
  }
  identity_ = std::move(caller.identity);
  listed_->SetPrincipal(identity_->ToString());
  rights_.Take(identity_);
}

void Session::LookAtIdentity() {
  rights_.Look();
  if (identity_ == nullptr || !unproven_.ok()) return;
  unproven_ = Callers::WhyOver(*identity_, host_.door->callers()->wall_clock());
}

std::optional<Caller> Session::JudgeCall(Intake& in,
                                         absl::string_view authorization) {
  if (in.ruling.has_value()) return std::exchange(in.ruling, std::nullopt);
  std::optional<Caller> caller =
      host_.door->callers()->Judge(base_identity_, authorization,
                                   [this] { return MakeDone(Awaits::kCall); });
  if (caller.has_value()) ForgetVerdict();
  return caller;
}

// A call's deadline holds while its token is checked.
void Session::AwaitVerdictTime() {
  if (awaited_ == nullptr || !intake_.has_value()) return;
  const Intake& in = *intake_;
  if (!in.blocked.has_value() || in.blocked->timeout_us == 0) return;
  if (verdict_time_.under_way()) return;  // It comes back here.
  verdict_time_.Set(std::max(verdict_due_ - host_.expirer->clock().Now(),
                             std::chrono::nanoseconds(0)));
}

void Session::OnVerdictLate(bool ok) {
  if (outbox_.finish_begun() || outbox_.broken()) return CloseWhenOver();
  if (!ok) return AwaitVerdictTime();
  if (awaited_ == nullptr || !intake_.has_value()) return;
  if (!intake_->blocked.has_value()) return;
  ForgetVerdict();
  intake_->ruling = Caller{
      .status = absl::DeadlineExceededError("the call's token is checked")};
  if (AdvanceIntake()) RunLater();
  ReadOn();
}

}  // namespace pinion
