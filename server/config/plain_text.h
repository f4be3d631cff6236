// SPDX-License-Identifier: Apache-2.0
//
// The characters of a configuration: which may stand in its file, and how the
// others are written.
//
// Threads: plain functions; any thread.
// Example: if (auto why = WhyNotPlainText(text)) return *why;
#ifndef PINION_SERVER_CONFIG_PLAIN_TEXT_H_
#define PINION_SERVER_CONFIG_PLAIN_TEXT_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "pinion/server/config/config_mistake.h"

namespace pinion {

// The largest file that is read. A configuration has some kilobytes.
inline constexpr size_t kMostConfigBytes = size_t{1} << 20;

// None if `text` has at most kMostConfigBytes, all of it UTF-8 without a
// byte-order mark, and no character that an editor does not show or that YAML
// takes for the end of a line and editors do not. Otherwise the first mistake,
// without a file.
absl::optional<ConfigMistake> WhyNotPlainText(absl::string_view text);

// `text`, which is UTF-8, in double quotes as YAML has them: plain text,
// whatever `text` is.
std::string YamlQuoted(absl::string_view text);

}  // namespace pinion

#endif  // PINION_SERVER_CONFIG_PLAIN_TEXT_H_
