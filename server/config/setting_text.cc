// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/config/setting_text.h"

#include <charconv>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <limits>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/charconv.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "pinion/proto/wire/utf8.h"

namespace pinion {
namespace {

// Of a text, in an error.
constexpr size_t kMostShown = 40;

// More digits fit into no number of a schema, and all of these into an int128.
constexpr size_t kMostDigits = 25;

// Of a part of a unit: "1.000000001TiB".
constexpr size_t kMostDecimals = 12;

// The longest google.protobuf.Duration.
constexpr absl::Duration kMostDuration = absl::Seconds(315'576'000'000);

struct ByteUnit {
  absl::string_view name;
  int shift;
};

constexpr ByteUnit kByteUnits[] = {
    {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};

absl::Status No(absl::string_view what, absl::string_view text,
                absl::string_view instead) {
  return absl::InvalidArgumentError(absl::StrCat(
      Quoted(text, kMostShown), " is no ", what, "; write ", instead));
}

bool AreDigits(absl::string_view text) {
  for (const char c : text) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return false;
  }
  return !text.empty();
}

bool HasLeadingZero(absl::string_view digits) {
  return digits.size() > 1 && digits[0] == '0';
}

// Of at most kMostDigits + kMostDecimals digits.
absl::int128 NumberOf(absl::string_view digits) {
  absl::int128 number = 0;
  for (const char c : digits) number = number * 10 + (c - '0');
  return number;
}

// Takes the digits at the beginning of `text` off it.
absl::string_view ConsumeDigits(absl::string_view* text) {
  size_t count = 0;
  while (count < text->size() &&
         absl::ascii_isdigit(static_cast<unsigned char>((*text)[count]))) {
    ++count;
  }
  const absl::string_view digits = text->substr(0, count);
  text->remove_prefix(count);
  return digits;
}

// 0 bits for no unit; -1 for one that is unknown.
int ShiftOf(absl::string_view unit) {
  if (unit.empty()) return 0;
  for (const ByteUnit& known : kByteUnits) {
    if (unit == known.name) return known.shift;
  }
  return -1;
}

}  // namespace

absl::StatusOr<absl::int128> ReadWhole(absl::string_view text) {
  absl::string_view digits = text;
  const bool negative = absl::ConsumePrefix(&digits, "-");
  if (!AreDigits(digits)) {
    return No("whole number", text, "digits, for example 100");
  }
  if (HasLeadingZero(digits)) {
    return No("whole number", text, "it without leading zeros");
  }
  if (digits.size() > kMostDigits) {
    return No("whole number of a size that anything takes", text,
              "a smaller one");
  }
  return negative ? -NumberOf(digits) : NumberOf(digits);
}

absl::StatusOr<absl::int128> ReadBytes(absl::string_view text) {
  constexpr absl::string_view kInstead =
      "for example 4096, 64KiB, 16MiB, 1.5GiB or 1TiB; each unit has 1024 of "
      "the one before";
  absl::string_view unit = text;
  const absl::string_view whole = ConsumeDigits(&unit);
  const bool has_point = absl::ConsumePrefix(&unit, ".");
  const absl::string_view decimals =
      has_point ? ConsumeDigits(&unit) : absl::string_view();
  const int shift = ShiftOf(unit);
  if (whole.empty() || has_point == decimals.empty() || HasLeadingZero(whole) ||
      shift < 0 || whole.size() > kMostDigits ||
      decimals.size() > kMostDecimals) {
    return No("number of bytes", text, kInstead);
  }
  absl::int128 scale = 1;
  for (size_t i = 0; i < decimals.size(); ++i) scale *= 10;
  // At most 25 digits, and 40 bits more for each: the product of both fits.
  const absl::int128 part = NumberOf(decimals) << shift;
  if (part % scale != 0) {
    return No("whole number of bytes", text, "a smaller unit");
  }
  return (NumberOf(whole) << shift) + part / scale;
}

absl::StatusOr<double> ReadDouble(absl::string_view text) {
  double number = 0;
  const char* const end = text.data() + text.size();
  const absl::from_chars_result read =
      absl::from_chars(text.data(), end, number);
  if (read.ec != std::errc() || read.ptr != end || !std::isfinite(number)) {
    return No("number", text, "for example 0.5");
  }
  return number;
}

absl::StatusOr<absl::Duration> ReadDuration(absl::string_view text) {
  absl::Duration duration;
  if (!absl::ParseDuration(text, &duration)) {
    if (ReadDouble(text).ok()) {
      return No("duration without a unit", text,
                absl::StrCat("for example ", text.substr(0, kMostShown),
                             "s, or with ms, m or h"));
    }
    return No("duration", text,
              "for example 250ms, 1.5s, 2m or 1h30m, or inf for none");
  }
  // Parsing makes what is too long infinite, too.
  const bool infinite = absl::EndsWith(text, "inf");
  if (!infinite && absl::AbsDuration(duration) >= kMostDuration) {
    return No("duration that anything takes", text,
              "a shorter one, or inf for none");
  }
  return infinite ? duration : absl::Trunc(duration, absl::Nanoseconds(1));
}

std::string WrittenBytes(int64_t bytes) {
  for (auto unit = std::rbegin(kByteUnits); unit != std::rend(kByteUnits);
       ++unit) {
    const int64_t size = int64_t{1} << unit->shift;
    if (bytes > 0 && bytes % size == 0) {
      return absl::StrCat(bytes / size, unit->name);
    }
  }
  return absl::StrCat(bytes);
}

std::string WrittenDouble(double number) {
  char text[32];  // "-2.2250738585072014e-308" is the longest.
  const std::to_chars_result end =
      std::to_chars(std::begin(text), std::end(text), number);
  return std::string(text, end.ptr);
}

std::string WrittenDuration(absl::Duration duration) {
  if (duration == absl::ZeroDuration()) return "0s";
  return absl::FormatDuration(duration);
}

}  // namespace pinion
