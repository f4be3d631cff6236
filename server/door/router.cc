// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/door/router.h"

#include "absl/random/random.h"
#include "pinion/server/call/refusals.h"

namespace pinion {

absl::StatusOr<int> Router::Route(const ServedMethod& served,
                                  absl::string_view request,
                                  std::optional<int64_t> asked_worker) const {
  const HostedMethod& method = served.method;
  if (method.key.has_value()) return RouteKeyed(method, request, asked_worker);
  if (!asked_worker.has_value()) return LessLoaded(*served.lanes);
  if (*asked_worker < 0 || *asked_worker >= owners_.workers()) {
    return refusals::NoSuchWorker(*asked_worker, owners_.workers());
  }
  return static_cast<int>(*asked_worker);
}

absl::StatusOr<int> Router::RouteKeyed(
    const HostedMethod& method, absl::string_view request,
    std::optional<int64_t> asked_worker) const {
  if (asked_worker.has_value()) {
    return refusals::KeyHasItsWorker(method.path);
  }
  const absl::StatusOr<Key> key = method.key->Read(request);
  if (!key.ok()) return key.status();
  return owners_.OwnerOf(*key);
}

// The power of two choices: Mitzenmacher, "The Power of Two Choices in
// Randomized Load Balancing", 2001.
int Router::LessLoaded(const Lanes& lanes) const {
  const auto workers = static_cast<uint64_t>(owners_.workers());
  if (workers == 1) return 0;
  thread_local absl::InsecureBitGen random;
  // Two draws from one number. Each half is scaled to the workers; that favours
  // some by one in four billion.
  const uint64_t drawn = random();
  const auto one = static_cast<int>((drawn >> 32) * workers >> 32);
  const auto other = static_cast<int>((drawn & 0xffffffff) * workers >> 32);
  return lanes.used(one) <= lanes.used(other) ? one : other;
}

}  // namespace pinion
