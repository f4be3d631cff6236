// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "pinion/server/internal/handler_signature.h"

namespace pinion::internal {
namespace {

struct Request {};
struct Response {};

struct Shard {};

[[maybe_unused]] void Use(std::unique_ptr<int> owned) {
  auto handler = [owned = std::move(owned)](const Request&, Response*) {
    return owned ? absl::OkStatus() : absl::UnknownError("");
  };
  // error: a handler can be copied
  RefuseHandler<Shard, decltype(handler)>();
}

}  // namespace
}  // namespace pinion::internal
