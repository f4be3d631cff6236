// SPDX-License-Identifier: Apache-2.0
//
// Text that may hold any bytes, made fit for a protobuf string, a line of a log
// or an error.
//
// Threads: plain functions; any thread.
// Example: absl::StrCat("the key ", Quoted(key, 64), " has no value")
#ifndef PINION_PROTO_WIRE_UTF8_H_
#define PINION_PROTO_WIRE_UTF8_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace pinion {

// The number of bytes of the first character of `text`, which is not empty; 0
// if it does not begin with a valid UTF-8 character.
size_t FirstCharacter(absl::string_view text);

// The longest beginning of `text` that has at most `most` bytes and does not
// end within a character.
absl::string_view BeginningOf(absl::string_view text, size_t most);

// `text` with '?' for each byte that is not UTF-8, as a protobuf string
// requires.
std::string ValidUtf8(absl::string_view text);

// The code point of `character`, one valid UTF-8 character.
char32_t CodePointOf(absl::string_view character);

// Whether text for people must not have this character as it is, because a
// terminal may take it for a command, or because it ends a line, changes the
// order in which the rest of its line is shown, or is not shown at all.
bool IsControl(char32_t code_point);

// `text` with its letters as they are, in any script. Control characters (see
// IsControl()), quotes, backslashes and bytes that are not UTF-8 are escaped as
// in C.
std::string Escaped(absl::string_view text);

// `text` for a terminal: with its letters, quotes and line ends as they are.
// Other control characters, and bytes that are not UTF-8, are escaped as in C.
std::string Printable(absl::string_view text);

// The same for one line of a log: line ends and tabs are escaped, too. A text
// that has been through this stays as it is.
std::string OneLine(absl::string_view text);

// `text` without the byte-order mark at its beginning, if it has one.
absl::string_view WithoutByteOrderMark(absl::string_view text);

// `text` as Escaped() has it, in double quotes; of a longer text its first
// `most` bytes.
std::string Quoted(absl::string_view text, size_t most);

}  // namespace pinion

#endif  // PINION_PROTO_WIRE_UTF8_H_
