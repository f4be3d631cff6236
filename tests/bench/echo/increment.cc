// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/bench/echo/increment.h"

#include <random>
#include <utility>

#include "absl/random/zipf_distribution.h"
#include "absl/strings/str_cat.h"
#include "pinion/client/kv_methods.h"

namespace pinion::bench {
namespace {

constexpr int kKeys = 10'000;
constexpr double kExponent = 1.01;  // Abseil's has to be above 1.
constexpr size_t kUses = 1 << 18;   // Then from the start again.

std::vector<std::string> DrawKeys() {
  std::mt19937_64 random(1);
  absl::zipf_distribution<int> rank(kKeys - 1, kExponent, 1.0);
  std::vector<std::string> keys;
  keys.reserve(kUses);
  for (size_t i = 0; i < kUses; ++i) {
    keys.push_back(absl::StrCat("key", rank(random)));
  }
  return keys;
}

}  // namespace

IncrementWay::IncrementWay(std::unique_ptr<Client> client)
    : client_(std::move(client)), keys_(DrawKeys()) {}

void IncrementWay::Begin(CallSlot& slot) {
  kv::v1::IncrementRequest request;
  request.set_key(keys_[next_.fetch_add(1, std::memory_order_relaxed) % kUses]);
  request.set_by(1);
  client_->Start(kv::kIncrement, request, {},
                 [&slot](const absl::StatusOr<kv::v1::IncrementResponse>& got) {
                   slot.Answered(got.status());
                 });
}

}  // namespace pinion::bench
