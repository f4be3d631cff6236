// SPDX-License-Identifier: Apache-2.0
#include "server/call_context.h"

#include "absl/time/clock.h"
#include "server/call.h"

namespace pinion {

int CallContext::worker() const { return call_.worker; }

bool CallContext::cancelled() const { return call_.fate.taken(); }

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
  for (const auto& [given, value] : call_.metadata) {
    if (given == name) return absl::string_view(value);
  }
  return std::nullopt;
}

absl::Span<const std::pair<std::string, std::string>> CallContext::metadata()
    const {
  return call_.metadata;
}

std::optional<Key> CallContext::key() const {
  if (!call_.method->key.has_value()) return std::nullopt;
  // It was read when the call was routed, so it can be read.
  return *call_.method->key->Read(call_.request);
}

bool CallContext::in_session() const { return call_.in_session; }

}  // namespace pinion
