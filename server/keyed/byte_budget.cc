// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/keyed/byte_budget.h"

#include "absl/strings/str_cat.h"
#include "pinion/core/base/check.h"

namespace pinion::internal {

ByteBudget::ByteBudget(int64_t max_bytes, const char* max_bytes_name)
    : max_bytes_(max_bytes), max_bytes_name_(max_bytes_name) {
  PINION_CHECK(max_bytes >= 0, "max_bytes is ", max_bytes);
}

absl::Status ByteBudget::NoRoom(const Shortage& shortage) const {
  const std::string needs =
      absl::StrCat(shortage.what, " takes ", shortage.needs, " bytes");
  if (!CanHold(shortage.needs)) {
    return absl::ResourceExhaustedError(absl::StrCat(
        needs, ", more than the ", max_bytes_,
        " that one shard's state may take in all; make it smaller, or raise ",
        max_bytes_name_));
  }
  return absl::ResourceExhaustedError(absl::StrCat(
      needs, ", and the other ", shortage.entries, " entries of this shard ",
      shortage.used, " of the ", max_bytes_,
      " that its state may take; erase some, give them a time to live, raise ",
      max_bytes_name_, ", or have the least recently used evicted"));
}

}  // namespace pinion::internal
