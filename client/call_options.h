// SPDX-License-Identifier: Apache-2.0
//
// CallOptions: what one call wants beside its method and request.
// Reply: what came back of a call.
//
// Threads: plain data.
// Example: client.Call(kPut, request, {.timeout = absl::Seconds(1)});
#ifndef PINION_CLIENT_CALL_OPTIONS_H_
#define PINION_CLIENT_CALL_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "pinion/v1/priority.pb.h"
#include "pinion/v1/timing.pb.h"

namespace pinion {

using Metadata = std::vector<std::pair<std::string, std::string>>;

struct CallOptions {
  // From now on; then the call fails with DEADLINE_EXCEEDED, retries and all.
  absl::Duration timeout = absl::InfiniteDuration();
  // Less than the method's route has; more is the route's.
  v1::Priority priority = v1::PRIORITY_UNSPECIFIED;
  // The worker to run on; only for methods without a key.
  std::optional<int> worker = std::nullopt;
  // Asks where the call ran and where its time went.
  bool want_timing = false;
  // Sent along. A name has lower case letters, digits, '-', '_' and '.'; a
  // value is printable ASCII, or any bytes if the name ends in "-bin". Else the
  // call fails with INVALID_ARGUMENT.
  Metadata metadata = {};
};

// The answer of a call that was started, for its callback to read.
struct Reply {
  // OK, or an error of which FailureOf() tells more. Errors are the server's
  // (client.h lists the client's own).
  absl::Status status;
  // The serialized response, if OK. Not to be kept beyond the callback.
  absl::string_view response = {};
  // If it was asked for and the call ran.
  std::optional<v1::Timing> timing = std::nullopt;
  // What the handler sent along.
  Metadata trailing = {};
};

// The same to keep.
struct RawReply {
  absl::StatusOr<std::string> response;
  std::optional<v1::Timing> timing = std::nullopt;
  Metadata trailing = {};
};

// Names an open call, to cancel it.
struct CallId {
  int32_t place = -1;  // None.
  uint32_t slot = 0;
  uint32_t generation = 0;
};

namespace client_internal {

using DoneFunction = absl::AnyInvocable<void(const Reply&)>;

// INVALID_ARGUMENT for what cannot be sent.
absl::Status CheckCallOptions(const CallOptions& options);

}  // namespace client_internal
}  // namespace pinion

#endif  // PINION_CLIENT_CALL_OPTIONS_H_
