// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/internal/call_table.h"

namespace pinion::client_internal {

// Into room for a few more bytes, so that a slightly larger request fits next.
void RequestBytes::Grow(size_t size) {
  constexpr size_t kRounding = 64;
  const size_t capacity = (size + kRounding - 1) / kRounding * kRounding;
  bytes_ = std::make_unique_for_overwrite<char[]>(capacity);
  capacity_ = static_cast<uint32_t>(capacity);
}

ClientCall& CallTable::Add() {
  if (free_.empty()) {
    const auto first_slot = static_cast<uint32_t>(chunks_.size() * kChunk);
    chunks_.push_back(std::make_unique<ClientCall[]>(kChunk));
    for (size_t i = kChunk; i-- > 0;) {
      ClientCall& call = chunks_.back()[i];
      call.slot = first_slot + static_cast<uint32_t>(i);
      free_.push_back(&call);
    }
  }
  ClientCall& call = *free_.back();
  free_.pop_back();
  call.state = CallState::kWaiting;
  ++size_;
  return call;
}

void CallTable::Remove(ClientCall& call) {
  call.state = CallState::kFree;
  ++call.generation;
  call.attempts = 0;
  call.cancelled_at = kNever;
  call.stream = nullptr;
  call.done = nullptr;
  if (call.extras != nullptr) call.extras = nullptr;
  call.payload.Trim();
  free_.push_back(&call);
  --size_;
}

void CallQueue::DropLeft() {
  size_t kept = 0;
  for (size_t i = first_; i < queue_.size(); ++i) {
    if (!queue_[i].HasLeft()) queue_[kept++] = queue_[i];
  }
  queue_.resize(kept);
  first_ = 0;
}

}  // namespace pinion::client_internal
