// SPDX-License-Identifier: Apache-2.0
//
// What a handler of a shard receives and returns, found from its type; and the
// compiler's error for what is no handler.
//
// Threads: the compiler's.
// Is one:  a member function of the shard, or a function or a lambda, which
//          takes the shard as its first parameter or not at all. The forms of
//          the rest are those of handler_form.h.
// Example: if constexpr (kIsHandler<Counter, decltype(&Counter::Add)>) ...
#ifndef PINION_SERVER_INTERNAL_HANDLER_SIGNATURE_H_
#define PINION_SERVER_INTERNAL_HANDLER_SIGNATURE_H_

#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/types/span.h"

namespace pinion {

template <typename Request, typename Response>
class Call;
class CallContext;
template <typename Response>
class Stream;

namespace internal {

// The parameters and the result of a function, as a function type; void if they
// cannot be known: the type is not callable, or not in one way only.
template <typename Function>
struct Signature {
  using Type = void;
};
template <typename R, typename... A>
struct Signature<R (*)(A...)> {
  using Type = R(A...);
};
template <typename R, typename... A>
struct Signature<R (*)(A...) noexcept> : Signature<R (*)(A...)> {};
template <typename R, typename S, typename... A>
struct Signature<R (S::*)(A...)> : Signature<R (*)(A...)> {
  static constexpr bool kIsConst = false;
  using Class = S;
};
template <typename R, typename S, typename... A>
struct Signature<R (S::*)(A...) noexcept> : Signature<R (S::*)(A...)> {};
template <typename R, typename S, typename... A>
struct Signature<R (S::*)(A...) const> : Signature<R (*)(A...)> {
  static constexpr bool kIsConst = true;
  using Class = S;
};
template <typename R, typename S, typename... A>
struct Signature<R (S::*)(A...) const noexcept>
    : Signature<R (S::*)(A...) const> {};

// A lambda, or another object with one call operator. It has none that can be
// named if a parameter is `auto`.
template <typename Function>
concept HasCallOperator = requires {
  &Function::operator();
};

template <HasCallOperator Function>
struct Signature<Function> : Signature<decltype(&Function::operator())> {};

// A lambda that changes what it has captured.
template <typename Function>
inline constexpr bool kIsMutable = false;
template <HasCallOperator Function>
requires requires { Signature<Function>::kIsConst; }
inline constexpr bool kIsMutable<Function> = !Signature<Function>::kIsConst;

// Whether a member function is one of the shard, or of a class that it derives
// from; true for other functions.
template <typename Shard, typename Function>
inline constexpr bool kIsOfShard = true;
template <typename Shard, typename Function>
requires std::is_member_function_pointer_v<Function>
inline constexpr bool kIsOfShard<Shard, Function> = requires {
  requires std::is_base_of_v<typename Signature<Function>::Class, Shard>;
};

// A signature without the shard, and whether the shard was its first parameter.
template <typename Shard, typename Signature>
struct WithoutShard {
  using Type = Signature;
  static constexpr bool kTakesShard = false;
};
template <typename Shard, typename R, typename First, typename... A>
requires std::is_lvalue_reference_v<First> &&
    std::is_base_of_v<std::remove_cvref_t<First>, Shard>
struct WithoutShard<Shard, R(First, A...)> {
  using Type = R(A...);
  static constexpr bool kTakesShard = true;
};

template <typename Shard, typename Function>
using HandlerSignature =
    typename WithoutShard<Shard, typename Signature<Function>::Type>::Type;

// Whether a signature has a form of handler_form.h.
template <typename Signature>
inline constexpr bool kIsForm = false;
template <typename Request, typename Response>
inline constexpr bool kIsForm<absl::Status(const Request&, Response*)> = true;
template <typename Request, typename Response>
inline constexpr bool
    kIsForm<absl::Status(const Request&, Response*, CallContext&)> = true;
template <typename Request, typename Response>
inline constexpr bool kIsForm<void(Call<Request, Response>)> = true;
template <typename Request, typename Response>
inline constexpr bool kIsForm<void(absl::Span<Call<Request, Response>>)> = true;
template <typename Request, typename Response>
inline constexpr bool kIsForm<void(const Request&, Stream<Response>)> = true;

template <typename Shard, typename Function>
inline constexpr bool kIsHandler =
    kIsForm<HandlerSignature<Shard, Function>> && !kIsMutable<Function> &&
    kIsOfShard<Shard, Function> && std::is_copy_constructible_v<Function>;

// Stops the compiler with one error, which says what may be written instead.
template <typename Shard, typename Function>
constexpr void RefuseHandler() {
  if constexpr (kIsMutable<Function>) {
    static_assert(kIsHandler<Shard, Function>,
                  "all workers call the same lambda, at once: a handler is not "
                  "mutable; keep what changes in the shard, which may be its "
                  "first parameter");
  } else if constexpr (!kIsOfShard<Shard, Function>) {
    static_assert(kIsHandler<Shard, Function>,
                  "this handler is a member function of another class than the "
                  "shard; write one of the shard's, or a lambda");
  } else if constexpr (kIsForm<HandlerSignature<Shard, Function>>) {
    static_assert(kIsHandler<Shard, Function>,
                  "a handler can be copied; have the lambda capture by "
                  "reference, or by a std::shared_ptr");
  } else {
    static_assert(
        kIsHandler<Shard, Function>,
        "a handler is a member function of the shard, or a function or a "
        "lambda with the shard as its first parameter or without it, and "
        "without auto: "
        "absl::Status M(const Request&, Response*), with a "
        "pinion::CallContext& at the end or not; or "
        "void M(pinion::Call<Request, Response>); or "
        "void M(absl::Span<pinion::Call<Request, Response>>); or, of a "
        "server-streaming method, "
        "void M(const Request&, pinion::Stream<Response>)");
  }
}

// Calls the handler for `shard`.
template <typename Shard, typename Function, typename... Arguments>
decltype(auto) CallHandler(const Function& handler, Shard& shard,
                           Arguments&&... arguments) {
  if constexpr (std::is_member_function_pointer_v<Function>) {
    return (shard.*handler)(std::forward<Arguments>(arguments)...);
  } else if constexpr (WithoutShard<Shard, typename Signature<Function>::Type>::
                           kTakesShard) {
    return handler(shard, std::forward<Arguments>(arguments)...);
  } else {
    return handler(std::forward<Arguments>(arguments)...);
  }
}

}  // namespace internal
}  // namespace pinion

#endif  // PINION_SERVER_INTERNAL_HANDLER_SIGNATURE_H_
