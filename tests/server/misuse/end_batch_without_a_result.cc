// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/internal/end_batch_of.h"

namespace pinion::internal {
namespace {

struct Shard final {
  void EndBatch();
};

[[maybe_unused]] void Use() {
  // error: absl::Status its result
  CheckEndBatch<Shard>();
}

}  // namespace
}  // namespace pinion::internal
