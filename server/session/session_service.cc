// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/session/session_service.h"

#include <cinttypes>
#include <random>

#include "absl/strings/str_format.h"

namespace pinion {
namespace {

// Another one at each start, by which a client tells a server from the one that
// was there before it.
std::string NewInstanceId() {
  std::random_device random;
  const uint64_t high = random();
  return absl::StrFormat("%016x", (high << 32) | random());
}

}  // namespace

SessionService::SessionService(RawService& service, FrontDoor& door,
                               Expirer& expirer, const SessionLimits& limits,
                               const SessionTimes& times)
    : host_{.service = &service,
            .index = service.AddBidiMethod(session_protocol::kOpenPath),
            .door = &door,
            .expirer = &expirer,
            .limits = limits,
            .instance_id = NewInstanceId(),
            .times = times,
            .methods = {},
            .tallies = &tallies_,
            .list = &list_} {}

}  // namespace pinion
