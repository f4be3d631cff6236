// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/door/plain_caller.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "pinion/proto/wire/session_protocol.h"
#include "pinion/server/call/refusals.h"
#include "pinion/server/door/rights.h"

namespace pinion {

PlainCaller::~PlainCaller() {
  if (awaited_ != nullptr) *awaited_ = nullptr;
}

void PlainCaller::Find(absl::AnyInvocable<void()> then) {
  Callers* const callers = door_.callers();
  if (callers == nullptr || !(door_.has_rules() || callers->judges_tokens())) {
    return then();
  }
  absl::StatusOr<SharedIdentity> base =
      callers->OfConnection(context_, context_.peer());
  if (!base.ok()) {
    Take({.status = base.status()});
    return then();
  }
  const auto authorization = callers->AuthorizationOf(context_);
  if (!authorization.has_value()) {
    Take({.identity = *std::move(base)});
    return then();
  }
  std::optional<Caller> caller =
      callers->Judge(*base, *authorization, [&]() -> Callers::Done {
        awaited_ = std::make_shared<PlainCaller*>(this);
        return [&io = io_, awaited = awaited_](Caller later) {
          io.Post([awaited, later = std::move(later)]() mutable {
            if (*awaited != nullptr) (*awaited)->OnVerdict(std::move(later));
          });
        };
      });
  if (!caller.has_value()) {
    then_ = std::move(then);
    return;
  }
  awaited_ = nullptr;
  Take(*std::move(caller));
  then();
}

void PlainCaller::OnVerdict(Caller caller) {
  awaited_ = nullptr;
  Take(std::move(caller));
  // It may end the call, and this object with it.
  absl::AnyInvocable<void()> then = std::move(then_);
  then();
}

void PlainCaller::Take(Caller caller) {
  if (absl::IsResourceExhausted(caller.status)) {
    refusal_ =
        refusals::TokenNotChecked(std::move(caller.status), caller.retry_after);
  } else if (absl::IsUnavailable(caller.status)) {
    refusal_ = refusals::ServerStopping();
  } else if (!caller.status.ok()) {
    refusal_ = refusals::NotAuthenticated(std::move(caller.status));
  } else {
    identity_ = std::move(caller.identity);
    absl::Status over = WhyOver();
    if (!over.ok()) refusal_ = refusals::NotAuthenticated(std::move(over));
  }
}

std::optional<std::string> PlainCaller::Header(absl::string_view name) const {
  return HeaderOf(context_, name);
}

std::optional<Answer> PlainCaller::Refuse(absl::string_view path) {
  if (refusal_.has_value()) return std::exchange(refusal_, std::nullopt);
  if (!door_.has_rules()) return std::nullopt;
  Rights rights(door_);
  rights.Take(identity_);
  const auto headers = [this](absl::string_view name) { return Header(name); };
  if (!rights.MayCallPath(path, headers)) return refusals::NotAllowed();
  if (rights.limited() == nullptr) return std::nullopt;
  return door_.RefuseOverRate(*rights.limited());
}

absl::Status PlainCaller::WhyOver() const {
  if (identity_ == nullptr) return absl::OkStatus();
  return Callers::WhyOver(*identity_, door_.callers()->wall_clock());
}

std::optional<Answer> PlainCaller::RefuseToGoOn(absl::string_view path) {
  absl::Status over = WhyOver();
  if (!over.ok()) return refusals::NotAuthenticated(std::move(over));
  if (!door_.has_rules()) return std::nullopt;
  if (identity_ == nullptr) {
    // It came when there were no rules, so nobody has asked.
    auto base = door_.callers()->OfConnection(context_, context_.peer());
    if (!base.ok()) return refusals::NotAuthenticated(base.status());
    identity_ = *std::move(base);
  }
  Rights rights(door_);
  rights.Take(identity_);
  const bool may = rights.WouldMayCall(
      path, [this](absl::string_view name) { return Header(name); });
  if (may) return std::nullopt;
  return refusals::NotAllowed();
}

bool PlainCaller::MayCallSomeOf(absl::string_view service) const {
  if (!WhyOver().ok()) return false;
  if (!door_.has_rules()) return true;
  Rights rights(door_);
  rights.Take(identity_);
  // Its opening is not judged by rules.
  if (service == session_protocol::kService) return !rights.IsStranger();
  const auto may_call = [&](absl::string_view method) {
    return rights.WouldMayCall(
        absl::StrCat("/", service, "/", method),
        [this](absl::string_view name) { return Header(name); });
  };
  const auto* const descriptor =
      google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
          std::string(service));
  if (descriptor == nullptr) return may_call("");
  for (int i = 0; i < descriptor->method_count(); ++i) {
    if (may_call(descriptor->method(i)->name())) return true;
  }
  return false;
}

std::optional<std::string> HeaderOf(const grpc::ServerContextBase& context,
                                    absl::string_view name) {
  const auto [begin, end] = context.client_metadata().equal_range(
      grpc::string_ref(name.data(), name.size()));
  if (begin == end) return std::nullopt;
  std::string joined;
  for (auto it = begin; it != end; ++it) {
    absl::StrAppend(&joined, it == begin ? "" : ",",
                    absl::string_view(it->second.data(), it->second.size()));
  }
  return joined;
}

}  // namespace pinion
