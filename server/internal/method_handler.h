// SPDX-License-Identifier: Apache-2.0
//
// MethodHandler: how a lane calls the handler of a method, whatever its form.
//
// Threads: made before the server starts, and fixed from then on; workers call
//          its functions.
// Made by: handler_form.h, from a member function of a shard.
#ifndef PINION_SERVER_INTERNAL_METHOD_HANDLER_H_
#define PINION_SERVER_INTERNAL_METHOD_HANDLER_H_

#include <cstddef>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "pinion/server/internal/call_messages.h"

namespace pinion {

class CallContext;
class HeldCall;
struct LaneServices;
class RoutedCall;

// A handler of one call, which is answered when the handler returns.
struct OneCallHandler {
  // Calls `handler` on the shard with the request and the response of
  // `messages`. Sets `threw` if the status is that of an exception. One plain
  // function, because it is called for each call.
  using Run = absl::Status (*)(const void* handler, void* shard,
                               CallMessages& messages, CallContext& context,
                               bool& threw);

  explicit operator bool() const { return run != nullptr; }

  Run run = nullptr;
  std::shared_ptr<const void> handler;  // The first argument of `run`.
  std::unique_ptr<CallMessages> (*make_messages)() = nullptr;
};

// Either `one` is set, or `hold` and the members below it.
struct MethodHandler {
  OneCallHandler one = {};
  // Makes the handler's Call.
  std::function<HeldCall*(RoutedCall& call, const LaneServices& services)>
      hold = nullptr;
  // Gives the parsed `calls` to the handler; returns what it threw.
  std::function<absl::Status(void* shard, absl::Span<HeldCall* const> calls)>
      run_held = nullptr;
  // The most calls that it gets at once.
  size_t max_held = 1;

  bool uses_context = false;  // It may ask for metadata.
  bool streams = false;       // It answers with a stream; has `run_held`.
};

}  // namespace pinion

#endif  // PINION_SERVER_INTERNAL_METHOD_HANDLER_H_
