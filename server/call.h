// SPDX-License-Identifier: Apache-2.0
//
// Call: one request in a handler's hands, to be answered once: at once, as one
//       of a batch, or later.
//
// Threads: its holder's, one at a time; it may be moved to another thread and
//          finished there. Only context().cancelled() is anyone's meanwhile.
// Answer:  Finish() gives it. A Call that goes without is answered INTERNAL,
//          "the handler dropped the call". One that was answered by its
//          deadline, its client or the stop meanwhile is finished all the same:
//          nothing comes of it.
// Place:   it keeps its place in its lane until it is finished, beyond its
//          deadline, so a lane holds no more of them than of other calls. It
//          keeps the memory of the message that it came with, too.
// Stop:    may outlive the server; from then on nothing comes of it.
// Example: void Ledger::Transfer(Call<TransferRequest, TransferResponse> call)
// {
//            Hop hop = call.context().TakeHop();
//            const std::string to = call.request().to();
//            std::move(hop).PostToKey<Ledger>(
//                to, [call = std::move(call)](Ledger& there) mutable {
//                  call.Finish(there.Credit(call.request()));
//                });
//          }
//
// As a batch:
//          void Log::Append(absl::Span<Call<AppendRequest, AppendResponse>>
//          calls) {
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
#include "core/check.h"
#include "server/call_context.h"
#include "server/handler_answer.h"
#include "server/held_call.h"

namespace pinion {

namespace internal {

// What a Call refers to.
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

  // The next three: until it is finished. What they return lives as long.

  const Request& request() const { return held().request; }
  // To be filled in before Finish(); empty at first.
  Response* response() { return &held().response; }
  CallContext& context() { return held().context(); }

  // Whether it is finished, or was moved away.
  bool finished() const { return held_ == nullptr; }

  // Answers with the response, or with an error, which goes to the client as it
  // is. Once.
  void Finish(absl::Status status = absl::OkStatus()) {
    Answer answer = HandlerAnswer(std::move(status), held().response);
    std::exchange(held_, nullptr)->Finish(std::move(answer));
  }

  // The rest is Pinion's.
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
