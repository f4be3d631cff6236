// SPDX-License-Identifier: Apache-2.0
//
// PriorityName, ParsePriority: a Priority as the metadata pinion-priority has
// it: "urgent", "normal" or "bulk".
//
// Threads: plain functions; any thread.
// Example: context.AddMetadata("pinion-priority",
//                              std::string(PriorityName(v1::PRIORITY_BULK)));
//          if (auto priority = ParsePriority("bulk")) Serve(*priority);
#ifndef PINION_PROTO_WIRE_PRIORITY_NAME_H_
#define PINION_PROTO_WIRE_PRIORITY_NAME_H_

#include <optional>

#include "absl/strings/string_view.h"
#include "pinion/v1/priority.pb.h"

namespace pinion {

// Empty for PRIORITY_UNSPECIFIED and for a number that is no Priority.
inline absl::string_view PriorityName(v1::Priority priority) {
  switch (priority) {
    case v1::PRIORITY_URGENT:
      return "urgent";
    case v1::PRIORITY_NORMAL:
      return "normal";
    case v1::PRIORITY_BULK:
      return "bulk";
    default:
      return "";
  }
}

// None if no priority has this name.
inline std::optional<v1::Priority> ParsePriority(absl::string_view name) {
  for (const v1::Priority priority :
       {v1::PRIORITY_URGENT, v1::PRIORITY_NORMAL, v1::PRIORITY_BULK}) {
    if (name == PriorityName(priority)) return priority;
  }
  return std::nullopt;
}

}  // namespace pinion

#endif  // PINION_PROTO_WIRE_PRIORITY_NAME_H_
