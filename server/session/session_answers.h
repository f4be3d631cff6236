// SPDX-License-Identifier: Apache-2.0
//
// SessionAnswers: what a session has ready to be sent, and the messages that
//                 are made of it.
//
// Threads: its session's I/O thread only.
// Order:   a message has the hello and the drain if they are due, then
//          refusals, then answers, each in the order in which they were added.
//          What does not fit follows in the next message.
// Life:    a call that was added stays until it is released: when its answer is
//          in a message, or is dropped. Before the end, all are released.
// Example: outbox.Add(answers.Add(call));
//          auto message = answers.NextMessage(release, release_buffered);
//          if (message.has_value()) stream.Write(message->bytes);
#ifndef PINION_SERVER_SESSION_SESSION_ANSWERS_H_
#define PINION_SERVER_SESSION_SESSION_ANSWERS_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "pinion/core/base/check.h"
#include "pinion/proto/wire/session_answer.h"
#include "pinion/server/call/answer_buffer.h"
#include "pinion/server/internal/answer.h"
#include "pinion/server/io/io_thread.h"
#include "pinion/server/io/outbox.h"
#include "pinion/server/session/call_with_id.h"
#include "pinion/server/session/session_answer_buffer.h"
#include "pinion/server/session/session_host.h"
#include "pinion/server/session/session_outgoing.h"
#include "pinion/server/session/session_refusals.h"
#include "pinion/v1/session.pb.h"

namespace pinion {

class SessionAnswers {
 public:
  // What the server still holds for answers that are in a message or dropped.
  struct Leaving {
    int64_t calls = 0;  // Those that the door counts.
    int64_t bytes = 0;  // The room reserved for their answers.
  };

  using Release = absl::FunctionRef<void(CallWithId& call)>;
  // Calls of one buffer. Null: one that was answered otherwise.
  using ReleaseBuffered =
      absl::FunctionRef<void(absl::Span<const AnswerBuffer::Entry> entries)>;

  // The hello is due.
  explicit SessionAnswers(const SessionHost& host)
      : host_(host), refusals_(max_message_bytes()) {}

  // The answer of `call` is ready. Shortens an error that exceeds a message.
  // Returns how many more bytes are held.
  int64_t Add(CallWithId& call) {
    if (!call.answer.status.ok()) {
      FitIntoMessage(call.id(), max_message_bytes(), call.answer);
    }
    ready_.push_back({.call = &call, .buffer = nullptr});
    return HeldBytesOf(call.answer);
  }

  // A notice of `buffer` has come: some of its answers are ready. The same.
  int64_t Add(SessionAnswerBuffer& buffer);
  // Refuses call `id`, as SessionRefusals::Add() does.
  int64_t Refuse(uint64_t id, SessionRefusals::Likeness alike,
                 absl::FunctionRef<Answer()> refusal, bool inside) {
    return refusals_.Add(id, alike, refusal, inside);
  }

  // The client must be told to send its calls elsewhere. Replaces a drain that
  // is still due.
  void AddDrain(v1::DrainReason reason) { drain_ = reason; }

  // Whether nothing is ready.
  bool empty() const {
    return !hello_due_ && !drain_due() && refusals_.empty() && ready_.empty();
  }
  // Whether a drain was added and is in no message yet.
  bool drain_due() const { return drain_.has_value(); }
  // The bytes held for refusals.
  int64_t refusal_bytes() const { return refusals_.bytes(); }

  // Makes the next message of what is ready; none if nothing is. Calls
  // `release` for each call whose answer is in it, and `release_buffered` for
  // the calls whose answers were in a buffer.
  std::optional<OutboxOwner::Message> NextMessage(
      Release release, ReleaseBuffered release_buffered);

  // Drops all that is ready, and calls the same for the calls.
  void Drop(Release release, ReleaseBuffered release_buffered);

  // Takes what became of released calls and of refusals since the last time.
  Leaving TakeLeaving() { return std::exchange(leaving_, Leaving()); }

 private:
  // A response of this size or more is not copied into its message. A smaller
  // one is, since each piece of a message costs gRPC about as much.
  static constexpr size_t kOwnSlice = 4096;

  // What is ready, in one of two forms.
  struct Ready {
    CallWithId* call;             // With its answer; null: it is
    SessionAnswerBuffer* buffer;  // one with answers that were seen.
  };
  // What goes into the next message.
  struct Draft {
    std::string head;
    size_t refusals = 0;
    // Of what is ready, the first `whole`, and so many answers of the next, a
    // buffer.
    size_t whole = 0;
    size_t of_next = 0;
    size_t size = 0;       // Of the message.
    size_t own_bytes = 0;  // The part of it in slices of their own.
  };
  // Writes a message: one slice, but for large responses, which have their own
  // between its pieces.
  class Writer;

  size_t max_message_bytes() const {
    return static_cast<size_t>(host_.limits.max_message_bytes);
  }

  // Chooses what the next message has room for.
  Draft Choose();
  void ChooseRefusals(Draft& draft) const;
  void ChooseAnswers(Draft& draft) const;
  // Whether the call's answer has room; then it is counted.
  bool HasRoomFor(const CallWithId& call, Draft& draft) const;
  // The number of the buffer's answers that have room; they are counted.
  size_t CountWithRoom(const SessionAnswerBuffer& buffer, Draft& draft) const;
  // Whether `size` more bytes have room in the message; then they are counted.
  bool HasRoom(size_t size, Draft& draft) const;

  // Each writes a part of the message and releases it. Returns the bytes that
  // Add() and Refuse() have counted for it.
  int64_t WriteRefusals(const Draft& draft, Writer& writer);
  int64_t WriteAnswers(const Draft& draft, Writer& writer, Release release,
                       ReleaseBuffered release_buffered);
  int64_t WriteCall(CallWithId& call, Writer& writer, Release release);
  int64_t WriteBuffered(SessionAnswerBuffer& buffer, size_t count,
                        Writer& writer, ReleaseBuffered release_buffered);
  // The next `count` answers of the buffer are in a message, or nobody wants
  // them. The same.
  int64_t Take(SessionAnswerBuffer& buffer, size_t count,
               ReleaseBuffered release_buffered);

  // The hello and the drain, if they are due; from now on they are not.
  std::string TakeHead();
  // The answer is in a message, or nobody wants it.
  void CountLeaving(CallWithId& call) {
    if (call.inside) ++leaving_.calls;
    leaving_.bytes += call.TakeAnswerBytes();
  }

  const SessionHost& host_;

  bool hello_due_ = true;
  std::optional<v1::DrainReason> drain_;  // Due, for this reason.
  SessionRefusals refusals_;
  std::deque<Ready> ready_;
  Leaving leaving_;
};

}  // namespace pinion

#endif  // PINION_SERVER_SESSION_SESSION_ANSWERS_H_
