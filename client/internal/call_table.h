// SPDX-License-Identifier: Apache-2.0
//
// ClientCall: a call of a session without an answer, or whose callback is being
//             called. CallTable: all calls of one link, by slot. CallQueue:
//             those of them that wait to be sent.
//
// Threads: one at a time; its owner locks it. A call never moves.
// Why:     a call reuses the slot and the memory of an earlier one. So starting
//          a call allocates nothing, and its slot is a small id for the wire
//          that needs no hash.
// Example: ClientCall& call = table.Add();
//          ... ClientCall* found = table.Find(id); ...
//          table.Remove(call);
#ifndef PINION_CLIENT_INTERNAL_CALL_TABLE_H_
#define PINION_CLIENT_INTERNAL_CALL_TABLE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "pinion/client/call_options.h"
#include "pinion/client/done_function.h"
#include "pinion/v1/priority.pb.h"

namespace pinion::client_internal {

class SessionStream;

using SteadyTime = std::chrono::steady_clock::time_point;
constexpr SteadyTime kNever = SteadyTime::max();

inline SteadyTime After(SteadyTime time, std::chrono::nanoseconds span) {
  return span > kNever - time ? kNever : time + span;
}

enum class CallState : uint8_t {
  kFree,        // No call.
  kReserved,    // For a thread that may start one; for that thread only, which
                // may yet call the callback of the one before.
  kWaiting,     // For a session.
  kBackingOff,  // Refused; will wait again later.
  kSent,        // Given to a session's write.
  kAbandoned,   // The same, but its caller has an answer already.
};

// Fields that few calls need.
struct CallExtras {
  std::string method_name;  // If it has no index.
  Metadata metadata;
  std::optional<uint32_t> worker;
  SteadyTime retry_at = kNever;
  absl::Status refusal;  // The last one.
};

// The bytes of a request. The next request of the same slot uses their memory.
class RequestBytes {
 public:
  // Room for `size` bytes, which the caller writes.
  char* Resize(size_t size) {
    if (size > capacity_) Grow(size);
    size_ = static_cast<uint32_t>(size);
    return bytes_.get();
  }
  size_t size() const { return size_; }
  absl::string_view view() const { return {bytes_.get(), size_}; }

  // Frees the memory if it is too large to be kept.
  void Trim() {
    if (capacity_ > kMaxKept) *this = RequestBytes();
  }

 private:
  static constexpr size_t kMaxKept = 4096;

  void Grow(size_t size);

  std::unique_ptr<char[]> bytes_;
  uint32_t size_ = 0;
  uint32_t capacity_ = 0;
};

// A call in a full loop touches only its two cache lines, besides its
// payload's bytes.
struct alignas(64) ClientCall {
  // Its place.
  uint32_t slot = 0;
  uint32_t generation = 0;  // How many calls were here before.
  CallState state = CallState::kFree;

  // Its options.
  bool want_timing = false;
  uint8_t attempts = 0;
  uint8_t priority = v1::PRIORITY_UNSPECIFIED;
  uint32_t method = 0;     // Its name's index; 0: the name itself is sent.
  uint32_t max_bytes = 0;  // Of its fields in a message.
  uint32_t message = 0;    // The number of the message that it was sent in,
  SessionStream* stream = nullptr;  // on this stream.
  SteadyTime deadline = kNever;
  RequestBytes payload;
  std::unique_ptr<CallExtras> extras;
  DoneFunction done;
  SteadyTime cancelled_at = kNever;  // By the caller, after it was sent.

  CallExtras& MakeExtras() {
    if (extras == nullptr) extras = std::make_unique<CallExtras>();
    return *extras;
  }
  bool cancelled() const { return cancelled_at != kNever; }
  bool refused() const { return extras != nullptr && !extras->refusal.ok(); }
};
static_assert(sizeof(ClientCall) == 128);

// What a call with such a request and such metadata holds while it waits; null:
// it has none.
inline int64_t HeldBytes(size_t request_size, const Metadata* metadata) {
  size_t bytes = sizeof(ClientCall) + request_size;
  if (metadata != nullptr) {
    for (const auto& [name, value] : *metadata) {
      bytes += sizeof(Metadata::value_type) + name.size() + value.size();
    }
  }
  return static_cast<int64_t>(bytes);
}
inline int64_t HeldBytesOf(const ClientCall& call) {
  return HeldBytes(call.payload.size(),
                   call.extras == nullptr ? nullptr : &call.extras->metadata);
}

class CallTable {
 public:
  // Adds a call in the state kWaiting, new except for its payload, which keeps
  // the memory of an earlier call.
  ClientCall& Add();

  // Frees the call's slot.
  void Remove(ClientCall& call);

  // The call is over, and its slot is kReserved for a new one. What it holds
  // stays: its callback, its extras and its payload.
  void Reuse(ClientCall& call) {
    call.state = CallState::kReserved;
    ++call.generation;
    call.attempts = 0;
    call.cancelled_at = kNever;
    call.stream = nullptr;
  }

  // The call in that slot; null if there is none.
  ClientCall* Find(uint64_t slot) {
    if (slot >= chunks_.size() * kChunk) return nullptr;
    ClientCall& call = chunks_[slot / kChunk][slot % kChunk];
    return call.state == CallState::kFree ? nullptr : &call;
  }

  // The number of calls.
  size_t size() const { return size_; }

  // For a visit of all: no call has this slot or a higher one.
  size_t slots() const { return chunks_.size() * kChunk; }

 private:
  static constexpr size_t kChunk = 128;

  std::vector<std::unique_ptr<ClientCall[]>> chunks_;
  std::vector<ClientCall*> free_;
  size_t size_ = 0;
};

// The calls that are kWaiting, in order of arrival. A call that is removed from
// its table has left the queue, too; its entry is dropped later, when as many
// have left as wait.
class CallQueue {
 public:
  void PushBack(ClientCall& call) {
    if (queue_.size() >= 2 * waiting_ + kSpareEntries) DropLeft();
    queue_.push_back({&call, call.generation});
    ++waiting_;
  }

  // Says that a call leaves: it was the first and is removed by PopFirst(), or
  // it is about to be removed from its table.
  void NoteLeaves() { --waiting_; }

  // The first call; null if none waits.
  ClientCall* First() {
    while (first_ < queue_.size() && queue_[first_].HasLeft()) ++first_;
    if (first_ < queue_.size()) return queue_[first_].call;
    Clear();
    return nullptr;
  }

  // Removes the first call, which must exist.
  void PopFirst() { ++first_; }

  // How many entries it has, those of calls that have left included.
  size_t entries() const { return queue_.size(); }

 private:
  // So that a short queue is not searched for each call.
  static constexpr size_t kSpareEntries = 64;
  // The memory of so many is kept.
  static constexpr size_t kMaxKept = 4096;

  struct Entry {
    ClientCall* call;
    uint32_t generation;

    bool HasLeft() const { return call->generation != generation; }
  };

  void Clear() {
    queue_.clear();
    first_ = 0;
    if (queue_.capacity() > kMaxKept) std::vector<Entry>().swap(queue_);
  }
  void DropLeft();

  std::vector<Entry> queue_;
  size_t first_ = 0;  // Those before it were removed.
  size_t waiting_ = 0;
};

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_INTERNAL_CALL_TABLE_H_
