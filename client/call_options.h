// SPDX-License-Identifier: Apache-2.0
//
// CallOptions: what one call needs besides its method and its request.
// Reply: the answer of a call.
//
// Threads: plain data.
// Example: client.Call(kPut, request, {.timeout = absl::Seconds(1)});
#ifndef PINION_CLIENT_CALL_OPTIONS_H_
#define PINION_CLIENT_CALL_OPTIONS_H_

#include <cstddef>
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
#include "pinion/client/done_function.h"
#include "pinion/v1/priority.pb.h"
#include "pinion/v1/timing.pb.h"

namespace pinion {

using Metadata = std::vector<std::pair<std::string, std::string>>;

struct CallOptions {
  // The time limit from now, retries included. Then the call fails with
  // DEADLINE_EXCEEDED.
  absl::Duration timeout = absl::InfiniteDuration();
  // Can only lower the priority. Anything above the route's priority counts as
  // the route's.
  v1::Priority priority = v1::PRIORITY_UNSPECIFIED;
  // The worker to run on, from 0; only for methods without a key.
  std::optional<int> worker = std::nullopt;
  // Asks where the call ran and where its time went.
  bool want_timing = false;
  // Metadata to send. A name consists of lower case letters, digits, '-', '_'
  // and '.'. A value is printable ASCII, or any bytes if the name ends in
  // "-bin". Otherwise the call fails with INVALID_ARGUMENT.
  Metadata metadata = {};
};

// The answer of a started call, as its callback gets it.
struct Reply {
  // OK or an error; FailureOf() returns the details. client.h lists the
  // client's own errors; others come from the server.
  absl::Status status;
  // The serialized response, if OK. Valid until the callback returns.
  absl::string_view response = {};
  // Present if the call asked for it and ran.
  std::optional<v1::Timing> timing = std::nullopt;
  // The trailing metadata that the handler added.
  Metadata trailing = {};
};

// The same, to be kept.
struct RawReply {
  absl::StatusOr<std::string> response;
  std::optional<v1::Timing> timing = std::nullopt;
  Metadata trailing = {};
};

// Identifies an open call, so that you can cancel it.
struct CallId {
  int32_t link = -1;  // None.
  uint32_t slot = 0;
  uint32_t generation = 0;
  uint32_t client = 0;  // The number of the client that made it.
};

namespace client_internal {

// Takes a message of a stream, or none at its end.
using NextFunction =
    absl::AnyInvocable<void(std::optional<absl::string_view> message)>;

// Returns INVALID_ARGUMENT for options that cannot be sent.
absl::Status CheckCallOptions(const CallOptions& options);

// The same for the name of a method. It is part of each unary call's headers,
// and of each new session, whose messages a server bounds: a name of megabytes
// would break one session after another.
constexpr size_t kMaxMethodBytes = 4096;
absl::Status CheckMethod(absl::string_view method);

}  // namespace client_internal
}  // namespace pinion

#endif  // PINION_CLIENT_CALL_OPTIONS_H_
