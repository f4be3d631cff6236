// SPDX-License-Identifier: Apache-2.0
//
// SessionRefusals: the answers to the calls that a session refuses, until they
//                  are in a message.
//
// Threads: its session's I/O thread only.
// Cost:    a refusal takes the call's id and a reference to its encoded answer,
//          which refusals with the same answer share if no more than three
//          other answers came between. So refusing costs less than serving, and
//          little waits for a client that takes nothing.
// Example: refusals.Add(id, {Kind::kCalls, open},
//                       [&] { return TooMany(open); });
//          while (!refusals.empty() && refusals.SizeOf(0) <= room) {
//            out = refusals.WriteNext(out).end;
//          }
#ifndef PINION_SERVER_SESSION_SESSION_REFUSALS_H_
#define PINION_SERVER_SESSION_SESSION_REFUSALS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "pinion/server/internal/answer.h"

namespace pinion {

class SessionRefusals {
 public:
  // What refusals with the same answer have in common.
  struct Likeness {
    int kind = 0;  // 0: nothing; each has its own answer.
    uint64_t number = 0;
    friend bool operator==(const Likeness&, const Likeness&) = default;
  };

  // Each answer fits into a message of `max_message_bytes` bytes.
  explicit SessionRefusals(size_t max_message_bytes)
      : max_message_bytes_(max_message_bytes) {}

  // Refuses call `id`, with the answer of a recent one that was `alike`, or
  // else with `refusal`, an error. `inside`: the door counts the call. Returns
  // how many more bytes are held.
  int64_t Add(uint64_t id, Likeness alike, absl::FunctionRef<Answer()> refusal,
              bool inside = false);

  bool empty() const { return first_ == refused_.size(); }
  // The bytes held for the refusals that are not written.
  int64_t bytes() const { return bytes_; }

  // For the next refusal: its size in a message; the bytes that it holds; and
  // whether the door counts its call.
  size_t SizeOf(size_t index) const;
  size_t size() const { return refused_.size() - first_; }

  // Writes the next refusal and releases it. Returns where it ended.
  struct Written {
    uint8_t* end;
    int64_t bytes;  // As returned by Add().
    bool inside;
  };
  Written WriteNext(uint8_t* at);

  // Releases all refusals. Returns how many of them the door counts.
  int64_t Clear();

 private:
  // An encoded answer without the id.
  using Told = std::shared_ptr<const std::string>;

  struct Refused {
    uint64_t id;
    Told told;
    uint32_t bytes;
    bool inside;
  };

  // The recent answer that is alike; null if there is none.
  Told Find(Likeness alike) const;
  Told Encode(Answer refusal) const;
  void GiveBackMemory();

  const size_t max_message_bytes_;
  std::vector<Refused> refused_;  // Not written from `first_` on.
  size_t first_ = 0;
  int64_t bytes_ = 0;
  // The last few answers, in no order.
  struct Recent {
    Likeness alike;
    Told told;
  };
  std::array<Recent, 4> recent_;
  size_t next_recent_ = 0;  // The one to be replaced next.
};

}  // namespace pinion

#endif  // PINION_SERVER_SESSION_SESSION_REFUSALS_H_
