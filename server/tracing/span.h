// SPDX-License-Identifier: Apache-2.0
//
// FinishedSpan: one span as it waits for its export: what became of a call or
//               of a hop, and when.
//
// Threads: one holder at a time owns it; see SpanQueue.
// Privacy: it has neither a key nor a peer, nor a text that a handler has made.
#ifndef PINION_SERVER_TRACING_SPAN_H_
#define PINION_SERVER_TRACING_SPAN_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "pinion/core/clock.h"
#include "pinion/core/work_item.h"
#include "pinion/server/trace_context.h"

namespace pinion {

// Where one call or hop was, on its worker.
struct SpanPlace {
  int worker = -1;     // -1: it was not routed.
  uint32_t batch = 0;  // How many calls were taken together; 0: not known.
  int slot = -1;       // That of its key; -1: it has none, or was not claimed.
};

struct FinishedSpan : WorkItem {
  enum class Kind : uint8_t { kCall, kHop };

  Kind kind = Kind::kCall;
  TraceContext context;
  // None: it is its trace's first.
  std::optional<TraceContext::SpanId> parent;
  // "shop.v1.CounterService/Add"; of a hop, the service.
  std::string name;
  bool in_session = false;
  SpanPlace place;

  Moment accepted;  // Of a hop: when it was posted.
  std::optional<Moment> claimed;
  // When the handler had ended; none: the call was answered in its place.
  std::optional<Moment> ran_until;
  Moment ended;

  // The gRPC status code of the answer.
  int code = 0;
  // What the call ended by, in one static word: "answered", "expired".
  absl::string_view outcome;
};

}  // namespace pinion

#endif  // PINION_SERVER_TRACING_SPAN_H_
