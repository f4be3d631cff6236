// SPDX-License-Identifier: Apache-2.0
//
// AnswerRoom: bytes of the server's credit, reserved for the answer of one call
//             before its handler runs.
//
// Threads: those of whoever is to answer the call: its worker, or its holder.
// Life:    the call outlives it. The worker reserves what the method has lately
//          needed. When the answer is there, Fit() makes the room as large as
//          it. Release() gives the room to the call, which keeps it until the
//          answer has left. The destructor gives back what was not released.
// Example: AnswerRoom room(credit, party, largest_of_its_method);
//          if (room.Reserve(expected) != Credit::Grant::kGranted) Refuse(call);
//          Answer answer = RunHandler();
//          room.Fit(answer, now);
//          call.HoldAnswer(room.Release());
#ifndef PINION_SERVER_INTERNAL_ANSWER_ROOM_H_
#define PINION_SERVER_INTERNAL_ANSWER_ROOM_H_

#include <cstdint>
#include <utility>

#include "pinion/core/clock.h"
#include "pinion/server/internal/answer.h"
#include "pinion/server/internal/credit.h"
#include "pinion/server/internal/holding.h"
#include "pinion/server/internal/largest_answer.h"

namespace pinion {

class AnswerRoom {
 public:
  // Reserves nothing, ever.
  AnswerRoom() = default;
  // Reserves nothing yet. It will reserve from `credit`, count it for `party`,
  // and tell `largest` how large the answer is.
  AnswerRoom(Credit& credit, Holding* party, LargestAnswer& largest)
      : credit_(&credit), party_(party), largest_(&largest) {}
  AnswerRoom(AnswerRoom&& other) noexcept
      : credit_(other.credit_),
        party_(other.party_),
        largest_(other.largest_),
        bytes_(std::exchange(other.bytes_, 0)) {}
  AnswerRoom& operator=(AnswerRoom&& other) noexcept {
    if (this == &other) return *this;
    GiveBack();
    credit_ = other.credit_;
    party_ = other.party_;
    largest_ = other.largest_;
    bytes_ = std::exchange(other.bytes_, 0);
    return *this;
  }
  ~AnswerRoom() { GiveBack(); }

  // Reserves `bytes`, if the share of the call's party has room for them. A
  // call without a party stands alone: it must leave as much free as it takes.
  // Once.
  Credit::Grant Reserve(int64_t bytes) {
    Holding alone;
    const Credit::Grant grant =
        credit_->Reserve(0, bytes, party_ != nullptr ? party_ : &alone);
    if (grant == Credit::Grant::kGranted) bytes_ = bytes;
    return grant;
  }

  // Makes the room as large as `answer`, which the handler gave. It may grow
  // beyond the party's share, but not beyond the server's bytes: if these are
  // all held, `answer` becomes an error that says so. May be called again. Does
  // nothing if the room was made without credit, as that of a stream is.
  void Fit(Answer& answer, Moment now);

  // Returns how many bytes are reserved, for the caller to give back.
  int64_t Release() { return std::exchange(bytes_, 0); }

 private:
  bool Resize(int64_t bytes);
  void GiveBack() {
    if (bytes_ > 0) credit_->Return(0, std::exchange(bytes_, 0), party_);
  }

  Credit* credit_ = nullptr;
  Holding* party_ = nullptr;  // Null: the call stands alone.
  LargestAnswer* largest_ = nullptr;
  int64_t bytes_ = 0;
};

}  // namespace pinion

#endif  // PINION_SERVER_INTERNAL_ANSWER_ROOM_H_
