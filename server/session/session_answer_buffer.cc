// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/session/session_answer_buffer.h"

#include <new>
#include <utility>

#include "pinion/proto/wire/session_answer.h"
#include "pinion/server/session/call_with_id.h"

namespace pinion {

SessionAnswerBuffer* SessionAnswerBuffer::Make(BufferedAnswersOwner& owner,
                                               IoThread& io, Credit& credit,
                                               std::shared_ptr<Party> party,
                                               uint32_t entries, uint32_t bytes,
                                               int64_t reserved) {
  static_assert(alignof(SessionAnswerBuffer) <=
                __STDCPP_DEFAULT_NEW_ALIGNMENT__);
  void* const memory = ::operator new(sizeof(SessionAnswerBuffer) +
                                      entries * sizeof(Entry) + bytes);
  return new (memory) SessionAnswerBuffer(owner, io, credit, std::move(party),
                                          entries, bytes, reserved);
}

SessionAnswerBuffer::SessionAnswerBuffer(BufferedAnswersOwner& owner,
                                         IoThread& io, Credit& credit,
                                         std::shared_ptr<Party> party,
                                         uint32_t entries, uint32_t bytes,
                                         int64_t reserved)
    : AnswerBuffer(reinterpret_cast<Entry*>(this + 1), entries,
                   reinterpret_cast<uint8_t*>(
                       reinterpret_cast<Entry*>(this + 1) + entries),
                   bytes, reserved),
      owner_(owner),
      io_(io),
      credit_(credit),
      party_(std::move(party)) {}

SessionAnswerBuffer::~SessionAnswerBuffer() {
  credit_.Return(0, AnswerBuffer::reserved(), &party_->held());
}

void SessionAnswerBuffer::operator delete(void* memory) {
  ::operator delete(memory);
}

uint8_t* SessionAnswerBuffer::WriteHead(const RoutedCall& call, size_t size,
                                        uint8_t* at) const {
  return WriteAnswerHead(static_cast<const CallWithId&>(call).id(), size, at);
}

}  // namespace pinion
