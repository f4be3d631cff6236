// SPDX-License-Identifier: Apache-2.0
//
// ListOf(): the entries of an option that is a list with commas.
//
// Threads: any thread.
// Example: ListOf("ES256, RS256");  // {"ES256", "RS256"}
#ifndef PINION_SERVER_SECURITY_IDENTITY_LIST_OF_H_
#define PINION_SERVER_SECURITY_IDENTITY_LIST_OF_H_

#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace pinion {

// Without the spaces around them; empty ones are left out.
inline std::vector<std::string> ListOf(absl::string_view text) {
  std::vector<std::string> entries;
  for (const absl::string_view entry : absl::StrSplit(text, ',')) {
    const absl::string_view stripped = absl::StripAsciiWhitespace(entry);
    if (!stripped.empty()) entries.emplace_back(stripped);
  }
  return entries;
}

}  // namespace pinion

#endif  // PINION_SERVER_SECURITY_IDENTITY_LIST_OF_H_
