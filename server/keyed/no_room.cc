// SPDX-License-Identifier: Apache-2.0
#include "server/keyed/no_room.h"

#include "absl/strings/str_cat.h"

namespace pinion::internal {

absl::Status NoRoom(const Shortage& shortage) {
  const std::string needs =
      absl::StrCat(shortage.what, " takes ", shortage.needs, " bytes");
  if (shortage.needs > shortage.max_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat(
        needs, ", more than the ", shortage.max_bytes,
        " that one shard's state may take in all; make it smaller, or raise ",
        shortage.max_bytes_name));
  }
  return absl::ResourceExhaustedError(absl::StrCat(
      needs, ", and the other ", shortage.entries, " entries of this shard ",
      shortage.used, " of the ", shortage.max_bytes,
      " that its state may take; erase some, give them a time to live, raise ",
      shortage.max_bytes_name, ", or have the least recently used evicted"));
}

}  // namespace pinion::internal
