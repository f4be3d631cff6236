// SPDX-License-Identifier: Apache-2.0
//
// TraceHeaders: finds the caller's trace among a call's metadata.
//
// Threads: plain data. The added views must stay valid until Parse().
// Example: TraceHeaders headers;
//          for (const auto& [name, value] : metadata) headers.Add(name, value);
//          if (const auto parent = headers.Parse()) ...
#ifndef PINION_SERVER_TRACING_TRACE_HEADERS_H_
#define PINION_SERVER_TRACING_TRACE_HEADERS_H_

#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "pinion/server/trace_context.h"

namespace pinion {

class TraceHeaders {
 public:
  void Add(absl::string_view name, absl::string_view value) {
    if (!absl::ConsumePrefix(&name, "trace")) return;
    if (name == "parent") {
      // Of two, none can be trusted.
      traceparent_ = traceparent_.has_value() ? absl::string_view() : value;
    } else if (name == "state" && state_.size() <= kMaxState) {
      // Of several, they are one list.
      absl::StrAppend(&state_, state_.empty() ? "" : ",",
                      value.substr(0, kMaxState + 1));
    }
  }

  // The caller's context; none: it sent none, or one that is not valid.
  std::optional<TraceContext> Parse() const {
    if (!traceparent_.has_value()) return std::nullopt;
    return TraceContext::Parse(*traceparent_, state_);
  }

 private:
  static constexpr size_t kMaxState = TraceContext::kMaxStateBytes;

  std::optional<absl::string_view> traceparent_;
  std::string state_;
};

}  // namespace pinion

#endif  // PINION_SERVER_TRACING_TRACE_HEADERS_H_
