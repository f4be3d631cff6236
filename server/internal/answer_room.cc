// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/internal/answer_room.h"

#include <algorithm>

#include "absl/base/optimization.h"
#include "pinion/server/call/refusals.h"

namespace pinion {

void AnswerRoom::Fit(Answer& answer, Moment now) {
  if (credit_ == nullptr) return;
  const int64_t bytes = answer.Bytes();
  largest_->Learn(bytes, now);
  if (ABSL_PREDICT_TRUE(Resize(bytes))) return;
  answer = refusals::AnswerDropped(
      bytes, {.held = credit_->bytes(), .max = credit_->max_bytes()});
  // Some hundred bytes: what was reserved holds them, or they do not matter.
  Resize(std::min(bytes_, answer.Bytes()));
}

bool AnswerRoom::Resize(int64_t bytes) {
  if (bytes > bytes_ && !credit_->ReserveBeyondShare(bytes - bytes_, party_)) {
    return false;
  }
  if (bytes < bytes_) credit_->Return(0, bytes_ - bytes, party_);
  bytes_ = bytes;
  return true;
}

}  // namespace pinion
