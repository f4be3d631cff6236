// SPDX-License-Identifier: Apache-2.0
//
// LogText: the line of a record, as text or as JSON.
//
// Threads: plain functions; any thread.
// Safety:  a line is one line whatever its record has, and gives a terminal no
//          commands: control characters and bytes that are not UTF-8 are
//          escaped. In text, a key or a method cannot pass for other fields: it
//          stands in quotes if it has anything but the usual characters.
// Example: LineOf(record, LogFormat::kText)
//          2026-11-29T08:15:00.123456Z error lane: /shop.v1.CounterService/Add,
//          key "apples", worker 0: the handler threw an exception: ...
#ifndef PINION_SERVER_LOG_LOG_TEXT_H_
#define PINION_SERVER_LOG_LOG_TEXT_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "pinion/server/log.h"

namespace pinion {

// The most bytes of a line. The message is cut so that its line has no more.
// (systemd's journal accepts 48 KiB.)
constexpr size_t kMaxLogLineBytes = 16 << 10;

// The most bytes of the other fields, which callers cut their records to.
constexpr size_t kMaxLogFieldBytes = 256;

// Without its line end. `record.time` is written in UTC, with microseconds.
std::string LineOf(const LogRecord& record, LogFormat format);

// The call's key as the log names it: key "apples"; unless keys are shown: key
// in slot 1234 (set log_keys to see it).
std::string KeyInLog(absl::string_view key);
std::string SlotInLog(int slot);

}  // namespace pinion

#endif  // PINION_SERVER_LOG_LOG_TEXT_H_
