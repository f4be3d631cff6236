// SPDX-License-Identifier: Apache-2.0
//
// What gRPC allows as the name and the value of metadata. A session's metadata
// keeps to it too, so that a proxy or a handler that passes it on in a plain
// call always can: gRPC aborts the process for anything else.
//
// Threads: plain functions; any thread.
// Example: if (!IsMetadataName(name)) return BadName(name);
#ifndef PINION_PROTO_WIRE_METADATA_RULES_H_
#define PINION_PROTO_WIRE_METADATA_RULES_H_

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace pinion {

// Lower case letters, digits, '-', '_' and '.', at least one.
inline bool IsMetadataName(absl::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_islower(static_cast<unsigned char>(c)) ||
           absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '-' ||
           c == '_' || c == '.';
  });
}

// Printable ASCII, or, if the name ends in "-bin" and does not consist of it,
// any bytes.
inline bool IsMetadataValue(absl::string_view name, absl::string_view value) {
  constexpr absl::string_view kBinary = "-bin";
  if (name.size() > kBinary.size() && absl::EndsWith(name, kBinary)) {
    return true;
  }
  return std::all_of(value.begin(), value.end(),
                     [](char c) { return c >= 0x20 && c <= 0x7e; });
}

}  // namespace pinion

#endif  // PINION_PROTO_WIRE_METADATA_RULES_H_
