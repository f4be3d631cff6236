// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/internal/end_batch_of.h"

namespace pinion::internal {
namespace {

struct Shard {
  absl::Status EndBatch(int calls);
};

[[maybe_unused]] void Use() {
  // error: without parameters
  CheckEndBatch<Shard>();
}

}  // namespace
}  // namespace pinion::internal
