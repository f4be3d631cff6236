// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/internal/method_names.h"

#include "pinion/proto/wire/session_protocol.h"

namespace pinion::client_internal {

uint32_t MethodNames::FindOrAdd(absl::string_view name) {
  const auto found = indexes_.find(name);
  if (found != indexes_.end()) {
    last_ = found->second;
    return last_;
  }
  if (names_.size() >= session_protocol::kMaxMethodIndex) return 0;
  names_.emplace_back(name);
  last_ = static_cast<uint32_t>(names_.size());
  indexes_.emplace(name, last_);
  return last_;
}

}  // namespace pinion::client_internal
