// SPDX-License-Identifier: Apache-2.0
//
// Traced calls on a whole server, which a test steps, and what a collector gets
// of them; once as unary calls, and once in a session.
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "pinion/client/call_options.h"
#include "pinion/client/client_options.h"
#include "pinion/client/method.h"
#include "pinion/core/fake_clock.h"
#include "pinion/otlp/v1/trace.pb.h"
#include "pinion/server/call.h"
#include "pinion/server/call_context.h"
#include "pinion/server/hop.h"
#include "pinion/server/options.h"
#include "pinion/server/server.h"
#include "pinion/server/snapshot.h"
#include "pinion/server/testing/in_process_server.h"
#include "pinion/server/testing/manual_server.h"
#include "pinion/server/trace_context.h"
#include "pinion/server/tracing_options.h"
#include "pinion/server/tracing_snapshot.h"
#include "pinion/tests/support/trace_collector.h"
#include "shop/v1/counter.pb.h"

namespace pinion {
namespace {

using ::pinion::testing::AttributeOf;
using ::pinion::testing::ManualServer;
using ::pinion::testing::NanosOfEvent;
using ::pinion::testing::TraceCollector;
using ::shop::v1::AddRequest;
using ::shop::v1::AddResponse;

constexpr Method<AddRequest, AddResponse> kAdd("/shop.v1.CounterService/Add");
constexpr char kSampled[] =
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
constexpr char kNotSampled[] =
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
constexpr absl::string_view kTraceId(
    "\x4b\xf9\x2f\x35\x77\xb3\x4d\xa6\xa3\xce\x92\x9d\x0e\x0e\x47\x36", 16);
constexpr absl::string_view kParentId("\x00\xf0\x67\xaa\x0b\xa9\x02\xb7", 8);

// What a handler may do, and what it has seen.
struct World {
  FakeClock* time = nullptr;
  std::optional<TraceContext> seen;
};
World* world = nullptr;

// Takes `by` milliseconds to add; if that is negative, it answers on the other
// worker.
class Counter {
 public:
  void Add(Call<AddRequest, AddResponse> call) {
    world->seen = call.context().trace();
    const int64_t by = call.request().by();
    if (by >= 0) {
      world->time->Advance(std::chrono::milliseconds(by));
      return call.Finish();
    }
    const int other = 1 - call.context().worker();
    Hop hop = call.context().TakeHop();
    std::move(hop).Post<Counter>(
        other, [call = std::move(call)](Counter&) mutable { call.Finish(); });
  }
};

class TracedCallsTest : public ::testing::TestWithParam<bool> {
 protected:
  TracedCallsTest() { world = &world_; }

  bool in_session() const { return GetParam(); }

  void Start(TracingOptions tracing) {
    ClientOptions client = testing::TestClient();
    client.unary = !in_session();
    test_.emplace(
        [](Server& server) {
          server.Host<Counter>("shop.v1.CounterService")
              .On("Add", &Counter::Add);
        },
        testing::ManualOptions{
            .hosting = {.workers = 2, .tracing = std::move(tracing)},
            .client = std::move(client)});
    world_.time = &test_->time();
  }
  void StartTraced(double sample = 0) {
    Start({.collector = collector_.address(), .sample = sample});
  }

  auto Begin(int64_t by, const char* traceparent,
             absl::Duration timeout = absl::InfiniteDuration()) {
    AddRequest request;
    request.set_name("apples");
    request.set_by(by);
    CallOptions options = {.timeout = timeout};
    if (traceparent != nullptr) {
      options.metadata = {{"traceparent", traceparent}, {"tracestate", "a=1"}};
    }
    return test_->Call(kAdd, request, options);
  }
  absl::Status Add(int64_t by, const char* traceparent) {
    const auto call = Begin(by, traceparent);
    test_->RunUntilIdle();
    return call.Await().status();
  }

  // What the collector has got when the server has stopped.
  std::vector<otlp::v1::Span> Stop() {
    EXPECT_EQ(test_->Stop(), absl::OkStatus());
    return collector_.spans();
  }

  TraceCollector collector_;
  World world_;
  std::optional<ManualServer> test_;
};

TEST_P(TracedCallsTest, ACallIsASpanOfItsCallersTraceAndSaysWhereItsTimeWent) {
  StartTraced();
  const auto call = Begin(/*by=*/4, kSampled);
  test_->Advance(absl::Milliseconds(3));  // And 2 more.
  test_->RunUntilIdle();
  EXPECT_EQ(call.Await().status(), absl::OkStatus());
  const auto spans = Stop();
  ASSERT_EQ(spans.size(), 1u);
  const otlp::v1::Span& span = spans[0];
  EXPECT_EQ(span.name(), "shop.v1.CounterService/Add");
  EXPECT_EQ(span.trace_id(), kTraceId);
  EXPECT_EQ(span.parent_span_id(), kParentId);
  EXPECT_EQ(span.trace_state(), "a=1");
  EXPECT_EQ(NanosOfEvent(span, "accepted"), 0);
  EXPECT_EQ(NanosOfEvent(span, "claimed"), 5'000'000);
  EXPECT_EQ(NanosOfEvent(span, "ended"), 9'000'000);
  EXPECT_EQ(AttributeOf(span, "pinion.waited_ns"), "5000000");
  EXPECT_EQ(AttributeOf(span, "pinion.ran_ns"), "4000000");
  EXPECT_EQ(AttributeOf(span, "pinion.batch"), "1");
  EXPECT_EQ(AttributeOf(span, "pinion.transport"),
            in_session() ? "session" : "call");
  EXPECT_EQ(AttributeOf(span, "rpc.grpc.status_code"), "0");
  EXPECT_NE(AttributeOf(span, "pinion.worker"), "");
  EXPECT_NE(AttributeOf(span, "pinion.slot"), "");
  EXPECT_EQ(span.ShortDebugString().find("apples"), std::string::npos)
      << "no span has a key";
  // The handler can give its span to those that it calls.
  ASSERT_TRUE(world_.seen.has_value());
  const auto& id = world_.seen->span_id;
  EXPECT_EQ(std::string(id.begin(), id.end()), span.span_id());
  EXPECT_TRUE(world_.seen->sampled);
  EXPECT_EQ(world_.seen->tracestate, "a=1");
  const TracingSnapshot counts = test_->server().Snapshot().tracing;
  EXPECT_TRUE(counts.on);
  EXPECT_EQ(counts.exported, 1u);
}

TEST_P(TracedCallsTest, AHopIsAChildOfItsCall) {
  StartTraced();
  EXPECT_EQ(Add(/*by=*/-1, kSampled), absl::OkStatus());
  const auto spans = Stop();
  ASSERT_EQ(spans.size(), 2u);
  const bool hop_first = spans[0].name() == "hop shop.v1.CounterService";
  const otlp::v1::Span& hop = spans[hop_first ? 0 : 1];
  const otlp::v1::Span& call = spans[hop_first ? 1 : 0];
  EXPECT_EQ(hop.name(), "hop shop.v1.CounterService");
  EXPECT_EQ(hop.trace_id(), kTraceId);
  EXPECT_EQ(hop.parent_span_id(), call.span_id());
  EXPECT_EQ(call.parent_span_id(), kParentId);
  EXPECT_NE(AttributeOf(hop, "pinion.worker"),
            AttributeOf(call, "pinion.worker"));
}

TEST_P(TracedCallsTest, ACallThatExpiresInItsListWasNotClaimed) {
  StartTraced();
  const auto call = Begin(/*by=*/0, kSampled, absl::Hours(1));
  test_->Advance(absl::Hours(1));
  EXPECT_EQ(call.Await().status().code(), absl::StatusCode::kDeadlineExceeded);
  test_->RunUntilIdle();
  EXPECT_EQ(world_.seen, std::nullopt) << "it did not run";
  const auto spans = Stop();
  ASSERT_EQ(spans.size(), 1u);
  EXPECT_EQ(AttributeOf(spans[0], "pinion.outcome"), "expired");
  EXPECT_EQ(NanosOfEvent(spans[0], "claimed"), -1);
  EXPECT_EQ(spans[0].status().code(), otlp::v1::Status::STATUS_CODE_ERROR);
}

TEST_P(TracedCallsTest, ACallThatIsNotSampledHasNoSpanAndKeepsItsTrace) {
  StartTraced(/*sample=*/1);
  EXPECT_EQ(Add(/*by=*/0, kNotSampled), absl::OkStatus());
  ASSERT_TRUE(world_.seen.has_value());
  EXPECT_EQ(world_.seen->traceparent(), kNotSampled);
  EXPECT_EQ(Stop().size(), 0u);
}

TEST_P(TracedCallsTest, ACallWithoutATraceBeginsOneIfItIsSampled) {
  StartTraced(/*sample=*/1);
  EXPECT_EQ(Add(/*by=*/0, nullptr), absl::OkStatus());
  const auto spans = Stop();
  ASSERT_EQ(spans.size(), 1u);
  EXPECT_EQ(spans[0].parent_span_id(), "");
  EXPECT_EQ(spans[0].trace_id().size(), 16u);
}

TEST_P(TracedCallsTest, AReloadChangesTheSample) {
  StartTraced(/*sample=*/0);
  EXPECT_EQ(Add(/*by=*/0, nullptr), absl::OkStatus());
  EXPECT_EQ(world_.seen, std::nullopt);
  const HostingOptions options = {
      .workers = 2,
      .tracing = {.collector = collector_.address(), .sample = 1}};
  const absl::Status reloaded =
      test_->server().Reload({.listen = "127.0.0.1:0"}, options);
  EXPECT_EQ(reloaded, absl::OkStatus());
  EXPECT_EQ(Add(/*by=*/0, nullptr), absl::OkStatus());
  EXPECT_EQ(Stop().size(), 1u);
}

TEST_P(TracedCallsTest, WithoutACollectorAHandlerSeesItsCallersTrace) {
  Start({});
  EXPECT_EQ(Add(/*by=*/0, kSampled), absl::OkStatus());
  ASSERT_TRUE(world_.seen.has_value());
  EXPECT_EQ(world_.seen->traceparent(), kSampled);
  EXPECT_EQ(world_.seen->tracestate, "a=1");
  EXPECT_EQ(Add(/*by=*/0, nullptr), absl::OkStatus());
  EXPECT_EQ(world_.seen, std::nullopt);
  EXPECT_FALSE(test_->server().Snapshot().tracing.on);
  EXPECT_EQ(Stop().size(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Transports, TracedCallsTest, ::testing::Bool(),
                         [](const auto& info) {
                           return info.param ? "InASession" : "Unary";
                         });

// A session tells of its stop before it reads the call.
class RefusedTracedCallTest : public TracedCallsTest {};

TEST_P(RefusedTracedCallTest, ACallThatIsRefusedSaysSo) {
  StartTraced();
  test_->BeginStop();
  EXPECT_EQ(Add(/*by=*/0, kSampled).code(), absl::StatusCode::kUnavailable);
  const auto spans = Stop();
  ASSERT_EQ(spans.size(), 1u);
  EXPECT_EQ(AttributeOf(spans[0], "pinion.outcome"), "refused");
  EXPECT_EQ(AttributeOf(spans[0], "rpc.grpc.status_code"), "14");
  EXPECT_EQ(spans[0].parent_span_id(), kParentId);
}

INSTANTIATE_TEST_SUITE_P(Unary, RefusedTracedCallTest,
                         ::testing::Values(false));

}  // namespace
}  // namespace pinion
