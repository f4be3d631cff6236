// SPDX-License-Identifier: Apache-2.0
//
// log_lines: prints lines of records whose texts are any bytes, for
// log_json_test.sh to read. Each line of its output is the bytes of the
// record's message, method and key in hexadecimal digits, and the record as a
// line of JSON, and as one of text, each after a tab.
//
// Threads: one.
// Example: log_lines 1000
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "pinion/server/log.h"
#include "pinion/server/log/log_text.h"

namespace pinion {
namespace {

// Parts that a careless writer of JSON, or of lines, would let through.
constexpr const char* kParts[] = {
    "a",       "\n",     "\r\n",       "\t",      "\"",     "\\",
    "\x1b[2J", "\x7f",   "\u009b",     "\u2028",  "\u202e", "\ufeff",
    "\u00e9",  "\u20ac", "\U0001f600", "\xff",    "\xc3",   "\xed\xa0\x80",
    "</s>",    ",",      "{}",         "\\u0000", "\\n",    "\",\"level\":\""};

std::string AnyText(std::mt19937& random) {
  std::string text;
  for (size_t left = random() % 12; left > 0; --left) {
    if (random() % 4 == 0) {
      text += static_cast<char>(random() % 256);
    } else {
      text += kParts[random() % std::size(kParts)];
    }
  }
  return text;
}

void Print(std::mt19937& random) {
  const LogRecord record = {.level = static_cast<LogLevel>(random() % 4),
                            .area = static_cast<LogArea>(random() % 12),
                            .event = AnyText(random),
                            .worker = static_cast<int>(random() % 100),
                            .method = AnyText(random),
                            .key = AnyText(random),
                            .message = AnyText(random),
                            .left_out = random() % 3,
                            .time = absl::FromUnixNanos(random())};
  std::printf("%s\n", absl::StrCat(absl::BytesToHexString(record.message), " ",
                                   absl::BytesToHexString(record.method), " ",
                                   absl::BytesToHexString(*record.key), "\t",
                                   LineOf(record, LogFormat::kJson), "\t",
                                   LineOf(record, LogFormat::kText))
                          .c_str());
}

}  // namespace
}  // namespace pinion

int main(int argc, char** argv) {
  std::mt19937 random(7);
  for (int i = argc > 1 ? std::atoi(argv[1]) : 0; i > 0; --i) {
    pinion::Print(random);
  }
}
