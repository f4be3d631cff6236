// SPDX-License-Identifier: Apache-2.0
//
// HandlerForm: makes a MethodHandler from a shard's member function, according
//              to its parameters and its result.
//
// Threads: the thread that builds the server, before the start.
// Forms:   absl::Status M(const Request&, Response*)
//          absl::Status M(const Request&, Response*, CallContext&)
//          void M(Call<Request, Response>)
//          void M(absl::Span<Call<Request, Response>>)
//          void M(const Request&, Stream<Response>), for a server-streaming
//          method
//          each of them also const or noexcept.
// Example: HandlerForm<SignatureOf<decltype(&Counter::Add)>>::Of<Counter>(
//              &Counter::Add)
#ifndef PINION_SERVER_INTERNAL_HANDLER_FORM_H_
#define PINION_SERVER_INTERNAL_HANDLER_FORM_H_

#include <limits>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "pinion/server/call.h"
#include "pinion/server/call_context.h"
#include "pinion/server/internal/guarded.h"
#include "pinion/server/internal/handler_answer.h"
#include "pinion/server/internal/held_call.h"
#include "pinion/server/internal/held_stream.h"
#include "pinion/server/internal/method_handler.h"
#include "pinion/server/stream.h"

namespace pinion::internal {

// The parameters and the result of a member function.
template <typename Member>
struct Signature;
template <typename R, typename S, typename... A>
struct Signature<R (S::*)(A...)> {
  using Type = R(A...);
};
template <typename R, typename S, typename... A>
struct Signature<R (S::*)(A...) const> : Signature<R (S::*)(A...)> {};
template <typename R, typename S, typename... A>
struct Signature<R (S::*)(A...) noexcept> : Signature<R (S::*)(A...)> {};
template <typename R, typename S, typename... A>
struct Signature<R (S::*)(A...) const noexcept> : Signature<R (S::*)(A...)> {};

template <typename Member>
using SignatureOf = typename Signature<Member>::Type;

inline constexpr char kHandler[] = "the handler";

// A handler of one call, which is answered when the handler returns.
template <typename RequestType, typename ResponseType>
struct OneCallForm {
  using Request = RequestType;
  using Response = ResponseType;

  // `handler` takes (Shard&, const Request&, Response*, CallContext&).
  template <typename Shard, typename Handler>
  static MethodHandler By(Handler handler, bool uses_context) {
    return {.run =
                [handler](void* shard, absl::string_view bytes,
                          CallContext& context) {
                  Request request;
                  if (auto refusal = ParseRequest(bytes, request)) {
                    return *std::move(refusal);
                  }
                  Response response;
                  bool threw = false;
                  absl::Status status = Guarded(
                      kHandler,
                      [&] {
                        return handler(*static_cast<Shard*>(shard), request,
                                       &response, context);
                      },
                      &threw);
                  return HandlerAnswer(std::move(status), response, threw);
                },
            .uses_context = uses_context};
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

template <typename Signature>
struct HandlerForm {
  static_assert(sizeof(Signature) == 0,
                "a handler is absl::Status M(const Request&, Response*), with "
                "a pinion::CallContext& at the end or not, or "
                "void M(pinion::Call<Request, Response>), or "
                "void M(absl::Span<pinion::Call<Request, Response>>), or, of a "
                "server-streaming method, "
                "void M(const Request&, pinion::Stream<Response>)");
};

template <typename Request, typename Response>
struct HandlerForm<absl::Status(const Request&, Response*)>
    : OneCallForm<Request, Response> {
  template <typename Shard, typename Member>
  static MethodHandler Of(Member member) {
    return HandlerForm::template By<Shard>(
        [member](Shard& shard, const Request& request, Response* response,
                 CallContext&) { return (shard.*member)(request, response); },
        /*uses_context=*/false);
  }
};

template <typename Request, typename Response>
struct HandlerForm<absl::Status(const Request&, Response*, CallContext&)>
    : OneCallForm<Request, Response> {
  template <typename Shard, typename Member>
  static MethodHandler Of(Member member) {
    return HandlerForm::template By<Shard>(
        [member](Shard& shard, const Request& request, Response* response,
                 CallContext& context) {
          return (shard.*member)(request, response, context);
        },
        /*uses_context=*/true);
  }
};

template <typename Request, typename Response>
struct HandlerForm<void(Call<Request, Response>)>
    : HeldCallForm<Request, Response> {
  template <typename Shard, typename Member>
  static MethodHandler Of(Member member) {
    return HandlerForm::template By<Shard>(
        [member](Shard& shard, absl::Span<Call<Request, Response>> calls) {
          (shard.*member)(std::move(calls[0]));
        },
        /*max=*/1);
  }
};

template <typename Request, typename Response>
struct HandlerForm<void(absl::Span<Call<Request, Response>>)>
    : HeldCallForm<Request, Response> {
  template <typename Shard, typename Member>
  static MethodHandler Of(Member member) {
    return HandlerForm::template By<Shard>(
        [member](Shard& shard, absl::Span<Call<Request, Response>> calls) {
          (shard.*member)(calls);
        },
        /*max=*/std::numeric_limits<size_t>::max());
  }
};

template <typename RequestType, typename ResponseType>
struct HandlerForm<void(const RequestType&, Stream<ResponseType>)> {
  using Request = RequestType;
  using Response = ResponseType;
  using Held = HeldStreamOf<Request>;

  template <typename Shard, typename Member>
  static MethodHandler Of(Member member) {
    return {.hold = [](RoutedCall& call, const LaneServices& services)
                -> HeldCall* { return new Held(call, services); },
            .run_held =
                [member](void* shard, absl::Span<HeldCall* const> calls) {
                  auto* held = static_cast<Held*>(calls[0]);
                  return Guarded(kHandler, [&] {
                    (static_cast<Shard*>(shard)->*member)(
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
