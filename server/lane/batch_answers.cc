// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/lane/batch_answers.h"

#include <algorithm>
#include <utility>

#include "pinion/server/internal/credit.h"

namespace pinion {

AnswerBuffer* BatchAnswers::Next(RoutedCall& call, const void* session,
                                 Place& place, int64_t response_bytes) {
  if (response_bytes > static_cast<int64_t>(AnswerBuffer::kMaxResponse)) {
    return nullptr;
  }
  const auto bytes = static_cast<uint32_t>(response_bytes);
  const uint32_t before = place.session == session ? place.entries : 0;
  Leave(place);
  const uint32_t most =
      std::max(kMaxBytes / (bytes + AnswerBuffer::kMaxHead), size_t{1});
  const uint32_t entries = std::min<uint32_t>(
      most, before == 0 ? kFirstEntries : before * kTimesMore);
  place = {.session = session,
           .buffer = Open(call, bytes, entries),
           .entries = entries};
  used_ = true;
  return place.buffer;
}

AnswerBuffer* BatchAnswers::Open(RoutedCall& call, uint32_t response_bytes,
                                 uint32_t entries) {
  const uint32_t bytes =
      entries * static_cast<uint32_t>(response_bytes + AnswerBuffer::kMaxHead);
  const int64_t reserved = AnswerBuffer::BytesOf(entries, bytes);
  Credit& credit = call.credit();
  if (reserved * kPartOfFree > credit.max_bytes() - credit.bytes()) {
    return nullptr;
  }
  Holding* const held = call.party_held();
  if (credit.Reserve(0, reserved, held) != Credit::Grant::kGranted) {
    return nullptr;
  }
  AnswerBuffer* const buffer = call.MakeAnswerBuffer(entries, bytes, reserved);
  if (buffer == nullptr) credit.Return(0, reserved, held);
  return buffer;
}

void BatchAnswers::Leave(Place& place) {
  AnswerBuffer* const buffer = std::exchange(place.buffer, nullptr);
  if (buffer == nullptr) return;
  if (buffer->holds()) {
    full_.push_back(buffer);
  } else {
    buffer->Close();
  }
}

const RoutedCall* BatchAnswers::FirstHeld() const {
  if (!full_.empty()) return full_.front()->first_held();
  for (const Place& place : places_) {
    if (place.buffer != nullptr && place.buffer->holds()) {
      return place.buffer->first_held();
    }
  }
  return nullptr;
}

void BatchAnswers::Close() {
  for (AnswerBuffer* buffer : TakeHolding()) buffer->Close();
}

std::vector<AnswerBuffer*> BatchAnswers::TakeHolding() {
  if (std::exchange(used_, false)) {
    for (Place& place : places_) {
      Leave(place);
      place = {};
    }
  }
  return std::exchange(full_, {});
}

}  // namespace pinion
