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

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "pinion/server/internal/answer.h"

namespace pinion {

class CallContext;
class HeldCall;
struct LaneServices;
class RoutedCall;

// Either `run` is set, or the members below it.
struct MethodHandler {
  // Parses the request, runs the handler on the shard, and serializes the
  // response.
  std::function<Answer(void* shard, absl::string_view request,
                       CallContext& context)>
      run = nullptr;

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
