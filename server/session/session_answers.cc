// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/session/session_answers.h"

#include <algorithm>
#include <chrono>

#include "pinion/proto/wire/session_protocol.h"

namespace pinion {
namespace {

using std::chrono::nanoseconds;

}  // namespace

SessionAnswers::Draft SessionAnswers::BeginMessage() {
  Draft draft;
  const size_t full =
      std::min(session_protocol::kFullMessage, max_message_bytes());
  const std::string head = TakeHead();
  size_t size = head.size();
  const auto has_room = [&](size_t answer_size) {
    if (size > 0 && size + answer_size > full) return false;
    size += answer_size;
    return true;
  };
  size_t refusals = 0;
  while (refusals < refusals_.size() && has_room(refusals_.SizeOf(refusals))) {
    ++refusals;
  }
  while (CallWithId* call = TakeReady()) {
    if (!has_room(
            AnswerSize(OutgoingOf(call->id(), call->answer, draft.trailing)))) {
      PutBack(*call);
      break;
    }
    draft.calls.push_back(call);
  }
  draft.slice = grpc::Slice(size);
  // A slice is const to share it; this one is nobody else's yet.
  draft.at = const_cast<uint8_t*>(draft.slice.begin());
  draft.at = std::copy(head.begin(), head.end(), draft.at);
  for (; refusals > 0; --refusals) {
    const SessionRefusals::Written written = refusals_.WriteNext(draft.at);
    draft.at = written.end;
    draft.added += written.bytes;
    if (written.inside) ++leaving_.calls;
  }
  return draft;
}

void SessionAnswers::Write(const CallWithId& call, Draft& draft) {
  draft.at =
      WriteAnswer(OutgoingOf(call.id(), call.answer, draft.trailing), draft.at);
  draft.added += HeldBytesOf(call.answer);
}

std::string SessionAnswers::TakeHead() {
  std::string head;
  if (std::exchange(hello_due_, false)) {
    v1::ServerHello hello;
    hello.set_instance_id(host_.instance_id);
    hello.set_revision(session_protocol::kRevision);
    hello.set_max_open_calls(host_.limits.max_calls);
    hello.set_max_open_bytes(host_.limits.max_bytes);
    hello.set_max_message_bytes(host_.limits.max_message_bytes);
    head += EncodeServerHello(hello);
  }
  if (drain_.has_value()) {
    const nanoseconds grace = *drain_ == v1::DRAIN_REASON_STOPPING
                                  ? host_.stop_grace
                                  : host_.limits.age_grace;
    head += EncodeDrain(
        std::chrono::duration_cast<std::chrono::microseconds>(grace).count(),
        *drain_);
    drain_.reset();
  }
  return head;
}

void SessionAnswers::PutBack(CallWithId& call) {
  WorkChain ready;
  ready.Push(static_cast<IoDelivery*>(&call));
  ready.Append(std::move(ready_));
  ready_ = std::move(ready);
}

}  // namespace pinion
