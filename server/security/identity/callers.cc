// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/security/identity/callers.h"

#include <grpc/grpc_security_constants.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pinion/core/tls/certificates.h"
#include "pinion/server/log/server_log.h"
#include "pinion/server/party/peer_address.h"
#include "pinion/server/security/identity/certificate_name.h"
#include "pinion/server/security/identity/token.h"

namespace pinion {
namespace {

constexpr char kForwarded[] = "x-forwarded-client-cert";
constexpr char kAuthorization[] = "authorization";

// Where the first property of the connection is in memory: no two connections
// that live have it in one place. Null if it has no properties.
const void* PlaceOf(const grpc::AuthContext& context) {
  grpc::AuthPropertyIterator first = context.begin();
  if (first == context.end()) return nullptr;
  return (*first).second.data();
}

// When the certificate ends with which the client has connected; none: it has
// shown none. gRPC looks at that once, and not when a connection is resumed.
std::optional<absl::Time> EndOfCertificate(const grpc::AuthContext& context) {
  const std::vector<grpc::string_ref> texts =
      context.FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
  if (texts.empty()) return std::nullopt;
  const auto facts =
      FactsOf({"the client's certificate", {texts[0].data(), texts[0].size()}});
  return facts.ok() ? facts->not_after : absl::InfinitePast();
}

std::optional<absl::Time> Earlier(std::optional<absl::Time> one,
                                  std::optional<absl::Time> other) {
  if (!one.has_value()) return other;
  return other.has_value() ? std::min(*one, *other) : one;
}

std::string KeyOf(absl::string_view address, const void* place) {
  return absl::StrCat(
      address, "/",
      absl::string_view(reinterpret_cast<const char*>(&place), sizeof(place)));
}

}  // namespace

Callers::Callers(CallersOptions options, TokenJudge* judge)
    : options_(std::move(options)), judge_(judge) {}

SharedIdentity Callers::OfCertificate(const grpc::ServerContext& context,
                                      absl::string_view peer) {
  const std::string address = PeerAddress(peer);
  std::shared_ptr<const grpc::AuthContext> auth = context.auth_context();
  // What proves nothing differs by its address only.
  if (auth != nullptr && !auth->IsPeerAuthenticated()) auth = nullptr;
  const std::string key =
      KeyOf(address, auth != nullptr ? PlaceOf(*auth) : nullptr);
  {
    MutexLock lock(mutex_);
    if (const Connection* const known = connections_.Find(key)) {
      return known->identity;
    }
  }
  std::vector<Principal> principals;
  std::optional<absl::Time> ends;
  if (auth != nullptr) {
    if (auto principal = CertificateName(*auth)) {
      principals.push_back(*std::move(principal));
    }
    ends = EndOfCertificate(*auth);
  }
  auto identity =
      std::make_shared<const Identity>(address, std::move(principals), ends);
  MutexLock lock(mutex_);
  return connections_.Insert(key, {std::move(auth), std::move(identity)})
      .identity;
}

bool Callers::IsListed(const Identity& identity) const {
  const auto& listed = options_.forwarded_identity_from;
  return std::any_of(
      listed.begin(), listed.end(),
      [&](const std::string& principal) { return identity.Has(principal); });
}

absl::StatusOr<SharedIdentity> Callers::OfConnection(
    const grpc::ServerContext& context, absl::string_view peer) {
  SharedIdentity identity = OfCertificate(context, peer);
  if (identity->principals().empty() || !IsListed(*identity)) return identity;
  std::vector<Principal> principals;
  const auto [begin, end] = context.client_metadata().equal_range(kForwarded);
  if (begin != end) {
    const grpc::string_ref last = std::prev(end)->second;
    absl::StatusOr<std::optional<Principal>> forwarded =
        ForwardedName({last.data(), last.size()});
    if (!forwarded.ok()) {
      TellRefused(*identity, forwarded.status());
      return forwarded.status();
    }
    if (forwarded->has_value()) principals.push_back(**std::move(forwarded));
  }
  return std::make_shared<const Identity>(
      identity->address(), std::move(principals), identity->expires());
}

std::optional<absl::string_view> Callers::AuthorizationOf(
    const grpc::ServerContext& context) const {
  if (judge_ == nullptr) return std::nullopt;
  const auto [begin, end] =
      context.client_metadata().equal_range(kAuthorization);
  if (begin == end) return std::nullopt;
  if (std::next(begin) != end) return absl::string_view("given twice");
  return absl::string_view(begin->second.data(), begin->second.size());
}

std::optional<Caller> Callers::Judge(const SharedIdentity& base,
                                     absl::string_view authorization,
                                     absl::FunctionRef<Done()> make_done) {
  const absl::StatusOr<absl::string_view> token = BearerToken(authorization);
  if (token.ok()) return JudgeToken(base, *token, make_done);
  TellRefused(*base, token.status());
  return Caller{.status = token.status()};
}

std::optional<Caller> Callers::JudgeToken(const SharedIdentity& base,
                                          absl::string_view token,
                                          absl::FunctionRef<Done()> make_done) {
  if (judge_ == nullptr) {
    return Caller{.status = absl::UnauthenticatedError(
                      "this server takes no tokens (token_keys is not set)")};
  }
  SharedVerdict verdict = judge_->Find(token);
  if (verdict == nullptr) {
    const absl::string_view payer =
        options_.trusted_proxies.ContainsAddress(base->address())
            ? absl::string_view()
            : base->address();
    verdict = judge_->Check(
        token, payer,
        [this, base, text = std::string(token), done = make_done()](
            SharedVerdict later) mutable { done(Join(base, text, later)); });
    if (verdict == nullptr) return std::nullopt;
  }
  return Join(base, token, verdict);
}

Caller Callers::Join(const SharedIdentity& base, absl::string_view token,
                     const SharedVerdict& verdict) {
  if (!verdict->status.ok()) {
    TellRefused(*base, verdict->status);
    return {.status = verdict->status, .retry_after = verdict->retry_after};
  }
  {
    MutexLock lock(mutex_);
    const Joined* const known = joined_.Find(token);
    if (known != nullptr && known->base == base && known->verdict == verdict) {
      return Standing(known->identity);
    }
  }
  std::vector<Principal> principals(base->principals().begin(),
                                    base->principals().end());
  principals.push_back({Principal::Kind::kJwt, verdict->name});
  auto identity = std::make_shared<const Identity>(
      base->address(), std::move(principals),
      Earlier(base->expires(), verdict->expires), verdict->voided);
  MutexLock lock(mutex_);
  joined_.Insert(std::string(token), {base, verdict, identity});
  return Standing(std::move(identity));
}

Caller Callers::Standing(SharedIdentity identity) const {
  absl::Status over = WhyOver(*identity, options_.wall_clock);
  if (!over.ok()) return {.status = std::move(over)};
  return {.identity = std::move(identity)};
}

absl::Status Callers::WhyOver(const Identity& identity,
                              const WallClock& clock) {
  if (identity.voided()) {
    return absl::UnauthenticatedError(
        "the key of the caller's token is in use no more; get a new token");
  }
  if (!identity.expires().has_value()) return absl::OkStatus();
  if (identity.ExpiredAt(clock.Now())) {
    return absl::UnauthenticatedError(
        absl::StrCat("the caller's token, or certificate, has expired at ",
                     absl::FormatTime(*identity.expires()), "; get a new one"));
  }
  return absl::OkStatus();
}

void Callers::TellRefused(const Identity& base,
                          const absl::Status& status) const {
  Log(options_.log, {.area = LogArea::kSecurity,
                     .event = "caller_refused",
                     .caller = base.ToString(),
                     .message = std::string(status.message())});
}

}  // namespace pinion
