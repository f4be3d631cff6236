// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/log.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "pinion/proto/wire/utf8.h"

namespace pinion {
namespace {

// By value.
constexpr absl::string_view kLevels[] = {"debug", "info", "warning", "error"};
constexpr absl::string_view kAreas[] = {
    "program",  "config",  "hosting", "listener", "tls",
    "lane",     "shard",   "health",  "stop",     "probes",
    "security", "systemd", "tracing", "grpc",     "log"};
constexpr absl::string_view kFormats[] = {"text", "json"};

// The index of `text` in `names`.
absl::StatusOr<size_t> Find(absl::string_view what, absl::string_view text,
                            absl::Span<const absl::string_view> names) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (text == names[i]) return i;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("there is no ", what, " ", Quoted(text, 64), "; valid are ",
                   absl::StrJoin(names, ", ")));
}

}  // namespace

absl::string_view ToString(LogLevel level) {
  return kLevels[static_cast<size_t>(level)];
}

absl::string_view ToString(LogArea area) {
  return kAreas[static_cast<size_t>(area)];
}

absl::string_view ToString(LogFormat format) {
  return kFormats[static_cast<size_t>(format)];
}

absl::StatusOr<LogLevel> ParseLogLevel(absl::string_view text) {
  const absl::StatusOr<size_t> found = Find("log level", text, kLevels);
  if (!found.ok()) return found.status();
  return static_cast<LogLevel>(*found);
}

absl::StatusOr<LogFormat> ParseLogFormat(absl::string_view text) {
  const absl::StatusOr<size_t> found = Find("log format", text, kFormats);
  if (!found.ok()) return found.status();
  return static_cast<LogFormat>(*found);
}

}  // namespace pinion
