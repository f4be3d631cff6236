// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/bench/echo/contenders.h"

#include "absl/time/time.h"
#include "pinion/tests/bench/support/bench_servers.h"

namespace pinion::bench {
namespace {

constexpr absl::Duration kWarmUp = absl::Milliseconds(300);
constexpr int kWarmUpInFlight = 64;

}  // namespace

absl::StatusOr<std::vector<Contender>> StartContenders(
    const std::vector<std::string>& roles) {
  auto servers = StartProcesses(roles);
  if (!servers.ok()) return servers.status();
  std::vector<Contender> contenders;
  for (auto& server : *servers) contenders.emplace_back(std::move(server));
  for (Contender& contender : contenders) {
    const auto warm = contender.client.Measure(kWarmUpInFlight, kWarmUp);
    if (!warm.ok()) return warm.status();
  }
  return contenders;
}

}  // namespace pinion::bench
