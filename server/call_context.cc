// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/call_context.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "pinion/core/base/check.h"
#include "pinion/proto/wire/metadata_rules.h"
#include "pinion/proto/wire/utf8.h"
#include "pinion/server/call/routed_call.h"
#include "pinion/server/security/identity/identity.h"
#include "pinion/server/shard/hops.h"
#include "pinion/server/tracing/trace_headers.h"
#include "pinion/server/tracing/tracer.h"

namespace pinion {
namespace {

constexpr size_t kMaxTrailingBytes = 4096;
// As HTTP/2 counts what a field takes beside its name and value.
constexpr size_t kTrailerBytes = 32;

bool IsOthers(absl::string_view name) {
  for (const absl::string_view prefix : {"grpc-", "pinion-"}) {
    if (absl::StartsWith(name, prefix)) return true;
  }
  for (const absl::string_view taken :
       {"connection", "content-length", "content-type", "host", "keep-alive",
        "te", "trailer", "transfer-encoding", "upgrade", "user-agent"}) {
    if (name == taken) return true;
  }
  return false;
}

size_t TrailerSize(absl::string_view name, absl::string_view value) {
  return name.size() + value.size() + kTrailerBytes;
}

}  // namespace

CallContext::CallContext(const RoutedCall& call, const Clock& clock, Hops* hops,
                         Credit* credit)
    : call_(call),
      clock_(clock),
      in_session_(call.in_session),
      hops_(hops),
      credit_(credit) {}

int CallContext::worker() const { return call_.worker; }

bool CallContext::cancelled() const { return call_.fate.revoked(); }

absl::Duration CallContext::time_left() const {
  if (!call_.deadline.has_value()) return absl::InfiniteDuration();
  return absl::FromChrono(*call_.deadline - clock_.Now());
}

absl::Time CallContext::deadline() const {
  if (!call_.deadline.has_value()) return absl::InfiniteFuture();
  return absl::Now() + time_left();
}

std::optional<absl::string_view> CallContext::metadata(
    absl::string_view name) const {
  for (const auto& [given, value] : metadata()) {
    if (given == name) return absl::string_view(value);
  }
  return std::nullopt;
}

absl::Span<const std::pair<std::string, std::string>> CallContext::metadata()
    const {
  return call_.metadata(metadata_room_);
}

std::optional<TraceContext> CallContext::trace() const {
  if (call_.traced) return call_.trace()->context();
  TraceHeaders headers;
  for (const auto& [name, value] : metadata()) headers.Add(name, value);
  return headers.Parse();
}

void CallContext::KeepKey() {
  key_ = key();
  kept_key_ = true;
}

void CallContext::KeepKeyIn(std::string& bytes) {
  KeepKey();
  if (!key_.has_value()) return;
  bytes = std::string(key_->bytes());
  key_ = Key::FromBytes(bytes);
}

std::optional<Key> CallContext::key() const {
  if (kept_key_) return key_;
  if (!call_.method().key.has_value()) return std::nullopt;
  // It was read when the call was routed, so it can be read.
  return *call_.method().key->Read(call_.request());
}

bool CallContext::in_session() const { return in_session_; }

std::vector<std::string> CallContext::principals() const {
  std::vector<std::string> names;
  const Identity* const identity = call_.identity();
  if (identity == nullptr) return names;
  for (const Principal& principal : identity->principals()) {
    names.push_back(principal.ToString());
  }
  return names;
}

bool CallContext::HasPrincipal(absl::string_view principal) const {
  const Identity* const identity = call_.identity();
  return identity != nullptr && identity->Has(principal);
}

Hop CallContext::TakeHop() {
  PINION_CHECK(hops_ != nullptr, "the hop of a call of ", call_.method().path,
               " was taken twice; a call has one, to be passed on");
  return std::exchange(hops_, nullptr)
      ->TakeForCall(*credit_, call_.traced ? call_.trace() : nullptr);
}

absl::Status CallContext::AddTrailingMetadata(absl::string_view name,
                                              absl::string_view value) {
  const std::string shown = Quoted(name, 64);
  if (!IsMetadataName(name) || IsOthers(name)) {
    return absl::InvalidArgumentError(absl::StrCat(
        shown,
        " is no name of trailing metadata; valid are lower case "
        "letters, digits, '-', '_' and '.', but none of HTTP's, and "
        "none that begins with \"grpc-\" or \"pinion-\""));
  }
  if (!IsMetadataValue(name, value)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the trailing metadata ", shown,
        " has a value with other than "
        "printable ASCII characters; a name that ends in \"-bin\" may have "
        "any"));
  }
  size_t size = TrailerSize(name, value);
  for (const auto& [other, its_value] : trailing_) {
    size += TrailerSize(other, its_value);
  }
  if (size > kMaxTrailingBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("with ", shown, " the trailing metadata would have ", size,
                     " bytes, of at most ", kMaxTrailingBytes));
  }
  trailing_.emplace_back(std::string(name), std::string(value));
  return absl::OkStatus();
}

}  // namespace pinion
