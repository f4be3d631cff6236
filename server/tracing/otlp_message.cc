// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/tracing/otlp_message.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace pinion {
namespace {

using otlp::v1::Span;

template <typename Owner>
void Set(Owner& owner, absl::string_view key, absl::string_view value) {
  otlp::v1::KeyValue& attribute = *owner.add_attributes();
  attribute.set_key(std::string(key));
  attribute.mutable_value()->set_string_value(std::string(value));
}

template <typename Owner>
void SetInt(Owner& owner, absl::string_view key, int64_t value) {
  otlp::v1::KeyValue& attribute = *owner.add_attributes();
  attribute.set_key(std::string(key));
  attribute.mutable_value()->set_int_value(value);
}

template <size_t kSize>
std::string BytesOf(const std::array<uint8_t, kSize>& id) {
  return std::string(reinterpret_cast<const char*>(id.data()), id.size());
}

void AddEvent(Span& span, absl::string_view name, uint64_t unix_nano) {
  Span::Event& event = *span.add_events();
  event.set_name(std::string(name));
  event.set_time_unix_nano(unix_nano);
}

// Whether a server's span with this gRPC status counts as failed: only what the
// server is to blame for, as OpenTelemetry's conventions say.
bool IsError(int code) {
  switch (code) {
    case 2:   // UNKNOWN
    case 4:   // DEADLINE_EXCEEDED
    case 12:  // UNIMPLEMENTED
    case 13:  // INTERNAL
    case 14:  // UNAVAILABLE
    case 15:  // DATA_LOSS
      return true;
    default:
      return false;
  }
}

void AddCallAttributes(const FinishedSpan& from, Span& to) {
  const absl::string_view name = from.name;
  const size_t slash = name.rfind('/');
  to.set_name(from.name);
  to.set_kind(Span::SPAN_KIND_SERVER);
  Set(to, "rpc.system", "grpc");
  Set(to, "rpc.service", name.substr(0, slash));
  Set(to, "rpc.method", name.substr(slash + 1));
  SetInt(to, "rpc.grpc.status_code", from.code);
  Set(to, "pinion.transport", from.in_session ? "session" : "call");
  if (from.place.batch > 0) SetInt(to, "pinion.batch", from.place.batch);
  if (from.place.slot >= 0) SetInt(to, "pinion.slot", from.place.slot);
}

void AddHopAttributes(const FinishedSpan& from, Span& to) {
  to.set_name(absl::StrCat("hop ", from.name));
  to.set_kind(Span::SPAN_KIND_INTERNAL);
  Set(to, "rpc.service", from.name);
}

void Fill(const FinishedSpan& from, uint64_t unix_nanos, Span& to) {
  const auto time = [unix_nanos](Moment moment) {
    return moment.nanos() + unix_nanos;
  };
  const bool is_call = from.kind == FinishedSpan::Kind::kCall;
  to.set_trace_id(BytesOf(from.context.trace_id));
  to.set_span_id(BytesOf(from.context.span_id));
  if (from.parent.has_value()) to.set_parent_span_id(BytesOf(*from.parent));
  to.set_trace_state(from.context.tracestate);
  to.set_flags(1);  // Only sampled ones are made.
  to.set_start_time_unix_nano(time(from.accepted));
  to.set_end_time_unix_nano(time(from.ended));
  if (is_call) {
    AddCallAttributes(from, to);
  } else {
    AddHopAttributes(from, to);
  }
  if (from.place.worker >= 0) SetInt(to, "pinion.worker", from.place.worker);
  Set(to, "pinion.outcome", from.outcome);
  AddEvent(to, is_call ? "accepted" : "posted", time(from.accepted));
  if (from.claimed.has_value()) {
    SetInt(to, "pinion.waited_ns", (*from.claimed - from.accepted).count());
    AddEvent(to, "claimed", time(*from.claimed));
  }
  if (from.claimed.has_value() && from.ran_until.has_value()) {
    SetInt(to, "pinion.ran_ns", (*from.ran_until - *from.claimed).count());
  }
  AddEvent(to, "ended", time(from.ended));
  if (IsError(from.code)) {
    to.mutable_status()->set_code(otlp::v1::Status::STATUS_CODE_ERROR);
  }
}

}  // namespace

otlp::v1::ExportTraceServiceRequest MakeOtlpMessage(
    const OtlpSource& source,
    const std::vector<std::unique_ptr<FinishedSpan>>& spans,
    uint64_t unix_nanos) {
  otlp::v1::ExportTraceServiceRequest request;
  otlp::v1::ResourceSpans& all = *request.add_resource_spans();
  Set(*all.mutable_resource(), "service.name", source.service_name);
  SetInt(*all.mutable_resource(), "process.pid", source.process_id);
  otlp::v1::ScopeSpans& scope = *all.add_scope_spans();
  scope.mutable_scope()->set_name("pinion");
  for (const auto& span : spans) Fill(*span, unix_nanos, *scope.add_spans());
  return request;
}

}  // namespace pinion
