// SPDX-License-Identifier: Apache-2.0
//
// LineReader: reads the lines of a stream; no line takes more memory than a
//             limit.
//
// Threads: the owner's only.
// Example: LineReader reader(stdin, 8 << 20);
//          while (auto line = reader.Next()) { if (line->ok()) ... }
#ifndef PINION_CLIENT_CLI_LINE_READER_H_
#define PINION_CLIENT_CLI_LINE_READER_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "pinion/proto/wire/utf8.h"

namespace pinion::cli {

class LineReader {
 public:
  LineReader(std::FILE* in, size_t max_bytes)
      : in_(in), max_bytes_(max_bytes) {}

  // The next line without its end, which may be "\r\n", and the first without a
  // byte-order mark, which editors on Windows write. An error if it exceeds
  // the limit; the rest of that line is then skipped. None: the stream has
  // ended or failed (see ferror()).
  std::optional<absl::StatusOr<std::string>> Next() {
    std::string line;
    bool too_long = false;
    int next = getc_unlocked(in_);
    if (next == EOF) return std::nullopt;
    ++line_number_;
    for (; next != EOF && next != '\n'; next = getc_unlocked(in_)) {
      if (line.size() < max_bytes_) {
        line.push_back(static_cast<char>(next));
      } else {
        too_long = true;
      }
    }
    if (too_long) {
      return absl::StatusOr<std::string>(absl::InvalidArgumentError(
          absl::StrCat("the line has more than ", max_bytes_, " bytes")));
    }
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line_number_ == 1) {
      line.erase(0, line.size() - WithoutByteOrderMark(line).size());
    }
    return absl::StatusOr<std::string>(std::move(line));
  }

  // Of the line that came last, from 1.
  uint64_t line_number() const { return line_number_; }

 private:
  std::FILE* const in_;
  const size_t max_bytes_;
  uint64_t line_number_ = 0;
};

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_LINE_READER_H_
