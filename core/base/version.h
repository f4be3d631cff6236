// SPDX-License-Identifier: Apache-2.0
//
// kVersion: this version of Pinion, as the file VERSION has it.
//
// Threads: a constant.
// Example: absl::StrCat("pinion ", kVersion)  // "pinion 0.1.0"
#ifndef PINION_CORE_BASE_VERSION_H_
#define PINION_CORE_BASE_VERSION_H_

#include "absl/strings/string_view.h"

namespace pinion {

// tests/core/version_test.cc compares it with the file.
inline constexpr absl::string_view kVersion = "0.1.0";

}  // namespace pinion

#endif  // PINION_CORE_BASE_VERSION_H_
