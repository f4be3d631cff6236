// SPDX-License-Identifier: Apache-2.0
#include "server/router.h"

#include "absl/random/random.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace pinion {

absl::StatusOr<int> Router::Route(const HostedMethod& method,
                                  absl::string_view request,
                                  std::optional<absl::string_view> asked_worker,
                                  const Lanes& lanes) const {
  if (method.key.has_value()) return RouteKeyed(method, request, asked_worker);
  if (!asked_worker.has_value()) return LessLoaded(lanes);
  int worker;
  if (!absl::SimpleAtoi(*asked_worker, &worker) || worker < 0 ||
      worker >= owners_.workers()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "pinion-worker is \"", absl::CHexEscape(asked_worker->substr(0, 32)),
        "\"; this server has the workers 0 to ", owners_.workers() - 1));
  }
  return worker;
}

absl::StatusOr<int> Router::RouteKeyed(
    const HostedMethod& method, absl::string_view request,
    std::optional<absl::string_view> asked_worker) const {
  if (asked_worker.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(
        method.path,
        " has a key, which has one worker; the metadata pinion-worker is for "
        "methods without one"));
  }
  const absl::StatusOr<Key> key = method.key->Read(request);
  if (!key.ok()) return key.status();
  return owners_.OwnerOf(*key);
}

// The power of two choices: Mitzenmacher, "The Power of Two Choices in
// Randomized Load Balancing", 2001.
int Router::LessLoaded(const Lanes& lanes) const {
  thread_local absl::InsecureBitGen random;
  const int one = absl::Uniform(random, 0, owners_.workers());
  const int other = absl::Uniform(random, 0, owners_.workers());
  return lanes.used(one) <= lanes.used(other) ? one : other;
}

}  // namespace pinion
