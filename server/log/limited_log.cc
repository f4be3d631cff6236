// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/log/limited_log.h"

#include "absl/strings/str_cat.h"

namespace pinion {

void LimitedLog::Add(absl::string_view line) {
  const Turn turn = TakeTurn();
  if (!turn.writes) return;
  if (turn.left_out_before > 0) {
    Log(log_,
        absl::StrCat(name_, ": ", turn.left_out_before,
                     turn.left_out_before == 1 ? " line was" : " lines were",
                     " left out"));
  }
  Log(log_, line);
  if (turn.is_last_of_span) {
    Log(log_, absl::StrCat(name_,
                           ": further lines of this second are left out "
                           "and counted"));
  }
}

LimitedLog::Turn LimitedLog::TakeTurn() {
  const Moment now = clock_.Now();
  MutexLock lock(mutex_);
  if (!span_begun_.has_value() || now - *span_begun_ >= kSpan) {
    span_begun_ = now;
    in_span_ = 0;
  }
  if (in_span_ == kMostInASpan) {
    ++left_out_;
    return {.writes = false, .is_last_of_span = false, .left_out_before = 0};
  }
  ++in_span_;
  return {.writes = true,
          .is_last_of_span = in_span_ == kMostInASpan,
          .left_out_before = std::exchange(left_out_, 0)};
}

}  // namespace pinion
