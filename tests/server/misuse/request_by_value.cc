// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/internal/handler_signature.h"

namespace pinion::internal {
namespace {

struct Request {};
struct Response {};

struct Shard {
  absl::Status Add(Request, Response*);
};

[[maybe_unused]] void Use() {
  // error: a handler is a member function of the shard, or a function
  RefuseHandler<Shard, decltype(&Shard::Add)>();
}

}  // namespace
}  // namespace pinion::internal
