// SPDX-License-Identifier: Apache-2.0
//
// SessionAnswerBuffer: the AnswerBuffer of a session's calls.
//
// Threads: as AnswerBuffer says.
// Life:    the session stays while an answer in it is not taken. Afterwards the
//          buffer may outlive it, and does not touch it.
// Memory:  one piece for the object, its entries and its bytes.
// Example: return SessionAnswerBuffer::Make(block, entries, bytes, reserved);
#ifndef PINION_SERVER_SESSION_SESSION_ANSWER_BUFFER_H_
#define PINION_SERVER_SESSION_SESSION_ANSWER_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "pinion/server/call/answer_buffer.h"
#include "pinion/server/call/routed_call.h"
#include "pinion/server/internal/credit.h"
#include "pinion/server/io/io_thread.h"
#include "pinion/server/party/party.h"

namespace pinion {

class SessionAnswerBuffer;

// The session, for its buffers.
class BufferedAnswersOwner {
 public:
  virtual void Answered(SessionAnswerBuffer& buffer) = 0;

 protected:
  ~BufferedAnswersOwner() = default;
};

class SessionAnswerBuffer final : public AnswerBuffer, private IoDelivery {
 public:
  // For answers of `owner`, on the I/O thread `io`, with `reserved` bytes of
  // `credit`, which count for `party`.
  static SessionAnswerBuffer* Make(BufferedAnswersOwner& owner, IoThread& io,
                                   Credit& credit, std::shared_ptr<Party> party,
                                   uint32_t entries, uint32_t bytes,
                                   int64_t reserved);
  // The I/O thread's: whether the session has it among its ready ones.
  bool listed = false;

 private:
  SessionAnswerBuffer(BufferedAnswersOwner& owner, IoThread& io, Credit& credit,
                      std::shared_ptr<Party> party, uint32_t entries,
                      uint32_t bytes, int64_t reserved);
  ~SessionAnswerBuffer() override;
  static void operator delete(void* memory);

  uint8_t* WriteHead(const RoutedCall& call, size_t size,
                     uint8_t* at) const override;
  void Notify() override { io_.Deliver(this); }
  void OnDelivered() override { owner_.Answered(*this); }

  BufferedAnswersOwner& owner_;
  IoThread& io_;
  Credit& credit_;
  const std::shared_ptr<Party> party_;
};

static_assert(sizeof(SessionAnswerBuffer) <= AnswerBuffer::kObjectBytes);

}  // namespace pinion

#endif  // PINION_SERVER_SESSION_SESSION_ANSWER_BUFFER_H_
