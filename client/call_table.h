// SPDX-License-Identifier: Apache-2.0
//
// ClientCall: a call of a session that has no answer yet, or whose answer is
//             being told. CallTable: all those of one place, by slot.
//
// Threads: one at a time; its owner locks it. A call stays where it is.
// Why:     a call has the same slot, and memory, as one before it; so starting
//          one allocates nothing, and its slot is a small id for the wire,
//          found again without a hash.
// Example: ClientCall& call = table.Add();
//          ... ClientCall* found = table.Find(id); ...
//          table.Remove(call);
#ifndef PINION_CLIENT_CALL_TABLE_H_
#define PINION_CLIENT_CALL_TABLE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/call_options.h"
#include "pinion/v1/priority.pb.h"

namespace pinion::client_internal {

class SessionStream;

using SteadyTime = std::chrono::steady_clock::time_point;
constexpr SteadyTime kNever = SteadyTime::max();

inline SteadyTime After(SteadyTime time, std::chrono::nanoseconds span) {
  return span > kNever - time ? kNever : time + span;
}

enum class CallState : uint8_t {
  kFree,       // No call.
  kKept,       // For a thread that is about to start one; that thread's alone.
  kWaiting,    // For a session to take it.
  kResting,    // Was refused; will wait again later.
  kSent,       // Given to a session's write.
  kAbandoned,  // The same, but its caller has an answer already.
  kAnswered,   // Its caller is being told.
};

// What few calls have.
struct RareOfCall {
  std::string method_name;  // If it has no index.
  Metadata metadata;
  std::optional<uint32_t> worker;
  SteadyTime rests_until = kNever;
  absl::Status refusal;  // The last.
};

// All that a call in a full loop touches is in its first two lines of cache,
// but for the bytes of its payload.
struct alignas(64) ClientCall {
  // Where it is.
  uint32_t slot = 0;
  uint32_t generation = 0;  // How many calls were here before.
  CallState state = CallState::kFree;

  // What it wants.
  bool want_timing = false;
  bool cancelled = false;  // By the caller, at the server too.
  uint8_t attempts = 0;
  v1::Priority priority = v1::PRIORITY_UNSPECIFIED;
  uint32_t method = 0;      // Index of its name; 0: the name itself is sent.
  uint32_t most_bytes = 0;  // Of its fields in a message.
  SteadyTime deadline = kNever;
  SessionStream* stream = nullptr;  // The one it was sent on,
  uint32_t message = 0;             // and the number of its message.
  std::unique_ptr<RareOfCall> rare;
  std::string payload;
  DoneFunction done;

  RareOfCall& Rare() {
    if (rare == nullptr) rare = std::make_unique<RareOfCall>();
    return *rare;
  }
  bool refused() const { return rare != nullptr && !rare->refusal.ok(); }
};
static_assert(sizeof(ClientCall) <= 128);

class CallTable {
 public:
  // A call in the state kWaiting, else as new, but for its payload, whose
  // memory is that of an earlier call.
  ClientCall& Add();

  // Frees the call's slot.
  void Remove(ClientCall& call);

  // The call in that slot; null if there is none.
  ClientCall* Find(uint64_t slot) {
    if (slot >= chunks_.size() * kChunk) return nullptr;
    ClientCall& call = chunks_[slot / kChunk][slot % kChunk];
    return call.state == CallState::kFree ? nullptr : &call;
  }

  // How many calls there are.
  size_t size() const { return size_; }

  // To look at all: no call has a slot from this one on.
  size_t slots() const { return chunks_.size() * kChunk; }

 private:
  static constexpr size_t kChunk = 128;

  std::vector<std::unique_ptr<ClientCall[]>> chunks_;
  std::vector<ClientCall*> free_;
  size_t size_ = 0;
};

// The calls that are kWaiting, in the order in which they came. One that is
// removed from its table has left the queue as well.
class CallQueue {
 public:
  void PushBack(ClientCall& call) {
    queue_.push_back({&call, call.generation});
  }

  // The first; null if no call waits.
  ClientCall* First() {
    while (!queue_.empty() && queue_.front().HasLeft()) queue_.pop_front();
    return queue_.empty() ? nullptr : queue_.front().call;
  }

  // Takes the first out; there is one.
  void PopFirst() { queue_.pop_front(); }

 private:
  struct Place {
    ClientCall* call;
    uint32_t generation;

    bool HasLeft() const { return call->generation != generation; }
  };

  std::deque<Place> queue_;
};

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_CALL_TABLE_H_
