// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/internal/end_batch_of.h"

namespace pinion::internal {
namespace {

class Shard {
  [[maybe_unused]] absl::Status EndOfBatch() { return absl::OkStatus(); }
};

[[maybe_unused]] void Use() {
  // error: does not call EndOfBatch of a shard
  CheckEndBatch<Shard>();
}

}  // namespace
}  // namespace pinion::internal
