// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/health/health_service.h"

#include <utility>

#include "pinion/server/health/health_check_call.h"

namespace pinion {
namespace {

// Of either method on each I/O thread. Health is asked for every few seconds by
// a handful of clients, each by itself.
constexpr int kAwaitedCalls = 4;

}  // namespace

HealthService::HealthService(Health& health, RawService& service,
                             CallGuard guard)
    : health_(health),
      service_(service),
      guard_(std::move(guard)),
      check_method_(service.AddMethod(HealthCheckCall::kPath)),
      watch_method_(service.AddStreamingMethod(HealthWatches::kPath)) {}

void HealthService::AwaitCalls(IoThread& io) {
  watches_.push_back(std::make_unique<HealthWatches>(
      health_, service_, watch_method_, guard_, io));
  HealthWatches* const watches = watches_.back().get();
  for (int i = 0; i < kAwaitedCalls; ++i) {
    HealthCheckCall::Await(health_, service_, check_method_, guard_, io);
    HealthWatchCall::Await(*watches);
  }
  health_.AddObserver([watches] { watches->TellChange(); });
}

}  // namespace pinion
