// SPDX-License-Identifier: Apache-2.0
//
// The messages of proto/pinion/admin/v1 as JSON, on one line: the names are
// those of the fields, integers of 64 bits are text, and a field that has its
// default is left out.
//
// Threads: plain functions; any thread.
// Example: const auto text = AdminJson(source.GetState());
#ifndef PINION_SERVER_ADMIN_ADMIN_JSON_H_
#define PINION_SERVER_ADMIN_ADMIN_JSON_H_

#include <string>

#include "absl/status/statusor.h"
#include "google/protobuf/message.h"

namespace pinion {

// INTERNAL if it cannot be printed, as it might be with a text that is not
// UTF-8.
absl::StatusOr<std::string> AdminJson(const google::protobuf::Message& message);

}  // namespace pinion

#endif  // PINION_SERVER_ADMIN_ADMIN_JSON_H_
