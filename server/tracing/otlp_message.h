// SPDX-License-Identifier: Apache-2.0
//
// MakeOtlpMessage: what a collector gets for a batch of spans.
//
// Threads: any thread.
// Example: const auto request =
//              MakeOtlpMessage({.service_name = "shop"}, spans, unix_nanos);
#ifndef PINION_SERVER_TRACING_OTLP_MESSAGE_H_
#define PINION_SERVER_TRACING_OTLP_MESSAGE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "pinion/otlp/v1/trace.pb.h"
#include "pinion/server/tracing/span.h"

namespace pinion {

// Who sends the spans.
struct OtlpSource {
  std::string service_name;
  int64_t process_id = 0;
};

// `unix_nanos` is what to add to a Moment for the nanoseconds since 1970.
otlp::v1::ExportTraceServiceRequest MakeOtlpMessage(
    const OtlpSource& source,
    const std::vector<std::unique_ptr<FinishedSpan>>& spans,
    uint64_t unix_nanos);

}  // namespace pinion

#endif  // PINION_SERVER_TRACING_OTLP_MESSAGE_H_
