// SPDX-License-Identifier: Apache-2.0
//
// CallContext: what a handler may know of its call beside the request.
//
// Threads: the handler's, while it runs; that of a Call, its holder's, one at a
//          time, until it is finished. What is returned by reference or view
//          lives as long. cancelled() is anyone's meanwhile.
// Example: absl::Status Add(const AddRequest& request, AddResponse* response,
//                           CallContext& context) {
//            while (More() && !context.cancelled()) DoSome();
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
#include "core/clock.h"
#include "proto/wire/key_reader.h"
#include "server/hop.h"

namespace pinion {

class RoutedCall;
class Credit;
class Hops;

class CallContext {
 public:
  // `hops` and `place`, where the call has its place, are for TakeHop(); who
  // has none for it leaves them out.
  CallContext(const RoutedCall& call, const Clock& clock, Hops* hops = nullptr,
              Credit* place = nullptr);

  // The worker that runs the call, from 0.
  int worker() const;

  // Whether nobody awaits the result any more, so that a handler may as well
  // end: the client has cancelled, the deadline has passed, or the server has
  // no more time to stop. The call has been answered then. A handler that runs
  // for long asks now and then; it costs a load.
  bool cancelled() const;

  // What is left until the deadline, less than nothing when it has passed;
  // infinite without one.
  absl::Duration time_left() const;

  // The deadline, on the system's clock; InfiniteFuture() without one.
  absl::Time deadline() const;

  // The value of the first metadata of that name (in lower case), as the client
  // sent it; of a name that ends in "-bin", bytes.
  std::optional<absl::string_view> metadata(absl::string_view name) const;
  absl::Span<const std::pair<std::string, std::string>> metadata() const;

  // The key by which the call was routed; none if its method has no key.
  std::optional<Key> key() const;

  // Whether it came within a session rather than as a unary call.
  bool in_session() const;

  // Adds trailing metadata to the answer that the handler is about to give, OK
  // or an error; a name may be added several times. `name` is of lower case
  // letters, digits, '-', '_' and '.', and none of HTTP's, gRPC's ("grpc-...")
  // or Pinion's own ("pinion-..."). `value` is of printable ASCII characters,
  // or of any bytes if the name ends in "-bin". INVALID_ARGUMENT if not, and
  // nothing is added; RESOURCE_EXHAUSTED if all names and values, with 32 bytes
  // for each, would have more than 4 KiB: gRPC's clients take some 8 KiB of
  // trailers, Pinion's included.
  //
  // Details of an error need no context: each payload of the handler's
  // absl::Status goes to the client as a detail of the google.rpc.Status, by
  // its type URL; more than 4 KiB of them only within a session.
  absl::Status AddTrailingMetadata(absl::string_view name,
                                   absl::string_view value);

  // The call's hop, to have a function run with the shard of another worker:
  // see hop.h. A call has one, which can be passed on; so once. On a worker of
  // the call's own server.
  Hop TakeHop();

  // The rest is Pinion's.

  // Reads the key now, for when the method will be gone.
  void KeepKey();

  // What was added, and out of it.
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
  std::optional<Key> key_;  // If it was kept.
  Hops* hops_;              // Null: there is no hop, or it was taken.
  Credit* place_;
  std::vector<std::pair<std::string, std::string>> trailing_;
};

}  // namespace pinion

#endif  // PINION_SERVER_CALL_CONTEXT_H_
