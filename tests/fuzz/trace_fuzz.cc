// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as the `traceparent` and the `tracestate` of a caller, with a line
// end between the two. What is taken must come out as it went in.
// README.md tells how to run it.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "pinion/server/trace_context.h"

namespace pinion::testing {
namespace {

void Demand(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::abort();
}

void Check(absl::string_view parent, absl::string_view state) {
  const auto context = TraceContext::Parse(parent, state);
  if (!context.has_value()) return;
  Demand(context->trace_id != TraceContext::TraceId{}, "a trace's id");
  Demand(context->span_id != TraceContext::SpanId{}, "a span's id");
  Demand(context->tracestate.empty() || context->tracestate == state,
         "a state is carried on whole, or not at all");
  Demand(context->tracestate.size() <= TraceContext::kMaxStateBytes,
         "a state is short");
  const std::string again = context->traceparent();
  // The version and the flags may differ.
  Demand(again.substr(3, 49) == parent.substr(3, 49), "the ids stay");
  Demand(TraceContext::Parse(again, context->tracestate) == context,
         "what is written can be read");
}

}  // namespace
}  // namespace pinion::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t end = text.find('\n');
  if (end == absl::string_view::npos) {
    pinion::testing::Check(text, "");
  } else {
    pinion::testing::Check(text.substr(0, end), text.substr(end + 1));
  }
  return 0;
}
