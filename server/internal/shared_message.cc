// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/internal/shared_message.h"

namespace pinion {
namespace {

uintptr_t AddressOf(const Holding* party) {
  return reinterpret_cast<uintptr_t>(party);
}

// Fewer are copied sooner than shared.
constexpr size_t kFewBytes = 64;

}  // namespace

SharedMessage::SharedMessage(const google::protobuf::Message& message)
    : shared_(std::make_shared<Shared>(message.ByteSizeLong())) {
  message.SerializeWithCachedSizesToArray(shared_->payload.data());
}

Credit::Grant SharedMessage::BeginPending(Credit& credit,
                                          Holding* party) const {
  const auto bytes = static_cast<int64_t>(size());
  Shared& shared = *shared_;
  MutexLock lock(shared.mutex);
  if (shared.payer == nullptr) shared.payer = &credit;
  if (shared.payer != &credit) {  // Another server's stream.
    return credit.Reserve(0, bytes, party);
  }
  const bool is_party_first =
      party != nullptr && !shared.pending_of.contains(AddressOf(party));
  Credit::Grant grant = Credit::Grant::kGranted;
  if (shared.pending == 0) {
    grant = credit.Reserve(0, bytes, party);
  } else if (is_party_first) {
    grant = credit.ReserveInShare(bytes, *party);
  }
  if (grant != Credit::Grant::kGranted) return grant;
  ++shared.pending;
  if (party != nullptr) ++shared.pending_of[AddressOf(party)];
  return grant;
}

void SharedMessage::EndPending(Credit& credit, Holding* party) const {
  const auto bytes = static_cast<int64_t>(size());
  Shared& shared = *shared_;
  MutexLock lock(shared.mutex);
  if (shared.payer != &credit) return credit.Return(0, bytes, party);
  if (party != nullptr) {
    const auto count = shared.pending_of.find(AddressOf(party));
    if (--count->second == 0) {
      shared.pending_of.erase(count);
      party->Remove(0, bytes);
    }
  }
  if (--shared.pending == 0) credit.Return(0, bytes);
}

grpc::Slice SharedMessage::ToSlice() const {
  if (size() <= kFewBytes) return grpc::Slice(bytes().data(), size());
  auto* const kept = new SharedMessage(*this);  // The slice's.
  return grpc::Slice(
      shared_->payload.data(), size(),
      [](void* data) { delete static_cast<SharedMessage*>(data); }, kept);
}

}  // namespace pinion
