// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/internal/handler_signature.h"

namespace pinion::internal {
namespace {

struct Request {};
struct Response {};

struct Shard {};

[[maybe_unused]] void Use() {
  auto handler = [](auto&, const auto&, auto*) { return absl::OkStatus(); };
  // error: without auto: absl::Status M(const Request&, Response*)
  RefuseHandler<Shard, decltype(handler)>();
}

}  // namespace
}  // namespace pinion::internal
