// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/base/duration_text.h"

namespace pinion {
namespace {

absl::Duration UnitFor(absl::Duration span) {
  const absl::Duration size = absl::AbsDuration(span);
  if (size >= absl::Seconds(1)) return absl::Milliseconds(1);
  if (size >= absl::Milliseconds(1)) return absl::Microseconds(100);
  if (size >= absl::Microseconds(1)) return absl::Microseconds(1);
  return absl::Nanoseconds(1);
}

}  // namespace

std::string DurationText(absl::Duration span) {
  const absl::Duration rounded = absl::Trunc(span, UnitFor(span));
  if (rounded == absl::ZeroDuration()) return "0s";
  return absl::FormatDuration(rounded);
}

}  // namespace pinion
