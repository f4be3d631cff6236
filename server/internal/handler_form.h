// SPDX-License-Identifier: Apache-2.0
//
// HandlerForm: makes a MethodHandler from a shard's handler, according to its
//              parameters and its result.
//
// Threads: the thread that builds the server, before the start. All workers
//          call the handler.
// Forms:   absl::Status M(const Request&, Response*)
//          absl::Status M(const Request&, Response*, CallContext&)
//          void M(Call<Request, Response>)
//          void M(absl::Span<Call<Request, Response>>)
//          void M(const Request&, Stream<Response>), for a server-streaming
//          method
//          each of them a member function of the shard, or a function or a
//          lambda: see handler_signature.h.
// Example: using Add = HandlerSignature<Counter, decltype(&Counter::Add)>;
//          HandlerForm<Add>::Of<Counter>(&Counter::Add)
#ifndef PINION_SERVER_INTERNAL_HANDLER_FORM_H_
#define PINION_SERVER_INTERNAL_HANDLER_FORM_H_

#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "pinion/server/call.h"
#include "pinion/server/call_context.h"
#include "pinion/server/internal/call_messages.h"
#include "pinion/server/internal/guarded.h"
#include "pinion/server/internal/handler_answer.h"
#include "pinion/server/internal/handler_signature.h"
#include "pinion/server/internal/held_call.h"
#include "pinion/server/internal/held_stream.h"
#include "pinion/server/internal/method_handler.h"
#include "pinion/server/stream.h"

namespace pinion::internal {

inline constexpr char kHandler[] = "the handler";

// A handler of one call, which is answered when the handler returns.
template <typename RequestType, typename ResponseType>
struct OneCallForm {
  using Request = RequestType;
  using Response = ResponseType;
  using Messages = CallMessagesOf<Request, Response>;

  // `handler` takes (Shard&, const Request&, Response*, CallContext&).
  template <typename Shard, typename Handler>
  static MethodHandler By(Handler handler, bool uses_context) {
    return {.one = {.run = &Run<Shard, Handler>,
                    .handler = std::make_shared<const Handler>(handler),
                    .make_messages =
                        [] {
                          return std::unique_ptr<CallMessages>(
                              std::make_unique<Messages>());
                        }},
            .uses_context = uses_context};
  }

 private:
  template <typename Shard, typename Handler>
  static absl::Status Run(const void* handler, void* shard,
                          CallMessages& messages, CallContext& context,
                          bool& threw) {
    auto& its = static_cast<Messages&>(messages);
    return Guarded(
        kHandler,
        [&]() -> absl::Status {
          return (*static_cast<const Handler*>(handler))(
              *static_cast<Shard*>(shard), its.request(), &its.response(),
              context);
        },
        &threw);
  }
};

// A handler of Calls.
template <typename RequestType, typename ResponseType>
struct HeldCallForm {
  using Request = RequestType;
  using Response = ResponseType;
  using Handle = Call<Request, Response>;

  // `handler` takes (Shard&, absl::Span<Call<Request, Response>>).
  template <typename Shard, typename Handler>
  static MethodHandler By(Handler handler, size_t max) {
    return {
        .hold = [](RoutedCall& call, const LaneServices& services)
            -> HeldCall* { return new typename Handle::Held(call, services); },
        .run_held =
            [handler](void* shard, absl::Span<HeldCall* const> calls) {
              std::vector<Handle> handles;
              handles.reserve(calls.size());
              for (HeldCall* call : calls) {
                handles.emplace_back(static_cast<typename Handle::Held*>(call));
              }
              return Guarded(kHandler, [&] {
                handler(*static_cast<Shard*>(shard), absl::MakeSpan(handles));
                return absl::OkStatus();
              });
            },
        .max_held = max,
        .uses_context = true};
  }
};

// For each form of a signature: Request, Response, and Of<Shard>(handler).
template <typename Signature>
struct HandlerForm;

template <typename Request, typename Response>
struct HandlerForm<absl::Status(const Request&, Response*)>
    : OneCallForm<Request, Response> {
  template <typename Shard, typename Function>
  static MethodHandler Of(Function function) {
    return HandlerForm::template By<Shard>(
        [function](Shard& shard, const Request& request, Response* response,
                   CallContext&) {
          return CallHandler(function, shard, request, response);
        },
        /*uses_context=*/false);
  }
};

template <typename Request, typename Response>
struct HandlerForm<absl::Status(const Request&, Response*, CallContext&)>
    : OneCallForm<Request, Response> {
  template <typename Shard, typename Function>
  static MethodHandler Of(Function function) {
    return HandlerForm::template By<Shard>(
        [function](Shard& shard, const Request& request, Response* response,
                   CallContext& context) {
          return CallHandler(function, shard, request, response, context);
        },
        /*uses_context=*/true);
  }
};

template <typename Request, typename Response>
struct HandlerForm<void(Call<Request, Response>)>
    : HeldCallForm<Request, Response> {
  template <typename Shard, typename Function>
  static MethodHandler Of(Function function) {
    return HandlerForm::template By<Shard>(
        [function](Shard& shard, absl::Span<Call<Request, Response>> calls) {
          CallHandler(function, shard, std::move(calls[0]));
        },
        /*max=*/1);
  }
};

template <typename Request, typename Response>
struct HandlerForm<void(absl::Span<Call<Request, Response>>)>
    : HeldCallForm<Request, Response> {
  template <typename Shard, typename Function>
  static MethodHandler Of(Function function) {
    return HandlerForm::template By<Shard>(
        [function](Shard& shard, absl::Span<Call<Request, Response>> calls) {
          CallHandler(function, shard, calls);
        },
        /*max=*/std::numeric_limits<size_t>::max());
  }
};

template <typename RequestType, typename ResponseType>
struct HandlerForm<void(const RequestType&, Stream<ResponseType>)> {
  using Request = RequestType;
  using Response = ResponseType;
  using Held = HeldStreamOf<Request>;

  template <typename Shard, typename Function>
  static MethodHandler Of(Function function) {
    return {.hold = [](RoutedCall& call, const LaneServices& services)
                -> HeldCall* { return new Held(call, services); },
            .run_held =
                [function](void* shard, absl::Span<HeldCall* const> calls) {
                  auto* held = static_cast<Held*>(calls[0]);
                  return Guarded(kHandler, [&] {
                    CallHandler(function, *static_cast<Shard*>(shard),
                                *held->request, Stream<Response>(held));
                    return absl::OkStatus();
                  });
                },
            .uses_context = true,
            .streams = true};
  }
};

}  // namespace pinion::internal

#endif  // PINION_SERVER_INTERNAL_HANDLER_FORM_H_
