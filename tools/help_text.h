// SPDX-License-Identifier: Apache-2.0
//
// HelpText: what --help prints: the usage, then the flags under the headings of
//           their groups, in lines of at most 80 columns.
//
// Threads: any thread.
// Example: HelpText("usage: pinion-server [flags]",
//                   {{.title = "Health and stop",
//                     .flags = {{.name = "grace", .preset = "10s",
//                                .help = "How long a stop waits."}}}});
#ifndef PINION_TOOLS_HELP_TEXT_H_
#define PINION_TOOLS_HELP_TEXT_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace pinion {

struct FlagHelp {
  std::string name;
  std::string preset;  // The default value, as text.
  std::string help;
};

struct GroupHelp {
  std::string title;
  std::vector<FlagHelp> flags;
};

// `usage` is wrapped too. Groups and flags keep their order.
std::string HelpText(absl::string_view usage,
                     const std::vector<GroupHelp>& groups);

// Returns `text` with `indent` spaces before each line, and with a line end
// after the last. Breaks only lines of more than 80 columns, at spaces; their
// rest begins below their first word. A longer word has a line of its own. A
// byte counts as a column: the text is ASCII.
std::string Wrapped(absl::string_view text, size_t indent);

}  // namespace pinion

#endif  // PINION_TOOLS_HELP_TEXT_H_
