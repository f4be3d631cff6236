// SPDX-License-Identifier: Apache-2.0
//
// What becomes of spans: taken, dropped for a reason, and all of it counted,
// whatever the collector does.
#include "pinion/server/tracing/trace_exporter.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/support/status.h>
#include <stdlib.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/base/mutex.h"
#include "pinion/server/log.h"
#include "pinion/server/testing/gate.h"
#include "pinion/server/tracing/span.h"
#include "pinion/server/tracing/span_queue.h"
#include "pinion/server/tracing_snapshot.h"
#include "pinion/tests/support/certificates.h"
#include "pinion/tests/support/test_files.h"
#include "pinion/tests/support/trace_collector.h"

namespace pinion {
namespace {

using ::pinion::testing::AttributeOf;
using ::pinion::testing::PemPair;
using ::pinion::testing::TestAuthority;
using ::pinion::testing::TestFiles;
using ::pinion::testing::TraceCollector;
using ::std::chrono::hours;
using ::std::chrono::milliseconds;
using ::std::chrono::seconds;
using ::testing::HasSubstr;

constexpr size_t kBatch = 4;
constexpr size_t kMost = 8;
constexpr seconds kLong(60);  // Longer than a busy machine takes for a call.

grpc::Status Unavailable() {
  return grpc::Status(grpc::StatusCode::UNAVAILABLE, "not now");
}

void AddTo(SpanQueue& queue, int spans) {
  for (int i = 0; i < spans; ++i) {
    auto span = std::make_unique<FinishedSpan>();
    span->name = "shop.v1.CounterService/Add";
    span->context.trace_id[0] = span->context.span_id[0] = 1;
    queue.Add(std::move(span));
  }
}

class TraceExporterTest : public ::testing::Test {
 protected:
  void Add(int spans) { AddTo(queue_, spans); }

  // Nothing is sent by the time that passes.
  TraceExporterOptions Options(const TraceCollector& collector) {
    return {.collector = collector.address(),
            .service_name = "shop",
            .log =
                [this](LogRecord record) {
                  {
                    MutexLock lock(mutex_);
                    message_ = record.message;
                  }
                  logged_.Open();
                },
            .every = hours(1),
            .call_timeout = kLong,
            .first_backoff = milliseconds(1)};
  }

  // The last line.
  std::string message() {
    MutexLock lock(mutex_);
    return message_;
  }

  SpanQueue queue_{kMost, kBatch};
  testing::Gate logged_;
  Mutex mutex_;
  std::string message_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(TraceExporterTest, SendsWhatWaitsWhenItStops) {
  TraceCollector collector;
  TraceExporter exporter(Options(collector), queue_);
  exporter.Start();
  Add(3);
  EXPECT_EQ(exporter.Snapshot().waiting, 3u);
  exporter.Stop(kLong, kLong);
  EXPECT_EQ(collector.spans().size(), 3u);
  EXPECT_EQ(AttributeOf(collector.resource(), "service.name"), "shop");
  EXPECT_EQ(exporter.Snapshot().exported, 3u);
  EXPECT_EQ(exporter.Snapshot().dropped(), 0u);
  EXPECT_EQ(exporter.Snapshot().waiting, 0u);
}

TEST_F(TraceExporterTest, SendsABatchAsSoonAsItIsFull) {
  TraceCollector collector;
  TraceExporter exporter(Options(collector), queue_);
  exporter.Start();
  Add(kBatch);
  collector.AwaitRequests(1);
  exporter.Stop(kLong, kLong);
  EXPECT_EQ(collector.spans().size(), kBatch);
}

TEST_F(TraceExporterTest, AFullQueueDropsWhatIsNewAndCountsIt) {
  TraceCollector collector;
  TraceExporter exporter(Options(collector), queue_);
  Add(kMost + 3);
  EXPECT_EQ(exporter.Snapshot().dropped_queue_full, 3u);
  EXPECT_EQ(exporter.Snapshot().waiting, kMost);
  exporter.Start();
  exporter.Stop(kLong, kLong);
  EXPECT_EQ(exporter.Snapshot().exported, kMost);
  EXPECT_EQ(collector.requests(), 2) << "two batches";
}

TEST_F(TraceExporterTest, ACollectorThatNeverAnswersHoldsNobody) {
  absl::Notification may_answer;
  TraceCollector collector([&](int, auto&) {
    may_answer.WaitForNotification();
    return grpc::Status::OK;
  });
  TraceExporter exporter(Options(collector), queue_);
  exporter.Start();
  Add(kBatch);
  collector.AwaitRequests(1);
  // Neither those that add spans, nor the stop, wait for it: it answers only
  // after them.
  Add(kMost);
  EXPECT_EQ(exporter.Snapshot().dropped_queue_full, kBatch);
  exporter.Stop(milliseconds(1), kLong);
  const TracingSnapshot counts = exporter.Snapshot();
  EXPECT_EQ(counts.exported, 0u);
  EXPECT_EQ(counts.dropped_at_stop, kMost);
  EXPECT_EQ(counts.waiting, 0u);
  may_answer.Notify();
}

TEST_F(TraceExporterTest, AHurryEndsTheWaitOfAStopThatHasBegun) {
  absl::Notification may_answer;
  TraceCollector collector([&](int, auto&) {
    may_answer.WaitForNotification();
    return grpc::Status::OK;
  });
  TraceExporter exporter(Options(collector), queue_);
  exporter.Start();
  Add(kBatch);
  std::thread stopper([&] { exporter.Stop(hours(1), milliseconds(1)); });
  collector.AwaitRequests(1);
  exporter.Hurry();
  stopper.join();
  EXPECT_EQ(exporter.Snapshot().dropped_at_stop, kBatch);
  may_answer.Notify();
}

TEST_F(TraceExporterTest, AHurriedStopStillSendsWhatIsTakenAtOnce) {
  TraceCollector collector;
  TraceExporter exporter(Options(collector), queue_);
  exporter.Start();
  Add(3);
  exporter.Hurry();
  exporter.Hurry();
  exporter.Stop(kLong, kLong);
  EXPECT_EQ(exporter.Snapshot().exported, 3u);
}

TEST_F(TraceExporterTest, AStopDoesNotWaitLongForACollectorThatFails) {
  absl::Notification may_answer;
  TraceCollector collector([&](int number, auto&) {
    if (number > 1) may_answer.WaitForNotification();
    return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "no");
  });
  TraceExporter exporter(Options(collector), queue_);
  exporter.Start();
  Add(kBatch);
  logged_.Pass();
  Add(kBatch);
  collector.AwaitRequests(2);
  exporter.Stop(hours(1), hours(1));
  EXPECT_EQ(exporter.Snapshot().dropped_not_taken, kBatch);
  EXPECT_EQ(exporter.Snapshot().dropped_at_stop, kBatch);
  may_answer.Notify();
}

// Of a hop, for one, whose handler outlasts the stop.
TEST_F(TraceExporterTest, WhatComesAfterTheStopIsCountedAsDroppedAtIt) {
  TraceCollector collector;
  TraceExporter exporter(Options(collector), queue_);
  exporter.Start();
  Add(1);
  exporter.Stop(kLong, kLong);
  Add(2);
  const TracingSnapshot counts = exporter.Snapshot();
  EXPECT_EQ(counts.exported, 1u);
  EXPECT_EQ(counts.dropped_at_stop, 2u);
  EXPECT_EQ(counts.dropped_queue_full, 0u);
  EXPECT_EQ(counts.waiting, 0u);
}

TEST_F(TraceExporterTest, EachSpanIsCountedOnceWhileAStopEndsAndOthersCome) {
  constexpr int kThreads = 4;
  constexpr int kSpans = 2000;
  TraceCollector collector;
  TraceExporter exporter(Options(collector), queue_);
  exporter.Start();
  std::vector<std::thread> adders;
  for (int i = 0; i < kThreads; ++i) {
    adders.emplace_back([&] { Add(kSpans); });
  }
  exporter.Stop(milliseconds(1), milliseconds(1));
  for (std::thread& adder : adders) adder.join();
  const TracingSnapshot counts = exporter.Snapshot();
  EXPECT_EQ(counts.waiting, 0u);
  EXPECT_EQ(counts.exported + counts.dropped(), uint64_t{kThreads * kSpans});
}

TEST_F(TraceExporterTest, ATryEndsAtItsTimeoutAndItsBatchIsDropped) {
  absl::Notification may_answer;
  TraceCollector collector([&](int, auto&) {
    may_answer.WaitForNotification();
    return grpc::Status::OK;
  });
  TraceExporterOptions options = Options(collector);
  options.call_timeout = milliseconds(1);
  TraceExporter exporter(std::move(options), queue_);
  exporter.Start();
  Add(kBatch);
  logged_.Pass();
  EXPECT_THAT(message(), HasSubstr("DEADLINE_EXCEEDED"));
  EXPECT_THAT(message(), HasSubstr("4 are dropped"));
  may_answer.Notify();
  exporter.Stop(kLong, kLong);
  EXPECT_EQ(exporter.Snapshot().dropped_not_taken, kBatch);
}

TEST_F(TraceExporterTest, SendsAgainToACollectorThatIsUnavailableForAMoment) {
  TraceCollector collector([](int number, auto&) {
    return number <= 3 ? Unavailable() : grpc::Status::OK;
  });
  TraceExporter exporter(Options(collector), queue_);
  exporter.Start();
  Add(kBatch);
  collector.AwaitRequests(4);
  exporter.Stop(kLong, kLong);
  EXPECT_EQ(exporter.Snapshot().exported, kBatch);
  EXPECT_EQ(exporter.Snapshot().dropped(), 0u);
}

TEST_F(TraceExporterTest, DropsABatchAfterFourTries) {
  TraceCollector collector([](int, auto&) { return Unavailable(); });
  TraceExporter exporter(Options(collector), queue_);
  exporter.Start();
  Add(kBatch);
  logged_.Pass();
  EXPECT_THAT(message(), HasSubstr("UNAVAILABLE: not now"));
  EXPECT_EQ(collector.requests(), 4);
  EXPECT_EQ(exporter.Snapshot().dropped_not_taken, kBatch);
  exporter.Stop(kLong, kLong);
}

TEST_F(TraceExporterTest, DoesNotSendAgainWhatTheCollectorHasRefused) {
  TraceCollector collector([](int, auto&) {
    return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "no");
  });
  TraceExporter exporter(Options(collector), queue_);
  exporter.Start();
  Add(kBatch);
  logged_.Pass();
  exporter.Stop(kLong, kLong);
  EXPECT_EQ(collector.requests(), 1);
  EXPECT_EQ(exporter.Snapshot().dropped_not_taken, kBatch);
}

TEST_F(TraceExporterTest, CountsWhatACollectorHasRejectedOfABatch) {
  TraceCollector collector([](int number, auto& response) {
    auto& part = *response.mutable_partial_success();
    // A collector's mistake must not make a count wrong.
    part.set_rejected_spans(number == 1 ? 1 : 1000);
    part.set_error_message("too old");
    return grpc::Status::OK;
  });
  TraceExporter exporter(Options(collector), queue_);
  exporter.Start();
  Add(kBatch);
  logged_.Pass();
  Add(2);
  exporter.Stop(kLong, kLong);
  EXPECT_THAT(message(), HasSubstr("has rejected 2 of 2 spans: too old"));
  EXPECT_EQ(exporter.Snapshot().exported, kBatch - 1);
  EXPECT_EQ(exporter.Snapshot().dropped_rejected, 3u);
}

TEST_F(TraceExporterTest, NobodyAtTheCollectorsAddressIsNoHarm) {
  std::string nobody;
  {
    TraceCollector collector;
    nobody = collector.address();
  }
  TraceCollector other;
  TraceExporterOptions options = Options(other);
  options.collector = nobody;
  TraceExporter exporter(std::move(options), queue_);
  exporter.Start();
  Add(kBatch);
  logged_.Pass();
  exporter.Stop(kLong, kLong);
  EXPECT_EQ(exporter.Snapshot().dropped_not_taken, kBatch);
}

// What the environment says of proxies, while this exists.
class ProxyInEnvironment {
 public:
  explicit ProxyInEnvironment(const char* proxy) {
    setenv("http_proxy", proxy, /*overwrite=*/1);
    for (const char* other :
         {"grpc_proxy", "https_proxy", "no_grpc_proxy", "no_proxy"}) {
      unsetenv(other);
    }
  }
  ~ProxyInEnvironment() { unsetenv("http_proxy"); }
};

TEST_F(TraceExporterTest, AsksTheProxyOfTheEnvironmentOnlyIfItMay) {
  const ProxyInEnvironment nobody("http://127.0.0.1:1");
  for (const bool by_proxy : {false, true}) {
    TraceCollector collector;
    TraceExporterOptions options = Options(collector);
    options.by_proxy = by_proxy;
    SpanQueue queue(kMost, kBatch);
    TraceExporter exporter(std::move(options), queue);
    exporter.Start();
    AddTo(queue, 1);
    exporter.Stop(kLong, kLong);
    EXPECT_EQ(exporter.Snapshot().exported, by_proxy ? 0u : 1u);
    EXPECT_EQ(exporter.Snapshot().dropped_not_taken, by_proxy ? 1u : 0u);
  }
}

// A collector that encrypts, with a certificate of `authority`.
std::shared_ptr<grpc::ServerCredentials> Encrypted(
    const TestAuthority& authority) {
  const PemPair pair = authority.Issue({.name = "collector"});
  grpc::SslServerCredentialsOptions options;
  options.pem_key_cert_pairs.push_back(
      {.private_key = pair.key, .cert_chain = pair.certificate});
  return grpc::SslServerCredentials(options);
}

TEST_F(TraceExporterTest, SendsEncryptedToACollectorOfItsAuthority) {
  const TestFiles files;
  const TestAuthority authority;
  TraceCollector collector({}, Encrypted(authority));
  TraceExporterOptions options = Options(collector);
  const auto ca =
      ReadCollectorCa(files.Write("ca.pem", authority.certificate()));
  ASSERT_TRUE(ca.ok()) << ca.status();
  options.ca = *ca;
  TraceExporter exporter(std::move(options), queue_);
  exporter.Start();
  Add(3);
  exporter.Stop(kLong, kLong);
  EXPECT_EQ(collector.spans().size(), 3u);
  EXPECT_EQ(exporter.Snapshot().exported, 3u);
}

TEST_F(TraceExporterTest, SendsNothingToACollectorOfAnotherAuthority) {
  const TestAuthority authority;
  const TestAuthority other("another authority");
  TraceCollector collector({}, Encrypted(other));
  TraceExporterOptions options = Options(collector);
  options.ca = authority.certificate();
  TraceExporter exporter(std::move(options), queue_);
  exporter.Start();
  Add(kBatch);
  logged_.Pass();
  exporter.Stop(kLong, kLong);
  EXPECT_EQ(collector.requests(), 0);
  EXPECT_EQ(exporter.Snapshot().dropped_not_taken, kBatch);
}

TEST(ReadCollectorCaTest, SaysWhatIsWrongWithTheFile) {
  const TestFiles files;
  const TestAuthority authority;
  const auto missing = ReadCollectorCa(files.Path("none.pem"));
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(missing.status().message()),
              HasSubstr("none.pem\", which cannot be read or is empty"));
  const auto empty = ReadCollectorCa(files.Write("empty.pem", ""));
  EXPECT_THAT(std::string(empty.status().message()),
              HasSubstr("empty.pem\", which cannot be read or is empty"));
  const auto key = ReadCollectorCa(files.Write("key.pem", authority.key()));
  EXPECT_EQ(key.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(key.status().message()),
              HasSubstr("key.pem\", which has no certificate"));
}

TEST_F(TraceExporterTest, WhatWasNeverStartedStops) {
  TraceCollector collector;
  TraceExporter exporter(Options(collector), queue_);
  Add(1);
  exporter.Stop(kLong, kLong);
  EXPECT_EQ(exporter.Snapshot().waiting, 1u);
}

}  // namespace
}  // namespace pinion
