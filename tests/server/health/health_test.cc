// SPDX-License-Identifier: Apache-2.0
//
// The book of health, and grpc.health.v1.Health in front of it; in-process and
// over TCP.
#include "pinion/server/health.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/client/client.h"
#include "pinion/server/health/health_watch_call.h"
#include "pinion/server/kv/host_kv.h"
#include "pinion/tests/support/health_watch.h"
#include "pinion/tests/support/test_server.h"

namespace pinion {
namespace {

using ::pinion::testing::HealthRequest;
using ::pinion::testing::HealthWatch;
using ::pinion::testing::StatusIn;
using ::pinion::testing::TestServer;
using ::testing::HasSubstr;

constexpr char kCheck[] = "/grpc.health.v1.Health/Check";
constexpr char kKv[] = "pinion.kv.v1.KvService";

constexpr HealthStatus kServing = HealthStatus::kServing;
constexpr HealthStatus kNotServing = HealthStatus::kNotServing;
constexpr HealthStatus kServiceUnknown = HealthStatus::kServiceUnknown;

TEST(HealthTest, NothingServesBeforeTheStart) {
  Health health({"a.B"}, 2);
  for (const char* name : {"", "a.B", "pinion.worker.0", "pinion.worker.1"}) {
    EXPECT_EQ(health.Of(name), kNotServing) << name;
  }
}

TEST(HealthTest, EverythingServesOnceStarted) {
  Health health({"a.B"}, 2);
  health.SetStarted();
  for (const char* name : {"", "a.B", "pinion.worker.0", "pinion.worker.1"}) {
    EXPECT_EQ(health.Of(name), kServing) << name;
  }
}

TEST(HealthTest, AnyOtherNameIsUnknown) {
  Health health({"a.B"}, 2);
  health.SetStarted();
  for (const char* name : {"a", "a.b", "pinion.worker.2", "pinion.worker."}) {
    EXPECT_EQ(health.Of(name), kServiceUnknown) << name;
  }
}

TEST(HealthTest, TheServerAndItsServicesServeAsLongAsOneWorkerDoes) {
  Health health({"a.B"}, 3);
  health.SetStarted();
  health.SetStalled(0, true);
  health.SetStalled(2, true);
  EXPECT_EQ(health.Of(""), kServing);
  EXPECT_EQ(health.Of("a.B"), kServing);
  EXPECT_EQ(health.Of("pinion.worker.0"), kNotServing);
  EXPECT_EQ(health.Of("pinion.worker.1"), kServing);
  EXPECT_EQ(health.Of("pinion.worker.2"), kNotServing);
}

TEST(HealthTest, TheServerAndItsServicesDoNotServeWhenNoWorkerDoes) {
  Health health({"a.B"}, 2);
  health.SetStarted();
  health.SetStalled(0, true);
  health.SetStalled(1, true);
  EXPECT_EQ(health.Of(""), kNotServing);
  EXPECT_EQ(health.Of("a.B"), kNotServing);
  health.SetStalled(1, false);
  EXPECT_EQ(health.Of(""), kServing);
  EXPECT_EQ(health.Of("a.B"), kServing);
}

TEST(HealthTest, CountsHowOftenAWorkerBecameStalled) {
  Health health({"a.B"}, 2);
  health.SetStarted();
  health.SetStalled(1, true);
  health.SetStalled(1, true);
  EXPECT_EQ(health.TimesStalled(1), 1u);
  health.SetStalled(1, false);
  health.SetStalled(1, true);
  EXPECT_EQ(health.TimesStalled(1), 2u);
  EXPECT_EQ(health.TimesStalled(0), 0u);
}

TEST(HealthTest, ANewShareCountsAtOnceAndObserversHearOfIt) {
  Health health({"a.B"}, 4);
  int told = 0;
  health.AddObserver([&] { ++told; });
  health.SetHealthyShare(1);  // Before the start there is nothing to see.
  EXPECT_EQ(told, 0);
  health.SetStarted();
  health.SetStalled(0, true);
  EXPECT_EQ(health.Of("a.B"), kNotServing);
  told = 0;
  health.SetHealthyShare(0.75);
  EXPECT_EQ(told, 1);
  EXPECT_EQ(health.Of("a.B"), kServing);
  EXPECT_EQ(health.Of("pinion.worker.0"), kNotServing);
}

TEST(HealthTest, TheServerServesWhileTheShareOfWorkersDoesThatItWasGiven) {
  struct Case {
    double share;
    int workers;
    int fewest_serving;
  };
  for (const auto& [share, workers, fewest_serving] :
       {Case{0, 1, 1}, Case{0, 4, 1}, Case{0.25, 4, 1}, Case{0.26, 4, 2},
        Case{0.5, 4, 2}, Case{1, 4, 4}, Case{0.3, 10, 3}, Case{0.7, 10, 7},
        Case{1, 1, 1}, Case{1.0 / 3, 3, 1}}) {
    Health health({"a.B"}, workers, share);
    health.SetStarted();
    for (int stalled = 1; stalled <= workers; ++stalled) {
      health.SetStalled(stalled - 1, true);
      const bool serves = workers - stalled >= fewest_serving;
      for (const char* name : {"", "a.B"}) {
        EXPECT_EQ(health.Of(name), serves ? kServing : kNotServing)
            << stalled << " of " << workers << " stalled, share " << share;
      }
    }
  }
}

TEST(HealthTest, NothingServesAgainOnceItStops) {
  Health health({"a.B"}, 1);
  health.SetStarted();
  health.SetStalled(0, true);
  EXPECT_FALSE(health.stopping());
  health.SetStopping();
  EXPECT_TRUE(health.stopping());
  health.SetStalled(0, false);
  health.SetStarted();
  for (const char* name : {"", "a.B", "pinion.worker.0"}) {
    EXPECT_EQ(health.Of(name), kNotServing) << name;
  }
}

TEST(HealthTest, ObserversAreToldOfEachChangeAndOfNothingElse) {
  Health health({}, 1);
  int told = 0;
  HealthStatus seen = kServiceUnknown;
  health.AddObserver([&] {
    ++told;
    seen = health.Of("");
  });
  health.SetStarted();
  EXPECT_EQ(seen, kServing);
  health.SetStarted();
  EXPECT_EQ(told, 1);
  health.SetStalled(0, true);
  EXPECT_EQ(seen, kNotServing);
  health.SetStalled(0, true);
  EXPECT_EQ(told, 2);
  health.SetStopping();
  health.SetStopping();
  health.SetStalled(0, false);
  EXPECT_EQ(told, 3);
}

// The parameter: whether calls come over TCP.
class HealthServiceTest : public ::testing::TestWithParam<bool> {
 protected:
  void Start(HostingOptions options) {
    test_ = std::make_unique<TestServer>(options);
    kv::HostKv(test_->server());
    test_->Start();
    if (GetParam()) tcp_ = test_->TcpClient();
    channel_ = GetParam()
                   ? grpc::CreateChannel(test_->server().address(),
                                         grpc::InsecureChannelCredentials())
                   : test_->server().InProcessChannel();
  }
  Client& client() { return GetParam() ? *tcp_ : test_->client(); }
  Health& health() { return test_->server().health(); }

  absl::StatusOr<std::string> Check(const std::string& name) {
    return client().CallRaw(kCheck, HealthRequest(name)).response;
  }
  // The status of a name that is known.
  HealthStatus StatusOf(const std::string& name) {
    const absl::StatusOr<std::string> response = Check(name);
    EXPECT_TRUE(response.ok()) << response.status();
    return StatusIn(response.value_or("\x08?"));
  }
  std::unique_ptr<HealthWatch> WatchOf(const std::string& name) {
    return std::make_unique<HealthWatch>(channel_, HealthRequest(name));
  }

  std::unique_ptr<TestServer> test_;
  std::unique_ptr<Client> tcp_;
  std::shared_ptr<grpc::Channel> channel_;
};

INSTANTIATE_TEST_SUITE_P(, HealthServiceTest, ::testing::Bool(),
                         [](const auto& info) {
                           return info.param ? "OverTcp" : "InProcess";
                         });

TEST_P(HealthServiceTest, ServesTheServerItsServicesAndItsWorkersOnceStarted) {
  Start({.workers = 2});
  for (const char* name : {"", kKv, "pinion.worker.0", "pinion.worker.1"}) {
    EXPECT_EQ(StatusOf(name), kServing) << name;
  }
  EXPECT_EQ(StatusIn(*client().CallRaw(kCheck, "").response), kServing);
}

TEST_P(HealthServiceTest, ACheckOfAnUnknownNameIsToldSo) {
  Start({.workers = 2});
  for (const char* name : {"no.such.Service", "pinion.worker.2"}) {
    const absl::Status status = Check(name).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
    EXPECT_THAT(std::string(status.message()), HasSubstr(name));
  }
}

TEST_P(HealthServiceTest, RefusesWhatCannotBeDecoded) {
  Start({});
  const std::string bad = "\x0a\x05";
  EXPECT_EQ(client().CallRaw(kCheck, bad).response.status().code(),
            absl::StatusCode::kInvalidArgument);
  HealthWatch watch(channel_, bad);
  EXPECT_EQ(watch.Next(), std::nullopt);
  EXPECT_EQ(watch.Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_P(HealthServiceTest, AChecksAnswerKnowsOfAStalledWorker) {
  for (const double share : {0.0, 1.0}) {
    Start({.workers = 2, .healthy_share = share});
    health().SetStalled(1, true);
    EXPECT_EQ(StatusOf(""), share == 0 ? kServing : kNotServing);
    EXPECT_EQ(StatusOf(kKv), share == 0 ? kServing : kNotServing);
    EXPECT_EQ(StatusOf("pinion.worker.0"), kServing);
    EXPECT_EQ(StatusOf("pinion.worker.1"), kNotServing);
  }
}

TEST_P(HealthServiceTest, AWatchIsToldThePresentStatusAndEachChange) {
  Start({.workers = 2, .io_threads = 2, .healthy_share = 1});
  auto server = WatchOf(""), kv = WatchOf(kKv);
  auto worker = WatchOf("pinion.worker.1"), other = WatchOf("pinion.worker.0");
  for (auto* watch : {&server, &kv, &worker, &other}) {
    EXPECT_EQ((*watch)->Next(), kServing);
  }
  for (int i = 0; i < 3; ++i) {
    health().SetStalled(1, true);
    for (auto* watch : {&server, &kv, &worker}) {
      EXPECT_EQ((*watch)->Next(), kNotServing);
    }
    health().SetStalled(1, false);
    for (auto* watch : {&server, &kv, &worker}) {
      EXPECT_EQ((*watch)->Next(), kServing);
    }
  }
  // The other worker has had no change until now.
  test_->server().Drain();
  for (auto* watch : {&server, &kv, &worker, &other}) {
    EXPECT_EQ((*watch)->Next(), kNotServing);
  }
}

TEST_P(HealthServiceTest, AWatchOfAnUnknownNameIsToldSoAndStaysOpen) {
  Start({});
  auto watch = WatchOf("no.such.Service");
  EXPECT_EQ(watch->Next(), kServiceUnknown);
  health().SetStalled(0, true);
  // Its next is the end that the stop makes.
  test_->Stop();
  EXPECT_EQ(watch->Next(), std::nullopt);
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_P(HealthServiceTest, AnswersDuringTheDrainThatItDoesNotServe) {
  Start({});
  test_->server().Drain();
  for (const char* name : {"", kKv, "pinion.worker.0"}) {
    EXPECT_EQ(StatusOf(name), kNotServing) << name;
    EXPECT_EQ(WatchOf(name)->Next(), kNotServing) << name;
  }
}

TEST_P(HealthServiceTest, AStopTellsAndEndsEachWatchInWords) {
  Start({.io_threads = 2});
  std::vector<std::unique_ptr<HealthWatch>> watches;
  for (int i = 0; i < 20; ++i) {
    watches.push_back(WatchOf(""));
    EXPECT_EQ(watches.back()->Next(), kServing);
  }
  test_->server().Drain();
  for (const auto& watch : watches) EXPECT_EQ(watch->Next(), kNotServing);
  // In its own words: it did not wait for gRPC to cut them off.
  test_->Stop();
  for (const auto& watch : watches) {
    EXPECT_EQ(watch->Next(), std::nullopt);
    const grpc::Status status = watch->Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
    EXPECT_THAT(status.error_message(), HasSubstr("the server is stopping"));
  }
}

TEST_P(HealthServiceTest, RefusesMoreWatchesThanAnIoThreadHolds) {
  Start({.io_threads = 1});
  std::vector<std::unique_ptr<HealthWatch>> watches;
  for (size_t i = 0; i < HealthWatches::kMax; ++i) {
    watches.push_back(WatchOf(""));
    ASSERT_EQ(watches.back()->Next(), kServing);
  }
  auto one_more = WatchOf("");
  EXPECT_EQ(one_more->Next(), std::nullopt);
  const grpc::Status refusal = one_more->Finish();
  EXPECT_EQ(refusal.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refusal.error_message(), HasSubstr("100 watches"));
  EXPECT_EQ(StatusOf(""), kServing);
}

TEST_P(HealthServiceTest, AWatchThatItsClientCancelsMakesRoomForAnother) {
  Start({.io_threads = 1});
  std::vector<std::unique_ptr<HealthWatch>> watches;
  for (size_t i = 0; i < HealthWatches::kMax; ++i) {
    watches.push_back(WatchOf(""));
    ASSERT_EQ(watches.back()->Next(), kServing);
  }
  watches.front().reset();
  // The server learns of it a little later.
  while (WatchOf("")->Next() != kServing) {
  }
}

TEST_P(HealthServiceTest, SurvivesWatchesThatEndWhileTheirStatusChanges) {
  Start({.workers = 1, .io_threads = 2});
  std::atomic<bool> enough{false};
  std::thread changer([&] {
    while (!enough.load(std::memory_order_relaxed)) {
      health().SetStalled(0, true);
      health().SetStalled(0, false);
    }
  });
  for (int i = 0; i < 200; ++i) {
    auto watch = WatchOf("");
    for (int j = 0; j < i % 3; ++j) watch->Next();
  }
  enough.store(true, std::memory_order_relaxed);
  changer.join();
  EXPECT_EQ(StatusOf(""), kServing);
  EXPECT_EQ(WatchOf("")->Next(), kServing);
}

}  // namespace
}  // namespace pinion
