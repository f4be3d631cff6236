// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/internal/end_batch_of.h"

namespace pinion::internal {
namespace {

class Shard {
  [[maybe_unused]] absl::Status EndBatch() { return absl::OkStatus(); }
};

[[maybe_unused]] void Use() {
  // error: the worker cannot call this shard's EndBatch()
  CheckEndBatch<Shard>();
}

}  // namespace
}  // namespace pinion::internal
