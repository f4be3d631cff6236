// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/bench/counter/counter_asker.h"

#include "absl/strings/str_cat.h"
#include "pinion/client/cli/key_distribution.h"
#include "pinion/client/cli/random.h"

namespace pinion::bench {

std::vector<uint32_t> DrawKeys(absl::string_view law) {
  constexpr double kExponent = 0.99;
  constexpr size_t kDraws = 1 << 18;
  const auto distribution =
      law == "zipf" ? cli::KeyDistribution::Zipf(kCounters, kExponent)
                    : cli::KeyDistribution::Uniform(kCounters);
  cli::Random random(1);
  std::vector<uint32_t> keys;
  while (keys.size() < kDraws) {
    keys.push_back(static_cast<uint32_t>(distribution.Draw(random)));
  }
  return keys;
}

CounterAsker::CounterAsker() {
  uint32_t number = 0;
  for (Key& key : keys_) key.name = absl::StrCat("counter-", number++);
}

CounterAsker::Asked CounterAsker::Ask(AddRequest& request) {
  const size_t next = next_.fetch_add(1, std::memory_order_relaxed);
  const uint32_t number = (*load_.keys)[next % load_.keys->size()];
  Key& key = keys_[number];
  request.set_name(key.name);
  request.set_by(1);
  request.set_work_rounds(load_.work_rounds);
  key.begun.fetch_add(1, std::memory_order_relaxed);
  return {.key = number,
          .least = key.answered.load(std::memory_order_relaxed) + 1};
}

absl::Status CounterAsker::Check(const Asked& asked,
                                 const AddResponse& response) {
  Key& key = keys_[asked.key];
  key.answered.fetch_add(1, std::memory_order_relaxed);
  const int64_t most = key.begun.load(std::memory_order_relaxed);
  if (response.value() >= asked.least && response.value() <= most) {
    return absl::OkStatus();
  }
  return absl::InternalError(
      absl::StrCat(key.name, " was said to be ", response.value(),
                   " where it must be ", asked.least, " to ", most));
}

}  // namespace pinion::bench
