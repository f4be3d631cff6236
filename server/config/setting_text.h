// SPDX-License-Identifier: Apache-2.0
//
// Numbers, sizes and durations as people write them, and back.
//
// Threads: plain functions; any thread.
// Errors:  INVALID_ARGUMENT with one line that has the text and an example.
// Promise: what a Written...() function returns is read as the same value.
// Example: absl::StatusOr<absl::Duration> grace = ReadDuration("1m30s");
//          WrittenBytes(64 << 20)  // "64MiB"
#ifndef PINION_SERVER_CONFIG_SETTING_TEXT_H_
#define PINION_SERVER_CONFIG_SETTING_TEXT_H_

#include <cstdint>
#include <string>

#include "absl/numeric/int128.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace pinion {

// Digits with a sign or without one: "-5", "16384". No leading zero, which some
// readers of YAML take for octal.
absl::StatusOr<absl::int128> ReadWhole(absl::string_view text);

// Bytes: digits alone, or a number with KiB, MiB, GiB or TiB that makes whole
// bytes: "4096", "64MiB", "1.5GiB".
absl::StatusOr<absl::int128> ReadBytes(absl::string_view text);

// A number other than infinity and NaN: "0.5", "1e-3".
absl::StatusOr<double> ReadDouble(absl::string_view text);

// "250ms", "1.5s", "1h30m", "0", "inf"; up to 10,000 years otherwise, to the
// nanosecond.
absl::StatusOr<absl::Duration> ReadDuration(absl::string_view text);

// In the largest unit that makes it whole: "64MiB", "4097", "0".
std::string WrittenBytes(int64_t bytes);

// As short as is exact: "0.5", "1e-300".
std::string WrittenDouble(double number);

// "250ms", "1h30m", "0s", "inf".
std::string WrittenDuration(absl::Duration duration);

}  // namespace pinion

#endif  // PINION_SERVER_CONFIG_SETTING_TEXT_H_
