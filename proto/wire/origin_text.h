// SPDX-License-Identifier: Apache-2.0
//
// OriginText: where a setting's value is from, as the tool and the server's
// /config say it: "default", "file", "flag" or "run time".
//
// Threads: a plain function; any thread.
// Example: absl::StrCat("  # ", OriginText(setting.origin()))
#ifndef PINION_PROTO_WIRE_ORIGIN_TEXT_H_
#define PINION_PROTO_WIRE_ORIGIN_TEXT_H_

#include "absl/strings/string_view.h"
#include "pinion/admin/v1/admin.pb.h"

namespace pinion {

// "unknown" for ORIGIN_UNSPECIFIED, and for a number that is no Origin.
inline absl::string_view OriginText(admin::v1::Origin origin) {
  switch (origin) {
    case admin::v1::ORIGIN_DEFAULT:
      return "default";
    case admin::v1::ORIGIN_FILE:
      return "file";
    case admin::v1::ORIGIN_FLAG:
      return "flag";
    case admin::v1::ORIGIN_RUN_TIME:
      return "run time";
    default:
      return "unknown";
  }
}

}  // namespace pinion

#endif  // PINION_PROTO_WIRE_ORIGIN_TEXT_H_
