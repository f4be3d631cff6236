// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/session/session_refusals.h"

#include <limits>
#include <utility>

#include "pinion/server/session/session_outgoing.h"

namespace pinion {
namespace {

// What a shared text takes beside its bytes.
constexpr size_t kToldBytes = 64;

// From so many on, what is written of them leaves the memory.
constexpr size_t kMaxWritten = 1024;

}  // namespace

int64_t SessionRefusals::Add(uint64_t id, Likeness alike,
                             absl::FunctionRef<Answer()> refusal, bool inside) {
  // Twice, as the vector may have as much again.
  size_t bytes = 2 * sizeof(Refused);
  Told told = Find(alike);
  if (told == nullptr) {
    told = Encode(refusal());
    bytes += kToldBytes + told->size();
    if (alike.kind != 0) {
      recent_[next_recent_++ % recent_.size()] = {.alike = alike, .told = told};
    }
  }
  refused_.push_back({.id = id,
                      .told = std::move(told),
                      .bytes = static_cast<uint32_t>(bytes),
                      .inside = inside});
  bytes_ += static_cast<int64_t>(bytes);
  return static_cast<int64_t>(bytes);
}

SessionRefusals::Told SessionRefusals::Find(Likeness alike) const {
  if (alike.kind == 0) return nullptr;
  for (const Recent& recent : recent_) {
    if (recent.told != nullptr && recent.alike == alike) return recent.told;
  }
  return nullptr;
}

SessionRefusals::Told SessionRefusals::Encode(Answer refusal) const {
  // Of whatever id it will be told.
  constexpr uint64_t kLongestId = std::numeric_limits<uint64_t>::max();
  FitIntoMessage(kLongestId, max_message_bytes_, refusal);
  std::vector<MetadataView> trailing;
  return std::make_shared<const std::string>(
      EncodeAlike(OutgoingOf(kLongestId, refusal, trailing)));
}

size_t SessionRefusals::SizeOf(size_t index) const {
  const Refused& refused = refused_[first_ + index];
  return AlikeAnswerSize(refused.id, *refused.told);
}

SessionRefusals::Written SessionRefusals::WriteNext(uint8_t* at) {
  const Refused refused = std::move(refused_[first_++]);
  bytes_ -= refused.bytes;
  at = WriteAlikeAnswer(refused.id, *refused.told, at);
  GiveBackMemory();
  return {.end = at, .bytes = refused.bytes, .inside = refused.inside};
}

int64_t SessionRefusals::Clear() {
  int64_t inside = 0;
  for (; first_ < refused_.size(); ++first_) {
    if (refused_[first_].inside) ++inside;
  }
  bytes_ = 0;
  GiveBackMemory();
  return inside;
}

void SessionRefusals::GiveBackMemory() {
  if (empty()) {
    std::vector<Refused>().swap(refused_);
    first_ = 0;
    recent_ = {};
  } else if (first_ >= kMaxWritten && 2 * first_ >= refused_.size()) {
    refused_.erase(refused_.begin(),
                   refused_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
}

}  // namespace pinion
