// SPDX-License-Identifier: Apache-2.0
//
// Hosted services stop in step with the server to which they are attached,
// whoever stops first.
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "pinion/kv/v1/kv.pb.h"
#include "pinion/proto/wire/health_message.h"
#include "pinion/server/health.h"
#include "pinion/server/hosting.h"
#include "pinion/server/snapshot.h"
#include "pinion/server/stream.h"
#include "pinion/server/testing/gate.h"
#include "pinion/tests/server/support/attached.h"
#include "pinion/tests/support/health_watch.h"
#include "pinion/tests/support/open_call.h"
#include "pinion/tests/support/session_client.h"
#include "pinion/v1/session.pb.h"

namespace pinion {
namespace {

using ::pinion::testing::Attached;
using ::pinion::testing::Gate;
using ::pinion::testing::HealthRequest;
using ::pinion::testing::HealthWatch;
using ::pinion::testing::ItemFor;
using ::pinion::testing::kAddItem;
using ::pinion::testing::kCart;
using ::pinion::testing::OpenCall;
using ::pinion::testing::SessionClient;
using ::pinion::testing::SyncOffers;

// One that ends in a test by what the test is about, or not at all.
constexpr absl::Duration kNoEnd = absl::Hours(1);

std::chrono::system_clock::time_point InAMoment() {
  return std::chrono::system_clock::now() + std::chrono::milliseconds(200);
}

v1::OpenRequest AddInSession(uint64_t id, const char* customer) {
  v1::OpenRequest request;
  v1::SessionCall* call = request.add_calls();
  call->set_id(id);
  call->set_method(kAddItem);
  call->set_payload(ItemFor(customer));
  return request;
}

class AttachStopTest : public ::testing::Test {
 protected:
  // With a call whose handler is held.
  void Start(absl::Duration grace) {
    test_.emplace(HostingOptions{.workers = 1, .grace = grace});
    offers_.emplace();
    test_->builder().RegisterService(&*offers_);
    test_->Start();
    held_.emplace(test_->channel(), kAddItem, ItemFor("held"));
    test_->gate().AwaitArrivals(1);
  }
  ~AttachStopTest() override {
    // The server uses the user's service to its end.
    held_.reset();
    test_.reset();
  }

  std::optional<SyncOffers> offers_;
  std::optional<Attached> test_;
  std::optional<OpenCall> held_;
};

TEST_F(AttachStopTest, ADrainEndsWhatIsHostedAndLeavesTheRest) {
  Start(kNoEnd);
  offers_->gate.Open();
  std::thread drain([&] { test_->hosting().Drain(); });
  test_->gate().Open();
  drain.join();
  EXPECT_TRUE(held_->Await().ok()) << held_->Await();
  EXPECT_EQ(test_->AddItem("ann").status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_TRUE(test_->ListOffers().ok());
  test_->Stop();
}

TEST_F(AttachStopTest, TheUsersOwnCallsHaveTheTimeThatShutdownGivesThem) {
  Start(kNoEnd);
  test_->gate().Open();
  OpenCall own(test_->channel(), testing::kListOffers, "");
  offers_->gate.AwaitArrivals(1);
  test_->hosting().Drain();
  std::thread shutdown([&] { test_->server()->Shutdown(); });
  offers_->gate.Open();
  shutdown.join();
  test_->ExpectStops();
  EXPECT_TRUE(own.Await().ok()) << own.Await();
  EXPECT_TRUE(held_->Await().ok()) << held_->Await();
}

TEST_F(AttachStopTest, StopAloneShutsTheServerDown) {
  Start(kNoEnd);
  test_->gate().Open();
  EXPECT_TRUE(held_->Await().ok());
  test_->ExpectStops();
  test_->server()->Wait();  // Returns, as for any that was shut down.
}

TEST_F(AttachStopTest, AServerThatIsShutDownFirstLosesNoAnswer) {
  Start(kNoEnd);
  SessionClient session({test_->channel()});
  session.Send(AddInSession(7, "held"));
  while (test_->hosting().Snapshot().held_calls < 2) std::this_thread::yield();
  std::thread shutdown([&] { test_->server()->Shutdown(); });
  // It waits for what is open; sessions are told to end.
  EXPECT_EQ(session.AwaitDrain().reason(), v1::DRAIN_REASON_STOPPING);
  test_->gate().Open();
  EXPECT_TRUE(held_->Await().ok()) << held_->Await();
  EXPECT_EQ(session.Await(7).code(), 0);
  session.EndSends();
  shutdown.join();
  test_->ExpectStops();
}

TEST_F(AttachStopTest, AServerThatIsShutDownFirstEndsStreamsAfterTheGrace) {
  Start(absl::ZeroDuration());
  SessionClient session({test_->channel()});
  session.AwaitHello();
  HealthWatch watch(test_->channel().channel, HealthRequest(kCart));
  EXPECT_EQ(watch.Next(), HealthStatus::kServing);
  test_->server()->Shutdown();  // Waits for no client, and no handler.
  EXPECT_FALSE(session.AwaitEnd().ok());
  EXPECT_EQ(watch.Next(), HealthStatus::kNotServing);
  EXPECT_EQ(watch.Next(), std::nullopt);
  EXPECT_EQ(held_->Await().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(held_->failure().reason(), v1::REASON_STOPPING);
  EXPECT_EQ(test_->hosting().Stop().code(),
            absl::StatusCode::kDeadlineExceeded);
  test_->gate().Open();
}

TEST_F(AttachStopTest, AShutdownsDeadlineCutsHostedCallsOff) {
  Start(kNoEnd);
  test_->server()->Shutdown(std::chrono::system_clock::now());
  EXPECT_FALSE(held_->Await().ok());
  test_->gate().Open();
  test_->ExpectStops();
}

TEST_F(AttachStopTest, AServerThatIsLetGoGoesWithTheStop) {
  Start(kNoEnd);
  test_->gate().Open();
  EXPECT_TRUE(held_->Await().ok());
  test_->server()->Shutdown();
  test_->DropServer();
  test_->ExpectStops();
}

TEST_F(AttachStopTest, AHostingThatGoesTakesTheServerWithIt) {
  Start(kNoEnd);
  test_->gate().Open();
  EXPECT_TRUE(held_->Await().ok());
  test_->DropHosting();
  EXPECT_EQ(test_->AddItem("ann").status().code(),
            absl::StatusCode::kUnavailable);
}

// Keeps each stream that it is given.
class Watchers {
 public:
  explicit Watchers(Gate& begun) : begun_(begun) {}
  void Watch(const kv::v1::WatchRequest&,
             Stream<kv::v1::WatchResponse> stream) {
    streams_.push_back(std::move(stream));
    begun_.Pass();
  }

 private:
  Gate& begun_;
  std::vector<Stream<kv::v1::WatchResponse>> streams_;
};

TEST(AttachStreamsTest, AServerOfNothingButStreamsEndsThemWhenItIsShutDown) {
  Gate begun;
  begun.Open();
  Hosting hosting({.workers = 1, .grace = absl::ZeroDuration()});
  hosting
      .Host<Watchers>("pinion.kv.v1.KvService",
                      [&] { return std::make_unique<Watchers>(begun); })
      .On("Watch", &Watchers::Watch);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  ASSERT_TRUE(hosting.Attach(builder, {.sessions = false}).ok());
  const std::shared_ptr<grpc::Server> server = builder.BuildAndStart();
  ASSERT_TRUE(hosting.Start(server).ok());
  kv::v1::WatchRequest request;
  request.set_key("a");
  OpenCall watch({grpc::CreateChannel("127.0.0.1:" + std::to_string(port),
                                      grpc::InsecureChannelCredentials()),
                  nullptr},
                 "/pinion.kv.v1.KvService/Watch", request.SerializeAsString());
  begun.AwaitArrivals(1);
  server->Shutdown();
  EXPECT_EQ(watch.Await().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(hosting.Stop().ok());
}

TEST_F(AttachStopTest, ADrainAndAShutdownMayComeTogether) {
  for (int i = 0; i < 20; ++i) {
    Attached test;
    test.Start();
    OpenCall add(test.channel(), kAddItem, ItemFor("ann"));
    std::thread drain([&] { test.hosting().Drain(); });
    // gRPC may forget the call that arrives now; see docs/attach.md.
    std::thread shutdown([&] { test.server()->Shutdown(InAMoment()); });
    drain.join();
    shutdown.join();
    add.Await().IgnoreError();
    test.ExpectStops();
  }
}

TEST(AttachHurryTest, AStopMayBeHurriedFromTheBeginning) {
  for (int i = 0; i < 10; ++i) {
    Attached test;
    std::thread hurry([&] {
      for (int k = 0; k < 100; ++k) test.hosting().HurryStop();
    });
    test.Start();
    hurry.join();
    test.Stop();
  }
}

}  // namespace
}  // namespace pinion
