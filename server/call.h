// SPDX-License-Identifier: Apache-2.0
//
// Call: one request that a handler must answer once: at once, as part of a
//       batch, or later.
//
// Threads: one thread at a time, the holder's. You may move a Call to another
//          thread and finish it there. Any thread may call
//          context().cancelled() meanwhile.
// Answer:  Finish() gives the answer. A Call destroyed without it is answered
//          INTERNAL, "the handler dropped the call". If the deadline, the
//          client or the stop has already answered the call, you must still
//          Finish() it; that has no effect.
// Place:   the Call keeps its place in its lane until you finish it, even after
//          its deadline, so the lane's limit counts it like any other call. It
//          also keeps the memory of the message in which it arrived.
// Stop:    a Call may outlive the server; finishing it then has no effect.
// Example: void Ledger::Transfer(
//              Call<TransferRequest, TransferResponse> call) {
//            Hop hop = call.context().TakeHop();
//            const std::string to = call.request().to();
//            std::move(hop).PostToKey<Ledger>(
//                to, [call = std::move(call)](Ledger& there) mutable {
//                  call.Finish(there.Credit(call.request()));
//                });
//          }
//
// As a batch:
//          void Log::Append(
//              absl::Span<Call<AppendRequest, AppendResponse>> calls) {
//            for (auto& call : calls) {
//              call.response()->set_position(Write(call.request()));
//              call.Finish();
//            }
//          }
#ifndef PINION_SERVER_CALL_H_
#define PINION_SERVER_CALL_H_

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "pinion/core/base/check.h"
#include "pinion/server/call_context.h"
#include "pinion/server/internal/handler_answer.h"
#include "pinion/server/internal/held_call.h"

namespace pinion {

namespace internal {

// The state behind a Call.
template <typename Request, typename Response>
class HeldMessages final : public HeldCall {
 public:
  using HeldCall::HeldCall;

  std::optional<Answer> Parse(absl::string_view bytes) override {
    return ParseRequest(bytes, request);
  }

  Request request;
  Response response;
};

}  // namespace internal

template <typename Request, typename Response>
class Call {
 public:
  Call(Call&& other) noexcept : held_(std::exchange(other.held_, nullptr)) {}
  Call& operator=(Call&& other) noexcept {
    if (this != &other) {
      Drop();
      held_ = std::exchange(other.held_, nullptr);
    }
    return *this;
  }
  ~Call() { Drop(); }

  // You may call the next three until the Call is finished. What they return is
  // valid until then.

  const Request& request() const { return held().request; }
  // The response to fill in before Finish(); empty at first.
  Response* response() { return &held().response; }
  CallContext& context() { return held().context(); }

  // Whether the Call was finished or moved away.
  bool finished() const { return held_ == nullptr; }

  // Answers with the response, or with an error, which goes to the client
  // unchanged. Call it once.
  void Finish(absl::Status status = absl::OkStatus()) {
    Answer answer = HandlerAnswer(std::move(status), held().response);
    std::exchange(held_, nullptr)->Finish(std::move(answer));
  }

  // The rest is for Pinion only.
  using Held = internal::HeldMessages<Request, Response>;
  explicit Call(Held* held) : held_(held) {}

 private:
  Held& held() const {
    PINION_CHECK(held_ != nullptr, "a Call of ",
                 Request::descriptor()->full_name(),
                 " was used after it was finished or moved away");
    return *held_;
  }
  void Drop() {
    if (held_ != nullptr) std::exchange(held_, nullptr)->Drop();
  }

  Held* held_;
};

}  // namespace pinion

#endif  // PINION_SERVER_CALL_H_
