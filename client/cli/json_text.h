// SPDX-License-Identifier: Apache-2.0
//
// JsonText: the simple JSON that the commands parse themselves. JsonCodec
//           converts messages; JsonString() writes strings (json_string.h).
//
// Threads: plain functions; any thread.
// Example: const std::optional<JsonMembers> members = JsonMembersOf(line);
#ifndef PINION_CLIENT_CLI_JSON_TEXT_H_
#define PINION_CLIENT_CLI_JSON_TEXT_H_

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace pinion::cli {

// The members of an object as written: each name without its quotes, each value
// unchanged, so that no digit of a number is lost. None if `json` is not one
// object. Inside a value, only quotes and brackets are checked.
using JsonMembers =
    std::vector<std::pair<absl::string_view, absl::string_view>>;
std::optional<JsonMembers> JsonMembersOf(absl::string_view json);

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_JSON_TEXT_H_
