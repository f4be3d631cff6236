// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/program/memory_limit.h"

#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "pinion/core/cpu/cgroup_folders.h"

namespace pinion {
namespace {

absl::Status NotUnderstood(const std::string& path, absl::string_view text) {
  return absl::InternalError(
      absl::StrCat("cannot tell the memory limit: ", path, " says '", text,
                   "'; expected bytes"));
}

void Tighten(MemoryLimit& limit, int64_t bytes, const std::string& source) {
  if (bytes >= limit.bytes) return;
  limit = {.bytes = bytes, .source = source};
}

// MemTotal:       16318480 kB
absl::Status TightenByMachine(MemoryLimit& limit, const std::string& root) {
  const std::string path = absl::StrCat(root, "/proc/meminfo");
  const auto text = ReadCgroupFile(path);
  if (!text.ok()) return text.status();
  for (absl::string_view line : absl::StrSplit(text->value_or(""), '\n')) {
    if (!absl::ConsumePrefix(&line, "MemTotal:")) continue;
    int64_t kilobytes = 0;
    if (!absl::ConsumeSuffix(&line, " kB") ||
        !absl::SimpleAtoi(absl::StripAsciiWhitespace(line), &kilobytes)) {
      return NotUnderstood(path, line);
    }
    Tighten(limit, kilobytes << 10, "the machine");
  }
  return absl::OkStatus();
}

absl::Status TightenByFile(MemoryLimit& limit, const std::string& path) {
  const auto text = ReadCgroupFile(path);
  if (!text.ok()) return text.status();
  if (!text->has_value() || **text == "max") return absl::OkStatus();
  int64_t bytes = 0;
  if (!absl::SimpleAtoi(**text, &bytes) || bytes < 0) {
    return NotUnderstood(path, **text);
  }
  Tighten(limit, bytes, path);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<MemoryLimit> ReadMemoryLimit(const std::string& root) {
  const auto folders = CgroupFolders::Read(root);
  if (!folders.ok()) return folders.status();
  // A group above memory.high is slowed down until it is of no use.
  std::vector<std::string> files;
  for (const std::string& folder : folders->v2()) {
    files.push_back(absl::StrCat(folder, "/memory.max"));
    files.push_back(absl::StrCat(folder, "/memory.high"));
  }
  for (const std::string& folder : folders->v1("memory")) {
    files.push_back(absl::StrCat(folder, "/memory.limit_in_bytes"));
  }
  MemoryLimit limit;
  absl::Status read = TightenByMachine(limit, root);
  for (const std::string& file : files) {
    if (read.ok()) read = TightenByFile(limit, file);
  }
  if (!read.ok()) return read;
  return limit;
}

}  // namespace pinion
