// SPDX-License-Identifier: Apache-2.0
//
// MethodHandler: how a lane calls the handler of a method, whatever its form.
//
// Threads: made before the server starts, fixed from then on; its functions run
//          on workers.
// Made by: handler_form.h, from a member function of a shard.
#ifndef PINION_SERVER_METHOD_HANDLER_H_
#define PINION_SERVER_METHOD_HANDLER_H_

#include <cstddef>
#include <functional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/answer.h"
#include "server/call_context.h"
#include "server/held_call.h"

namespace pinion {

class RoutedCall;

// Either `run` is there, or what is below it.
struct MethodHandler {
  // Parses the request, runs the handler on the shard, serializes the response.
  std::function<Answer(void* shard, absl::string_view request,
                       CallContext& context)>
      run = nullptr;

  // Makes what the handler is given as a Call.
  std::function<HeldCall*(RoutedCall& call, const HeldPlace& place)> hold =
      nullptr;
  // Hands `calls`, which have been parsed, to the handler; says what it threw.
  std::function<absl::Status(void* shard, absl::Span<HeldCall* const> calls)>
      run_held = nullptr;
  // How many it is handed at most.
  size_t most_held = 1;

  bool uses_context = false;  // It may ask for metadata.
  bool streams = false;       // It answers with a stream; has `run_held`.
};

}  // namespace pinion

#endif  // PINION_SERVER_METHOD_HANDLER_H_
