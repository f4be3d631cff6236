// SPDX-License-Identifier: Apache-2.0
//
// BatchAnswers: the AnswerBuffers of one batch: for each session with several
//               calls in it one, or a few one after the other.
//
// Threads: the lane's worker only.
// Size:    a session's first buffer in a batch has room for 4 answers, the next
//          one for 16, and so on up to kMaxBytes. So a session with one call
//          makes the server hold little more than its answer, and one with many
//          needs few buffers.
// Example: if (AnswerBuffer* buffer = answers.For(call, expected)) {
//            Write(response, buffer->Add(call, size));
//          }
//          answers.Release(finish);
//          answers.Close();
#ifndef PINION_SERVER_LANE_BATCH_ANSWERS_H_
#define PINION_SERVER_LANE_BATCH_ANSWERS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "pinion/server/call/answer_buffer.h"
#include "pinion/server/call/routed_call.h"

namespace pinion {

class BatchAnswers {
 public:
  BatchAnswers() = default;
  BatchAnswers(const BatchAnswers&) = delete;
  BatchAnswers& operator=(const BatchAnswers&) = delete;

  // A buffer with room for the answer of `call`, with a response of so many
  // bytes, which counts as reserved. Null if the answer must leave alone: its
  // transport has no buffers, it is too large, or the server's memory limit is
  // near, where each answer is counted exactly.
  AnswerBuffer* For(RoutedCall& call, int64_t response_bytes) {
    const void* const session = call.answered_by();
    if (session == nullptr) return nullptr;
    Place& place = PlaceOf(session);
    if (place.session == session && place.buffer != nullptr &&
        place.buffer->HasRoomFor(static_cast<size_t>(response_bytes))) {
      return place.buffer;
    }
    return Next(call, session, place, response_bytes);
  }

  // The answer of `call` leaves alone: later ones of its session go into
  // another buffer, so that they come behind it.
  void BreakOff(const RoutedCall& call) { Leave(PlaceOf(call.answered_by())); }
  // One of the calls whose answers are held; null if there is none.
  const RoutedCall* FirstHeld() const;
  // AnswerBuffer::Release() and Drop(), for all of them.
  template <typename Finish>
  void Release(const Finish& finish) {
    ForEach([&](AnswerBuffer& buffer) { buffer.Release(finish); });
  }
  template <typename OnDropped>
  void Drop(const OnDropped& on_dropped) {
    ForEach([&](AnswerBuffer& buffer) { buffer.Drop(on_dropped); });
  }
  // Closes all buffers. None of them may hold an answer.
  void Close();
  // The same, but hands those that hold answers to the caller.
  std::vector<AnswerBuffer*> TakeHolding();

 private:
  static constexpr size_t kSessions = 16;
  static constexpr uint32_t kFirstEntries = 4;
  static constexpr uint32_t kTimesMore = 4;
  static constexpr uint32_t kMaxBytes = 16 << 10;
  // The part of the free bytes that one buffer may reserve.
  static constexpr int64_t kPartOfFree = 64;

  // Sessions whose calls come in turns have a place each, mostly.
  struct Place {
    const void* session = nullptr;
    AnswerBuffer* buffer = nullptr;
    uint32_t entries = 0;  // Those of the buffer.
  };

  // Sessions are large: neighbours in memory are some hundred bytes apart.
  Place& PlaceOf(const void* session) {
    return places_[(reinterpret_cast<uintptr_t>(session) >> 10) % kSessions];
  }
  // The session's next buffer, in its place.
  AnswerBuffer* Next(RoutedCall& call, const void* session, Place& place,
                     int64_t response_bytes);
  AnswerBuffer* Open(RoutedCall& call, uint32_t response_bytes,
                     uint32_t entries);
  // Takes the buffer from its place: closes it, or keeps it for its answers.
  void Leave(Place& place);
  template <typename Function>
  void ForEach(const Function& function) {
    for (AnswerBuffer* buffer : full_) function(*buffer);
    for (const Place& place : places_) {
      if (place.buffer != nullptr) function(*place.buffer);
    }
  }

  std::array<Place, kSessions> places_;
  std::vector<AnswerBuffer*> full_;  // They hold answers, and take no more.
  bool used_ = false;                // A place is not empty.
};

}  // namespace pinion

#endif  // PINION_SERVER_LANE_BATCH_ANSWERS_H_
