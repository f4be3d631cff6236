// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/internal/call_table.h"

namespace pinion::client_internal {
namespace {

// A larger payload's memory is not kept for the slot's next call.
constexpr size_t kMaxKeptBytes = 4096;

}  // namespace

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
  if (call.done != nullptr) call.done = nullptr;
  if (call.extras != nullptr) call.extras = nullptr;
  if (call.payload.capacity() > kMaxKeptBytes) std::string().swap(call.payload);
  free_.push_back(&call);
  --size_;
}

}  // namespace pinion::client_internal
