// SPDX-License-Identifier: Apache-2.0
#include "server/router.h"

#include "absl/random/random.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace pinion {

Router::Router(int workers, uint64_t key_seed)
    : workers_(workers), key_seed_(key_seed) {
  for (int slot = 0; slot < kSlots; ++slot) {
    owners_[slot] = static_cast<uint16_t>(slot * workers / kSlots);
  }
}

absl::StatusOr<int> Router::Route(const HostedMethod& method,
                                  absl::string_view request,
                                  std::optional<absl::string_view> asked_worker,
                                  const Lanes& lanes) const {
  if (method.key.has_value()) return RouteKeyed(method, request, asked_worker);
  if (!asked_worker.has_value()) return LessLoaded(lanes);
  int worker;
  if (!absl::SimpleAtoi(*asked_worker, &worker) || worker < 0 ||
      worker >= workers_) {
    return absl::InvalidArgumentError(absl::StrCat(
        "pinion-worker is \"", absl::CHexEscape(asked_worker->substr(0, 32)),
        "\"; this server has the workers 0 to ", workers_ - 1));
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
  return owners_[key->Hash(key_seed_) % kSlots];
}

// The power of two choices: Mitzenmacher, "The Power of Two Choices in
// Randomized Load Balancing", 2001.
int Router::LessLoaded(const Lanes& lanes) const {
  thread_local absl::InsecureBitGen random;
  const int one = absl::Uniform(random, 0, workers_);
  const int other = absl::Uniform(random, 0, workers_);
  return lanes.used(one) <= lanes.used(other) ? one : other;
}

}  // namespace pinion
