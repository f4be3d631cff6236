// SPDX-License-Identifier: Apache-2.0
//
// CallContext: what a handler may know of its call beside the request.
//
// Threads: the handler's, while it runs. What is returned by reference or view
//          lives as long.
// Example: absl::Status Add(const AddRequest& request, AddResponse* response,
//                           CallContext& context) {
//            while (More() && !context.cancelled()) DoSome();
#ifndef PINION_SERVER_CALL_CONTEXT_H_
#define PINION_SERVER_CALL_CONTEXT_H_

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "core/clock.h"
#include "proto/wire/key_reader.h"

namespace pinion {

class Call;

class CallContext {
 public:
  CallContext(const Call& call, const Clock& clock)
      : call_(call), clock_(clock) {}

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

 private:
  const Call& call_;
  const Clock& clock_;
};

}  // namespace pinion

#endif  // PINION_SERVER_CALL_CONTEXT_H_
