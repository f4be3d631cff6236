// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/log/log_text.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "pinion/proto/wire/json_string.h"
#include "pinion/proto/wire/key.h"
#include "pinion/proto/wire/utf8.h"

namespace pinion {
namespace {

// What follows a message that was cut.
constexpr absl::string_view kCut = "...";

// RFC 3339.
std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", time, absl::UTCTimeZone());
}

// As it is, if it looks like a path or a service's name.
std::string MethodText(absl::string_view method) {
  for (const char c : method) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c))) continue;
    if (absl::string_view("/._-").find(c) == absl::string_view::npos) {
      return Quoted(method, kMaxLogFieldBytes);
    }
  }
  return std::string(method);
}

// /shop.v1.CounterService/Add, key "apples", worker 0:
std::string SubjectText(const LogRecord& record) {
  std::vector<std::string> parts;
  if (!record.method.empty()) parts.push_back(MethodText(record.method));
  if (record.key.has_value()) parts.push_back(KeyInLog(*record.key));
  if (record.key_slot.has_value()) parts.push_back(SlotInLog(*record.key_slot));
  if (record.worker.has_value()) {
    parts.push_back(absl::StrCat("worker ", *record.worker));
  }
  if (!record.caller.empty()) {
    parts.push_back(absl::StrCat("caller ", OneLine(record.caller)));
  }
  if (parts.empty()) return "";
  return absl::StrCat(absl::StrJoin(parts, ", "), ": ");
}

std::string LeftOutText(uint64_t lines) {
  if (lines == 0) return "";
  return absl::StrCat(" (left out: ", lines, lines == 1 ? " line)" : " lines)");
}

std::string TextLine(const LogRecord& record, absl::string_view message) {
  return absl::StrCat(TimeText(record.time), " ", ToString(record.level), " ",
                      ToString(record.area), ": ", SubjectText(record),
                      OneLine(message), LeftOutText(record.left_out));
}

// A key of bytes that are not UTF-8 is told by its escapes; U+FFFD would make
// many keys look alike.
std::string KeyJson(absl::string_view key) {
  return JsonString(ValidUtf8(key) == key ? std::string(key) : Escaped(key));
}

std::string JsonLine(const LogRecord& record, absl::string_view message) {
  std::string json = absl::StrCat(
      "{\"time\":\"", TimeText(record.time), "\",\"level\":\"",
      ToString(record.level), "\",\"area\":\"", ToString(record.area), "\"");
  const auto add = [&](absl::string_view name, absl::string_view value) {
    absl::StrAppend(&json, ",\"", name, "\":", value);
  };
  if (!record.event.empty()) add("event", JsonString(record.event));
  if (record.worker.has_value()) add("worker", absl::StrCat(*record.worker));
  if (!record.method.empty()) add("method", JsonString(record.method));
  if (record.key.has_value()) add("key", KeyJson(*record.key));
  if (record.key_slot.has_value()) {
    add("key_slot", absl::StrCat(*record.key_slot));
  }
  if (!record.caller.empty()) add("caller", JsonString(record.caller));
  if (record.left_out > 0) add("left_out", absl::StrCat(record.left_out));
  add("message", JsonString(message));
  json += '}';
  return json;
}

}  // namespace

std::string LineOf(const LogRecord& record, LogFormat format) {
  const auto line = format == LogFormat::kJson ? JsonLine : TextLine;
  std::string whole = line(record, record.message);
  // A cut byte shortens the line by one or, if it was escaped, by up to six.
  size_t most = record.message.size();
  while (whole.size() > kMaxLogLineBytes && most > 0) {
    const size_t excess = whole.size() - kMaxLogLineBytes + kCut.size();
    most = excess < most / 2 ? most - excess : most / 2;
    whole = line(record, absl::StrCat(BeginningOf(record.message, most), kCut));
  }
  return whole;
}

std::string KeyInLog(absl::string_view key) {
  return absl::StrCat("key ", Key::FromBytes(key).ToString());
}

std::string SlotInLog(int slot) {
  return absl::StrCat("key in slot ", slot, " (set log_keys to see it)");
}

}  // namespace pinion
