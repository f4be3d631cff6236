// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/reflection/reflection_service.h"

#include <memory>
#include <utility>

#include "pinion/server/reflection/service_files.h"

namespace pinion {
namespace {

// On each I/O thread. Further ones wait in gRPC until the I/O thread looks.
constexpr int kAwaited = 2;

}  // namespace

ReflectionService::ReflectionService(FrontDoor& door,
                                     std::chrono::nanoseconds write_timeout)
    : host_{.service = &raw_service_,
            .index = raw_service_.AddBidiMethod(reflection_protocol::kPath),
            .door = &door,
            .write_timeout = write_timeout} {}

void ReflectionService::Describe(std::vector<std::string> services) {
  host_.files = std::make_unique<const ServiceFiles>(std::move(services));
}

void ReflectionService::AwaitCalls(IoThread& io) {
  for (int i = 0; i < kAwaited; ++i) ReflectionCall::Await(host_, io);
}

}  // namespace pinion
