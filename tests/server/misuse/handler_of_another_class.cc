// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/internal/handler_signature.h"

namespace pinion::internal {
namespace {

struct Request {};
struct Response {};

struct Shard {};
struct Other {
  absl::Status Add(const Request&, Response*);
};

[[maybe_unused]] void Use() {
  // error: a member function of another class than the shard
  RefuseHandler<Shard, decltype(&Other::Add)>();
}

}  // namespace
}  // namespace pinion::internal
