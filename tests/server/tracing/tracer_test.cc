// SPDX-License-Identifier: Apache-2.0
//
// Which calls are traced, and what their spans say, by a clock that stands
// still.
#include "pinion/server/tracing/tracer.h"

#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "pinion/core/fake_clock.h"
#include "pinion/otlp/v1/trace.pb.h"
#include "pinion/server/trace_context.h"
#include "pinion/server/tracing/otlp_message.h"
#include "pinion/server/tracing/span_queue.h"
#include "pinion/server/tracing/trace_headers.h"
#include "pinion/tests/support/trace_collector.h"

namespace pinion {
namespace {

using ::pinion::testing::AttributeOf;
using ::pinion::testing::NanosOfEvent;
using ::std::chrono::milliseconds;

constexpr char kSampled[] =
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
constexpr char kNotSampled[] =
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

TraceHeaders Headers(absl::string_view traceparent,
                     absl::string_view tracestate = "") {
  TraceHeaders headers;
  headers.Add("traceparent", traceparent);
  if (!tracestate.empty()) headers.Add("tracestate", tracestate);
  return headers;
}

class TracerTest : public ::testing::Test {
 protected:
  // What a collector would get for all spans until now.
  std::vector<otlp::v1::Span> TakeSpans() {
    const auto taken = queue_.Take();
    queue_.Release(taken.size());
    const auto request = MakeOtlpMessage({.service_name = "shop"}, taken,
                                         /*unix_nanos=*/0);
    const auto& spans = request.resource_spans(0).scope_spans(0).spans();
    return {spans.begin(), spans.end()};
  }

  FakeClock time_;
  SpanQueue queue_;
  Tracer tracer_{time_.clock(), /*sample=*/0, queue_};
};

TEST_F(TracerTest, TracesACallIfItsCallerDoes) {
  const auto trace = tracer_.Begin(Headers(kSampled, "a=1"));
  ASSERT_NE(trace, nullptr);
  const TraceContext parent = *TraceContext::Parse(kSampled);
  EXPECT_EQ(trace->context().trace_id, parent.trace_id);
  EXPECT_NE(trace->context().span_id, parent.span_id);
  EXPECT_TRUE(trace->context().sampled);
  EXPECT_EQ(trace->context().tracestate, "a=1");
  EXPECT_EQ(tracer_.Begin(Headers(kNotSampled)), nullptr);
  tracer_.SetSample(1);
  EXPECT_EQ(tracer_.Begin(Headers(kNotSampled)), nullptr)
      << "the caller has decided";
}

TEST_F(TracerTest, TracesASampleOfTheCallsWithoutATrace) {
  const auto traced_of = [this](int calls) {
    int traced = 0;
    for (int i = 0; i < calls; ++i) {
      traced += tracer_.Begin(TraceHeaders()) != nullptr;
    }
    return traced;
  };
  EXPECT_EQ(traced_of(1000), 0);
  EXPECT_EQ(tracer_.Begin(Headers("nonsense")), nullptr);
  tracer_.SetSample(1);
  EXPECT_EQ(traced_of(1000), 1000);
  EXPECT_NE(tracer_.Begin(Headers("nonsense")), nullptr);
  // 10,000 +- 100 by chance; ten times that never happens.
  tracer_.SetSample(0.5);
  EXPECT_NEAR(traced_of(20'000), 10'000, 1000);
}

TEST_F(TracerTest, GivesEachSpanAnIdOfItsOwn) {
  tracer_.SetSample(1);
  std::set<TraceContext::TraceId> traces;
  std::set<TraceContext::SpanId> spans;
  for (int i = 0; i < 1000; ++i) {
    const auto trace = tracer_.Begin(TraceHeaders());
    traces.insert(trace->context().trace_id);
    spans.insert(trace->context().span_id);
  }
  EXPECT_EQ(traces.size(), 1000u);
  EXPECT_EQ(spans.size(), 1000u);
}

TEST_F(TracerTest, SaysWhenACallWasAcceptedClaimedAndEnded) {
  const auto trace = tracer_.Begin(Headers(kSampled));
  const Moment accepted = time_.Now();
  time_.Advance(milliseconds(3));
  trace->NoteClaim(time_.Now(), /*slot=*/77);
  time_.Advance(milliseconds(4));
  const Moment ran_until = time_.Now();
  time_.Advance(milliseconds(5));
  trace->End({.path = "/shop.v1.CounterService/Add",
              .in_session = true,
              .worker = 2,
              .accepted = accepted,
              .claimed = true,
              .ran_until = ran_until,
              .batch = 9,
              .code = 5,
              .outcome = "answered"});
  const auto spans = TakeSpans();
  ASSERT_EQ(spans.size(), 1u);
  const otlp::v1::Span& span = spans[0];
  EXPECT_EQ(span.name(), "shop.v1.CounterService/Add");
  EXPECT_EQ(span.kind(), otlp::v1::Span::SPAN_KIND_SERVER);
  EXPECT_EQ(span.parent_span_id(),
            absl::string_view("\x00\xf0\x67\xaa\x0b\xa9\x02\xb7", 8));
  EXPECT_EQ(span.trace_id().size(), 16u);
  EXPECT_EQ(span.end_time_unix_nano() - span.start_time_unix_nano(),
            12'000'000u);
  EXPECT_EQ(NanosOfEvent(span, "accepted"), 0);
  EXPECT_EQ(NanosOfEvent(span, "claimed"), 3'000'000);
  EXPECT_EQ(NanosOfEvent(span, "ended"), 12'000'000);
  EXPECT_EQ(AttributeOf(span, "pinion.waited_ns"), "3000000");
  EXPECT_EQ(AttributeOf(span, "pinion.ran_ns"), "4000000");
  EXPECT_EQ(AttributeOf(span, "pinion.worker"), "2");
  EXPECT_EQ(AttributeOf(span, "pinion.batch"), "9");
  EXPECT_EQ(AttributeOf(span, "pinion.slot"), "77");
  EXPECT_EQ(AttributeOf(span, "pinion.transport"), "session");
  EXPECT_EQ(AttributeOf(span, "pinion.outcome"), "answered");
  EXPECT_EQ(AttributeOf(span, "rpc.system"), "grpc");
  EXPECT_EQ(AttributeOf(span, "rpc.service"), "shop.v1.CounterService");
  EXPECT_EQ(AttributeOf(span, "rpc.method"), "Add");
  EXPECT_EQ(AttributeOf(span, "rpc.grpc.status_code"), "5");
  EXPECT_EQ(span.status().code(), otlp::v1::Status::STATUS_CODE_UNSPECIFIED)
      << "NOT_FOUND is no fault of the server's";
}

TEST_F(TracerTest, ACallThatWasNotClaimedHasNoSuchTime) {
  const auto trace = tracer_.Begin(Headers(kSampled));
  trace->End({.path = "/a.B/C",
              .in_session = false,
              .worker = 0,
              .accepted = time_.Now(),
              .claimed = false,
              .code = 4,
              .outcome = "expired"});
  const auto spans = TakeSpans();
  ASSERT_EQ(spans.size(), 1u);
  EXPECT_EQ(NanosOfEvent(spans[0], "claimed"), -1);
  EXPECT_EQ(AttributeOf(spans[0], "pinion.waited_ns"), "");
  EXPECT_EQ(AttributeOf(spans[0], "pinion.slot"), "");
  EXPECT_EQ(spans[0].status().code(), otlp::v1::Status::STATUS_CODE_ERROR);
}

// A batch reads its time from the CPU's counter, which may be a little ahead.
TEST_F(TracerTest, TimesAreInTheirOrderThoughTheCounterIsAhead) {
  const auto trace = tracer_.Begin(Headers(kSampled));
  const Moment now = time_.Now();
  trace->NoteClaim(now + -milliseconds(1), /*slot=*/-1);
  trace->End({.path = "/a.B/C",
              .in_session = false,
              .worker = 0,
              .accepted = now,
              .claimed = true,
              .ran_until = now + milliseconds(1),
              .code = 0,
              .outcome = "answered"});
  const auto spans = TakeSpans();
  ASSERT_EQ(spans.size(), 1u);
  EXPECT_EQ(NanosOfEvent(spans[0], "claimed"), 0);
  EXPECT_EQ(NanosOfEvent(spans[0], "ended"), 0);
  EXPECT_EQ(AttributeOf(spans[0], "pinion.ran_ns"), "0");
}

TEST_F(TracerTest, AHopIsAChildOfItsCallAndTheNextHopOfTheFirst) {
  const auto trace = tracer_.Begin(Headers(kSampled));
  HopTrace hop(*trace);
  hop.NotePost();
  time_.Advance(milliseconds(2));
  {
    HopSpan first(hop, "shop.v1.CounterService", /*worker=*/1);
    hop.NotePost();
    time_.Advance(milliseconds(3));
  }
  {
    HopSpan second(hop, "shop.v1.CounterService", /*worker=*/0);
    second.NoteThrown();
  }
  const auto spans = TakeSpans();
  ASSERT_EQ(spans.size(), 2u);
  const auto& id = trace->context().span_id;
  EXPECT_EQ(spans[0].parent_span_id(), std::string(id.begin(), id.end()));
  EXPECT_EQ(spans[0].name(), "hop shop.v1.CounterService");
  EXPECT_EQ(spans[0].kind(), otlp::v1::Span::SPAN_KIND_INTERNAL);
  EXPECT_EQ(NanosOfEvent(spans[0], "posted"), 0);
  EXPECT_EQ(NanosOfEvent(spans[0], "claimed"), 2'000'000);
  EXPECT_EQ(NanosOfEvent(spans[0], "ended"), 5'000'000);
  EXPECT_EQ(AttributeOf(spans[0], "pinion.worker"), "1");
  EXPECT_EQ(spans[0].status().code(),
            otlp::v1::Status::STATUS_CODE_UNSPECIFIED);
  EXPECT_EQ(spans[1].parent_span_id(), spans[0].span_id());
  EXPECT_EQ(AttributeOf(spans[1], "pinion.waited_ns"), "3000000");
  EXPECT_EQ(spans[1].status().code(), otlp::v1::Status::STATUS_CODE_ERROR);
}

}  // namespace
}  // namespace pinion
