// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/admin_words.h"

#include <cstddef>
#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "pinion/proto/wire/utf8.h"

namespace pinion::cli {
namespace {

// Three digits, or as many as stand before the point.
std::string ThreeDigits(double number) {
  // What rounds up to a digit more has one less behind the point.
  if (number < 9.995) return absl::StrFormat("%.2f", number);
  if (number < 99.95) return absl::StrFormat("%.1f", number);
  return absl::StrFormat("%.0f", number);
}

// "3m 04s": a number of `large`, and the rest in `small`.
std::string TwoUnits(uint64_t seconds, uint64_t large, absl::string_view one,
                     uint64_t small, absl::string_view other) {
  return absl::StrFormat("%d%s %02d%s", seconds / large, one,
                         seconds % large / small, other);
}

}  // namespace

std::string Words(absl::string_view text) { return OneLine(text); }

std::string CountText(uint64_t count) {
  if (count < 10'000) return absl::StrCat(count);
  return NumberText(static_cast<double>(count));
}

std::string NumberText(double number) {
  if (number < 0.005) return "0";
  constexpr absl::string_view kUnits[] = {"", "k", "M", "G", "T"};
  size_t unit = 0;
  while (number >= 999.5 && unit + 1 < std::size(kUnits)) {
    number /= 1000;
    ++unit;
  }
  return absl::StrCat(ThreeDigits(number), kUnits[unit]);
}

std::string SpanText(uint64_t nanos) {
  constexpr uint64_t kSecond = 1'000'000'000;
  constexpr uint64_t kMinute = 60, kHour = 60 * kMinute, kDay = 24 * kHour;
  if (nanos == 0) return "0s";
  if (nanos < 1000) return absl::StrCat(nanos, "ns");
  const double span = static_cast<double>(nanos);
  if (span < 999.5e3) return ThreeDigits(span / 1e3) + "us";
  if (span < 999.5e6) return ThreeDigits(span / 1e6) + "ms";
  if (span < 59.95e9) return ThreeDigits(span / 1e9) + "s";
  const uint64_t seconds = (nanos + kSecond / 2) / kSecond;
  if (seconds < kHour) return TwoUnits(seconds, kMinute, "m", 1, "s");
  if (seconds < kDay) return TwoUnits(seconds, kHour, "h", kMinute, "m");
  return TwoUnits(seconds, kDay, "d", kHour, "h");
}

std::string SizeText(int64_t bytes) {
  if (bytes < 1024) return absl::StrCat(bytes, " B");
  constexpr absl::string_view kUnits[] = {"KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  double size = static_cast<double>(bytes) / 1024;
  while (size >= 1023.5 && unit + 1 < std::size(kUnits)) {
    size /= 1024;
    ++unit;
  }
  const std::string text = absl::StrFormat("%.*f", size < 99.95 ? 1 : 0, size);
  // "1 MiB", not "1.0 MiB".
  return absl::StrCat(absl::StripSuffix(text, ".0"), " ", kUnits[unit]);
}

std::string ShareText(double part) {
  return absl::StrFormat("%.1f%%", part * 100);
}

std::string TimeText(uint64_t unix_ms, absl::TimeZone zone) {
  if (unix_ms == 0) return "-";
  return absl::FormatTime("%Y-%m-%d %H:%M:%S",
                          absl::FromUnixMillis(static_cast<int64_t>(unix_ms)),
                          zone);
}

std::string CodeText(int32_t code) {
  const std::string name =
      absl::StatusCodeToString(static_cast<absl::StatusCode>(code));
  return name.empty() ? absl::StrCat("code ", code) : name;
}

std::string KeyText(const admin::v1::KeyName& key) {
  if (!key.has_key()) {
    return absl::StrFormat("#%016x slot %d", key.hash(), key.slot());
  }
  return key.key().empty() ? "\"\"" : Words(key.key());
}

std::string KeyWithoutSlot(const admin::v1::KeyName& key) {
  if (key.has_key()) return absl::StrCat("the key \"", Words(key.key()), "\"");
  return absl::StrFormat("the key with the hash %016x", key.hash());
}

std::string KeyWords(const admin::v1::KeyName& key) {
  return absl::StrCat(
      KeyWithoutSlot(key),
      key.has_key() ? "" : absl::StrCat(" in slot ", key.slot()));
}

std::string RunningWords(const admin::v1::Running& running) {
  if (running.method().empty()) {
    return running.work().empty() ? "other work" : Words(running.work());
  }
  std::string words = Words(running.method());
  if (running.has_key())
    absl::StrAppend(&words, " of ", KeyWords(running.key()));
  if (!running.principal().empty()) {
    absl::StrAppend(&words, " for ", Words(running.principal()));
  }
  return words;
}

std::string Calls(uint64_t count) {
  return absl::StrCat(CountText(count), count == 1 ? " call" : " calls");
}

}  // namespace pinion::cli
