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
//          auto message =
//              answers.NextMessage([](CallWithId& call) { call.Unref(); });
//          if (message.has_value()) stream.Write(message->bytes);
#ifndef PINION_SERVER_SESSION_SESSION_ANSWERS_H_
#define PINION_SERVER_SESSION_SESSION_ANSWERS_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "pinion/core/base/check.h"
#include "pinion/core/work_item.h"
#include "pinion/proto/wire/session_answer.h"
#include "pinion/server/internal/answer.h"
#include "pinion/server/io/io_thread.h"
#include "pinion/server/io/outbox.h"
#include "pinion/server/session/call_with_id.h"
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

  // The hello is due.
  explicit SessionAnswers(const SessionHost& host)
      : host_(host), refusals_(max_message_bytes()) {}

  // The answer of `call` is ready. Shortens an error that exceeds a message.
  // Returns how many more bytes are held.
  int64_t Add(CallWithId& call) {
    if (!call.answer.status.ok()) {
      FitIntoMessage(call.id(), max_message_bytes(), call.answer);
    }
    ready_.Push(static_cast<IoDelivery*>(&call));
    return HeldBytesOf(call.answer);
  }

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
  // `release(call)` for each call whose answer is in it.
  template <typename Release>
  std::optional<OutboxOwner::Message> NextMessage(const Release& release);

  // Drops all that is ready, and calls `release(call)` for each call.
  template <typename Release>
  void Drop(const Release& release);

  // Takes what became of released calls and of refusals since the last time.
  Leaving TakeLeaving() { return std::exchange(leaving_, Leaving()); }

 private:
  // A message that lacks the answers to `calls`. They belong at `at`.
  struct Draft {
    grpc::Slice slice;
    uint8_t* at;
    int64_t added = 0;  // As returned by Add() and Refuse().
    std::vector<CallWithId*> calls;
    std::vector<MetadataView> trailing;  // Of the answer being written.
  };

  size_t max_message_bytes() const {
    return static_cast<size_t>(host_.limits.max_message_bytes);
  }

  // Takes what the next message has room for, and writes all except the answers
  // to calls.
  Draft BeginMessage();
  // Writes the answer to `call` into the message.
  static void Write(const CallWithId& call, Draft& draft);
  // The hello and the drain, if they are due; from now on they are not.
  std::string TakeHead();
  // The oldest ready call; null if there is none.
  CallWithId* TakeReady() {
    return static_cast<CallWithId*>(ready_.Pop<IoDelivery>());
  }
  // Makes `call` the oldest of the ready ones again.
  void PutBack(CallWithId& call);
  // The answer is in a message, or nobody wants it.
  void CountLeaving(CallWithId& call) {
    if (call.inside) ++leaving_.calls;
    leaving_.bytes += call.TakeAnswerBytes();
  }

  const SessionHost& host_;

  bool hello_due_ = true;
  std::optional<v1::DrainReason> drain_;  // Due, for this reason.
  SessionRefusals refusals_;
  WorkChain ready_;  // Calls with their answers.
  Leaving leaving_;
};

template <typename Release>
std::optional<OutboxOwner::Message> SessionAnswers::NextMessage(
    const Release& release) {
  if (empty()) return std::nullopt;
  Draft draft = BeginMessage();
  for (CallWithId* call : draft.calls) {
    Write(*call, draft);
    CountLeaving(*call);
    release(*call);
  }
  PINION_DCHECK(draft.at == draft.slice.end(),
                "a message of another size than counted");
  return OutboxOwner::Message{.bytes = grpc::ByteBuffer(&draft.slice, 1),
                              .added = draft.added};
}

template <typename Release>
void SessionAnswers::Drop(const Release& release) {
  hello_due_ = false;
  drain_.reset();
  leaving_.calls += refusals_.Clear();
  while (CallWithId* call = TakeReady()) {
    CountLeaving(*call);
    release(*call);
  }
}

}  // namespace pinion

#endif  // PINION_SERVER_SESSION_SESSION_ANSWERS_H_
