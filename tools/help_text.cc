// SPDX-License-Identifier: Apache-2.0
#include "pinion/tools/help_text.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace pinion {
namespace {

constexpr size_t kColumns = 80;
constexpr size_t kHelpIndent = 6;

void AppendWrapped(absl::string_view line, size_t indent, std::string* text) {
  line = absl::StripTrailingAsciiWhitespace(line);
  const size_t spaces = std::min(line.find_first_not_of(' '), line.size());
  line.remove_prefix(spaces);
  const std::string margin(line.empty() ? 0 : indent + spaces, ' ');
  const size_t room = kColumns - std::min(margin.size(), kColumns);
  while (line.size() > room) {
    size_t end = line.rfind(' ', room);
    if (end == line.npos) end = line.find(' ');
    if (end == line.npos) break;
    absl::StrAppend(text, margin,
                    absl::StripTrailingAsciiWhitespace(line.substr(0, end)),
                    "\n");
    line = absl::StripLeadingAsciiWhitespace(line.substr(end));
  }
  absl::StrAppend(text, margin, line, "\n");
}

}  // namespace

std::string HelpText(absl::string_view usage,
                     const std::vector<GroupHelp>& groups) {
  std::string text = Wrapped(usage, 0);
  for (const GroupHelp& group : groups) {
    absl::StrAppend(&text, "\n", group.title, "\n");
    for (const FlagHelp& flag : group.flags) {
      absl::StrAppend(&text, "  --", flag.name, " (default: ",
                      flag.preset.empty() ? "empty" : flag.preset, ")\n",
                      Wrapped(flag.help, kHelpIndent));
    }
  }
  return text;
}

std::string Wrapped(absl::string_view text, size_t indent) {
  std::string wrapped;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    AppendWrapped(line, indent, &wrapped);
  }
  return wrapped;
}

}  // namespace pinion
