// SPDX-License-Identifier: Apache-2.0
//
// TraceContext: where in a trace a call stands: W3C Trace Context, as it goes
//               from program to program in `traceparent` and `tracestate`.
//
// Threads: plain data; the functions are for any thread.
// Example: if (const auto trace = context.trace()) {
//            client_context.AddMetadata("traceparent", trace->traceparent());
//          }
#ifndef PINION_SERVER_TRACE_CONTEXT_H_
#define PINION_SERVER_TRACE_CONTEXT_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "pinion/third_party/cpp20.h"

namespace pinion {

struct TraceContext {
  using TraceId = std::array<uint8_t, 16>;
  using SpanId = std::array<uint8_t, 8>;

  // The longest `tracestate` that is carried on. A longer one is left out, and
  // the trace goes on without it.
  static constexpr size_t kMaxStateBytes = 512;

  // Neither is all zeros.
  TraceId trace_id = {};
  SpanId span_id = {};  // The parent of whatever is called from here.
  // Whether the trace is recorded.
  bool sampled = false;
  // What other tracing systems want to be carried on, as it came; often empty.
  std::string tracestate = {};

  // Reads `traceparent`, of version 00 or of a later one as far as 00 goes.
  // None if it is not exactly as the standard says: lower-case hexadecimal, no
  // id all zeros. A `tracestate` that is too long, or is not printable ASCII,
  // is left out.
  static std::optional<TraceContext> Parse(absl::string_view traceparent,
                                           absl::string_view tracestate = {});

  // "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
  std::string traceparent() const;

  friend bool operator==(const TraceContext&, const TraceContext&) = default;
};

}  // namespace pinion

#endif  // PINION_SERVER_TRACE_CONTEXT_H_
