// SPDX-License-Identifier: Apache-2.0
//
// LogRecord: what one line of a server's log says; and how lines are written.
//            docs/logs.md is for those who read them.
//
// Threads: plain data; the functions are for any thread.
// Example: hosting.LogLine({.level = LogLevel::kWarning,
//                           .event = "disk_full",
//                           .message = "no room for the journal"});
#ifndef PINION_SERVER_LOG_H_
#define PINION_SERVER_LOG_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace pinion {

// How much a line matters. Each level includes those after it.
enum class LogLevel : uint8_t {
  kDebug,    // Helps to find a fault in Pinion or gRPC.
  kInfo,     // The server does what it should.
  kWarning,  // Calls may suffer, or soon will.
  kError,    // Something is broken: a handler has thrown, say.
};

// Which part of the server a line is about.
enum class LogArea : uint8_t {
  kProgram,   // The program around the server: Hosting::LogLine(), Run().
  kConfig,    // Its configuration, read or reloaded.
  kHosting,   // How the server is put together and started.
  kListener,  // Connections.
  kTls,       // Certificates and handshakes.
  kLane,      // Calls and their handlers.
  kShard,     // What shards do without a call.
  kHealth,    // Workers that stall.
  kStop,      // The stop, and the account at its end.
  kProbes,    // Answers to probes.
  kSecurity,  // Tokens, policies, and what proxies tell of clients.
  kSystemd,   // What systemd tells and is told.
  kTracing,   // Spans, and the collector that gets them.
  kGrpc,      // gRPC's own lines.
  kLog,       // The log itself.
};

// The form of a line.
enum class LogFormat : uint8_t {
  kText,  // For people.
  kJson,  // One JSON object.
};

// "info", "listener", "json": as in a line, a flag and a file.
absl::string_view ToString(LogLevel level);
absl::string_view ToString(LogArea area);
absl::string_view ToString(LogFormat format);

// Their inverse. INVALID_ARGUMENT with the text and the valid ones.
absl::StatusOr<LogLevel> ParseLogLevel(absl::string_view text);
absl::StatusOr<LogFormat> ParseLogFormat(absl::string_view text);

struct LogRecord {
  LogLevel level = LogLevel::kInfo;
  LogArea area = LogArea::kProgram;
  // What has happened, in one word that stays the same, such as handler_threw:
  // for alerts. Of one event of one service, at most ten lines are written in a
  // second. The log counts the others, and a later line has their number. Empty
  // for a line that is always written.
  std::string event = {};
  // The worker, and the path of the method, or the service's name where no
  // single method is concerned.
  std::optional<int> worker = {};
  std::string method = {};
  // The call's key: Key::bytes(). Unless log_keys is set, the line has the
  // key's slot in its place.
  std::optional<std::string> key = {};
  // Who has caused it, if that is known: Identity::ToString().
  std::string caller = {};
  // What an operator should know, in one line without its end. May have any
  // bytes: the line has them escaped.
  std::string message = {};
  // The number of lines like it that were left out before it.
  uint64_t left_out = 0;

  // Set by the log.
  absl::Time time = absl::InfinitePast();
  std::optional<int> key_slot = {};
};

// Receives one finished line, without its line end.
using LogFunction = std::function<void(absl::string_view line)>;

// Receives what is to be written. Any thread may call it.
using LogSink = std::function<void(LogRecord record)>;

// How lines are written, as HostingOptions says of log_format, log_level and
// log_keys.
struct LogSettings {
  LogFormat format = LogFormat::kText;
  LogLevel level = LogLevel::kInfo;
  bool keys = false;
};

}  // namespace pinion

#endif  // PINION_SERVER_LOG_H_
