// SPDX-License-Identifier: Apache-2.0
//
// WhyNotListening: why nobody could listen on an address a moment ago.
//
// Threads: plain function; any thread. It may ask the resolver.
// Use:     gRPC says only that it could not listen, and why in a log line of a
//          thousand letters. So the address is tried once more.
// Example: absl::Status why = WhyNotListening("127.0.0.1:80");
//          // UNAVAILABLE: cannot listen on 127.0.0.1:80: Permission denied
#ifndef PINION_SERVER_LISTENER_WHY_NOT_LISTENING_H_
#define PINION_SERVER_LISTENER_WHY_NOT_LISTENING_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace pinion {

// OK if the address could be listened on now, or is in a form that only gRPC
// knows. Listens on nothing, and leaves no file behind.
absl::Status WhyNotListening(absl::string_view address);

}  // namespace pinion

#endif  // PINION_SERVER_LISTENER_WHY_NOT_LISTENING_H_
