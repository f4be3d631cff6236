// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/kv/kv_options.h"

#include "absl/strings/str_cat.h"

namespace pinion::kv {

absl::Status Validate(const KvOptions& options) {
  constexpr int64_t kMin = int64_t{1} << 10;
  constexpr int64_t kMax = int64_t{1} << 40;
  if (options.bytes >= kMin && options.bytes <= kMax) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "kv_bytes is ", options.bytes, "; valid are ", kMin, " to ", kMax));
}

}  // namespace pinion::kv
