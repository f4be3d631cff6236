// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/internal/handler_signature.h"

namespace pinion::internal {
namespace {

struct Request {};
struct Response {};

struct Shard {};

[[maybe_unused]] void Use(int count) {
  const auto handler = [count](const Request&, Response*) mutable {
    return ++count > 0 ? absl::OkStatus() : absl::UnknownError("");
  };
  // error: a handler is not mutable
  RefuseHandler<Shard, std::remove_const_t<decltype(handler)>>();
}

}  // namespace
}  // namespace pinion::internal
