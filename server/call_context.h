// SPDX-License-Identifier: Apache-2.0
//
// CallContext: what a handler can learn about its call besides the request.
//
// Threads: the handler's thread while it runs; for a Call, one thread at a time
//          until it is finished. References and views stay valid that long. Any
//          thread may call cancelled() meanwhile.
// Example: absl::Status Add(const AddRequest& request, AddResponse* response,
//                           CallContext& context) {
//            while (More() && !context.cancelled()) DoSome();
//            return absl::OkStatus();
//          }
#ifndef PINION_SERVER_CALL_CONTEXT_H_
#define PINION_SERVER_CALL_CONTEXT_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "pinion/core/clock.h"
#include "pinion/proto/wire/key_reader.h"
#include "pinion/server/hop.h"
#include "pinion/server/trace_context.h"

namespace pinion {

class RoutedCall;
class Credit;
class Hops;

class CallContext {
 public:
  // Only TakeHop() uses `hops` and `credit`, the credit that the call holds a
  // place of. Pass null if the call cannot hop.
  CallContext(const RoutedCall& call, const Clock& clock, Hops* hops = nullptr,
              Credit* credit = nullptr);

  // The index of the worker that runs the call, from 0.
  int worker() const;

  // Whether the call has already been answered, because the client cancelled
  // it, its deadline passed, or the server has no time left to stop. The
  // handler may return then, since nobody awaits its result. A handler that
  // runs for long should check now and then; a check costs one load.
  bool cancelled() const;

  // The time until the deadline: negative after it has passed, infinite if the
  // call has none.
  absl::Duration time_left() const;

  // The deadline, on the system's clock; InfiniteFuture() if the call has none.
  absl::Time deadline() const;

  // The first metadata value of that name (in lower case), as the client sent
  // it; binary if the name ends in "-bin".
  std::optional<absl::string_view> metadata(absl::string_view name) const;
  absl::Span<const std::pair<std::string, std::string>> metadata() const;

  // Where in a trace the call stands: give it to the calls that the handler
  // makes, as `traceparent` and `tracestate`, and they belong to the same
  // trace. This is the call's own span if the server traces it, or else what
  // the caller has sent; none if that is nothing, or is not valid.
  // docs/tracing.md says which calls are traced.
  std::optional<TraceContext> trace() const;

  // The key that routed the call; none if the method has no key.
  std::optional<Key> key() const;

  // Whether the call came in a session, not as a unary call.
  bool in_session() const;

  // The proven names of the caller, with their kinds: "x509:spiffe://shop/cart"
  // from the certificate of its connection, "jwt:https://issuer.example#user"
  // from its token. Empty if nothing is proven. docs/security.md says what
  // proves a name; metadata never does.
  std::vector<std::string> principals() const;
  // Whether it has that one.
  bool HasPrincipal(absl::string_view principal) const;

  // Adds trailing metadata to the handler's answer, OK or an error. You may add
  // a name several times. `name` consists of lower case letters, digits, '-',
  // '_' and '.'; HTTP's names, gRPC's ("grpc-...") and Pinion's ("pinion-...")
  // are not allowed. `value` is printable ASCII, or any bytes if the name ends
  // in "-bin". Returns INVALID_ARGUMENT if one of them is not valid, and
  // RESOURCE_EXHAUSTED if all names and values, plus 32 bytes for each pair,
  // would exceed 4 KiB; then nothing is added. (gRPC's clients accept about 8
  // KiB of trailers, Pinion's included.)
  //
  // For details of an error you need no context. Each payload of the handler's
  // absl::Status goes to the client as a detail of the google.rpc.Status, under
  // its type URL. Only a session carries all of them, whatever their size: the
  // error of a unary call or stream has some 7 KiB for its text (in UTF-8, and
  // twice: clients look at two places), payloads and trailing metadata. The
  // payloads are left out if they leave too little for the text, and a longer
  // text is cut.
  absl::Status AddTrailingMetadata(absl::string_view name,
                                   absl::string_view value);

  // Takes the call's hop, which runs a function with the shard of another
  // worker: see hop.h. Call it once, on a worker of the call's own server; a
  // call has one hop, which can be forwarded.
  Hop TakeHop();

  // The rest is for Pinion only.

  // Caches the key, so that key() still works after the method was destroyed.
  // KeepKeyIn() copies the key's bytes to `bytes` as well, so that it works
  // even after the request was destroyed.
  void KeepKey();
  void KeepKeyIn(std::string& bytes);

  // The trailing metadata that was added; TakeTrailing() moves it out.
  const std::vector<std::pair<std::string, std::string>>& trailing() const {
    return trailing_;
  }
  std::vector<std::pair<std::string, std::string>> TakeTrailing() {
    return std::move(trailing_);
  }

 private:
  const RoutedCall& call_;
  const Clock clock_;
  const bool in_session_;
  bool kept_key_ = false;
  std::optional<Key> key_;  // Once KeepKey() was called.
  Hops* hops_;              // Null: the call has no hop, or it was taken.
  Credit* credit_;
  std::vector<std::pair<std::string, std::string>> trailing_;
  // For a call in a session; filled when it is first used.
  mutable std::vector<std::pair<std::string, std::string>> metadata_room_;
};

}  // namespace pinion

#endif  // PINION_SERVER_CALL_CONTEXT_H_
