// SPDX-License-Identifier: Apache-2.0
//
// DurationText: a span of time for people: "12.3ms", "480us", "0s".
//
// Threads: any thread.
// Why:     absl::FormatDuration() writes zero without a unit, and a span that
//          was rounded to a coarse unit may have become zero.
// Example: absl::StrCat("the call has ", DurationText(left), " left")
#ifndef PINION_CORE_BASE_DURATION_TEXT_H_
#define PINION_CORE_BASE_DURATION_TEXT_H_

#include <string>

#include "absl/time/time.h"

namespace pinion {

// Rounded towards zero: a span of a second and up to milliseconds, of a
// millisecond and up to its tenths, of a microsecond and up to microseconds, a
// shorter one to nanoseconds. It always has a unit, and is "0s" only for less
// than a nanosecond.
std::string DurationText(absl::Duration span);

}  // namespace pinion

#endif  // PINION_CORE_BASE_DURATION_TEXT_H_
