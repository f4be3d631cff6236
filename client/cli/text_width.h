// SPDX-License-Identifier: Apache-2.0
//
// The width of text on a terminal, and text that is cut to a width.
//
// Threads: plain functions; any thread.
// Example: line = CutEnd(line, terminal.size().columns);
#ifndef PINION_CLIENT_CLI_TEXT_WIDTH_H_
#define PINION_CLIENT_CLI_TEXT_WIDTH_H_

#include <string>

#include "absl/strings/string_view.h"

namespace pinion::cli {

// How many columns `text`, one line of valid UTF-8, takes at most: two for each
// character of the scripts that are written wide, one for each other. An accent
// that stands on the letter before it counts as one, too, so that a line may
// come out short, but never long.
int WidthOf(absl::string_view text);

// `text` if it has at most `width` columns; else its beginning, or its end,
// with a "~" in place of the rest.
std::string CutEnd(absl::string_view text, int width);
std::string CutStart(absl::string_view text, int width);

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_TEXT_WIDTH_H_
