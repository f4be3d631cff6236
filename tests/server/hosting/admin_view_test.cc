// SPDX-License-Identifier: Apache-2.0
//
// What an operator sees of a server: what its workers run, what a call of one
// key would meet, and that it answers while all threads that serve are stuck.
#include "pinion/server/hosting/admin_view.h"

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/fake_clock.h"
#include "pinion/proto/wire/key.h"
#include "pinion/server/admin/admin_source.h"
#include "pinion/server/health.h"
#include "pinion/server/hosting/for_test.h"
#include "pinion/server/hosting/hosting_for_admin.h"
#include "pinion/server/internal/manual_run.h"
#include "pinion/server/server.h"
#include "pinion/server/slot.h"
#include "pinion/server/testing/gate.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/tests/support/open_call.h"
#include "pinion/tests/support/session_client.h"
#include "pinion/v1/session.pb.h"
#include "tests/support/hold.pb.h"

namespace pinion {
namespace {

using ::pinion::internal::HostingForAdmin;
using ::pinion::internal::ServerForTest;
using ::pinion::testing::AddOf;
using ::pinion::testing::Gate;
using ::pinion::testing::HoldGates;
using ::pinion::testing::HostAdd;
using ::pinion::testing::kAdd;
using ::pinion::testing::kCounter;
using ::pinion::testing::kHold;
using ::pinion::testing::LaneTest;
using ::pinion::testing::OnWorker0;
using ::pinion::testing::OpenCall;
using ::pinion::testing::SessionClient;
using ::pinion::testing::TransportName;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr uint64_t kSeconds = 1'000'000'000;

class AdminViewTest : public LaneTest {
 protected:
  AdminSource& view() { return HostingForAdmin::Source(server().hosting()); }

  admin::v1::WorkerState Worker(int worker) {
    return view().GetState().workers(worker);
  }
  absl::StatusOr<admin::v1::ExplainKeyResponse> Why(
      const std::string& key, const std::string& service = "") {
    admin::v1::ExplainKeyRequest request;
    request.set_key(key);
    request.set_service(service);
    return view().ExplainKey(request);
  }
  // Of worker 0, as Prometheus gets it.
  double BusySeconds() {
    const std::string text = view().Metrics();
    const std::string line =
        "\npinion_worker_busy_seconds_total{worker=\"0\"} ";
    const size_t at = text.find(line);
    if (at == text.npos) {
      ADD_FAILURE() << "no busy time in " << text;
      return 0;
    }
    return std::stod(text.substr(at + line.size()));
  }
  void Set(const std::string& name, const std::string& value) {
    admin::v1::SetRequest request;
    request.set_name(name);
    request.set_value(value);
    const auto set = view().Set(request, "the test");
    ASSERT_TRUE(set.ok()) << set.status();
  }

  // Has the first Add do `meanwhile` in its handler, and runs all that came.
  void RunFirst(std::function<void()> meanwhile) {
    on_add_ = [&](const auto&, auto*, CallContext&) {
      if (auto first = std::exchange(meanwhile, nullptr)) first();
      return absl::OkStatus();
    };
    manual().RunUntilIdle();
  }
  OpenCall& Open(absl::string_view key) {
    open_.push_back(std::make_unique<OpenCall>(channel(), kAdd, AddOf(key)));
    return *open_.back();
  }

  std::vector<std::unique_ptr<OpenCall>> open_;
};

INSTANTIATE_TEST_SUITE_P(, AdminViewTest, ::testing::Bool(), TransportName);

TEST_P(AdminViewTest, AHeldWorkerIsShownWithItsMethodKeyAgeAndWhoWaits) {
  StartManual({.workers = 1, .key_seed = 7});
  EXPECT_FALSE(Worker(0).has_running());
  for (int i = 1; i <= 3; ++i) {
    Open("a\n<b>");
    manual().AwaitWaiting(i);
  }
  EXPECT_EQ(Worker(0).waiting(), 3);
  const uint64_t busy_before = Worker(0).busy_ns();
  RunFirst([&] {
    manual().time().Advance(std::chrono::seconds(2));
    const admin::v1::WorkerState worker = Worker(0);
    // Though its round has not ended.
    EXPECT_GE(worker.busy_ns(), busy_before + 2 * kSeconds);
    EXPECT_GE(BusySeconds(), 2);
    EXPECT_EQ(worker.waiting(), 2);
    EXPECT_EQ(worker.running().method(), kAdd);
    EXPECT_EQ(worker.running().age_ns(), 2 * kSeconds);
    const uint64_t hash = Key::FromBytes("a\n<b>").Hash(7);
    EXPECT_EQ(worker.running().key().hash(), hash);
    EXPECT_EQ(worker.running().key().slot(),
              static_cast<uint32_t>(SlotOf(hash)));
    EXPECT_FALSE(worker.running().key().has_key());
    Set("show_keys", "true");
    EXPECT_EQ(Worker(0).running().key().key(), "a\\n<b>");
    server().health().SetStalled(0, true);
    EXPECT_TRUE(Worker(0).stalled());
  });
  EXPECT_FALSE(Worker(0).has_running());
  EXPECT_EQ(Worker(0).waiting(), 0);
}

// The runs of two lanes are one round: when the first has ended, it is in no
// number yet.
TEST_P(AdminViewTest, TheBusyTimeOfAWorkerNeverGoesBack) {
  StartManual({.workers = 1});
  HoldGates gates;
  test::HoldRequest request;
  request.set_gates(reinterpret_cast<uintptr_t>(&gates));
  Open("a");
  OpenCall held(channel(), kHold, request.SerializeAsString(), OnWorker0());
  manual().AwaitWaiting(2);
  uint64_t told = 0;
  const auto look = [&] {
    const uint64_t busy = Worker(0).busy_ns();
    EXPECT_GE(busy, told);
    told = busy;
  };
  on_add_ = [&](const auto&, auto*, CallContext&) {
    manual().time().Advance(std::chrono::seconds(2));
    look();
    return absl::OkStatus();
  };
  std::thread within_hold([&] {
    gates.hold.AwaitArrivals(1);
    look();
    gates.hold.Open();
  });
  manual().RunUntilIdle();
  within_hold.join();
  look();
  EXPECT_GE(told, 2 * kSeconds);
  EXPECT_TRUE(held.Await().ok()) << held.Await();
}

TEST_P(AdminViewTest, AKeyIsExplainedByWhatRunsAndWaitsThere) {
  StartManual({.workers = 1});
  auto idle = Why("a");
  ASSERT_TRUE(idle.ok()) << idle.status();
  EXPECT_EQ(idle->service(), kCounter);
  EXPECT_EQ(idle->verdict(), "admitted");
  EXPECT_EQ(idle->reason(), v1::REASON_UNSPECIFIED);
  EXPECT_EQ(idle->waiting_before(), 0);
  EXPECT_FALSE(idle->has_running());
  for (int i = 1; i <= 3; ++i) {
    Open("a");
    manual().AwaitWaiting(i);
  }
  RunFirst([&] {
    manual().time().Advance(std::chrono::seconds(2));
    const auto its_own = Why("a");
    ASSERT_TRUE(its_own.ok()) << its_own.status();
    EXPECT_TRUE(its_own->runs_this_key());
    EXPECT_EQ(its_own->waiting_before(), 2);
    EXPECT_EQ(its_own->wait_ns(), 2 * kSeconds);  // The speed is not known.
    const auto other = Why("b", kCounter);
    ASSERT_TRUE(other.ok()) << other.status();
    EXPECT_FALSE(other->runs_this_key());
    EXPECT_EQ(other->running().method(), kAdd);
    EXPECT_EQ(other->waiting_before(), 2);
    EXPECT_EQ(other->verdict(), "admitted");
  });
}

TEST_P(AdminViewTest, TheVerdictOfAStuckWorkerIsTheTextThatACallGets) {
  StartManual({.workers = 1, .default_timeout = absl::Seconds(10)});
  Open("a");
  manual().AwaitWaiting(1);
  RunFirst([&] {
    manual().time().Advance(std::chrono::seconds(9));
    const auto why = Why("b");
    ASSERT_TRUE(why.ok()) << why.status();
    const absl::Status refused = Open("b").Await();
    EXPECT_EQ(why->verdict(), refused.message());
    EXPECT_THAT(why->verdict(), HasSubstr("kept by a handler that has run"));
    EXPECT_EQ(why->reason(), v1::REASON_LANE_STALLED);
    EXPECT_EQ(open_.back()->failure().reason(), v1::REASON_LANE_STALLED);
    // With more time, there is nothing to be refused for.
    Set("default_timeout", "10m");
    EXPECT_EQ(Why("b")->verdict(), "admitted");
  });
}

TEST_P(AdminViewTest, TheVerdictOfAFullLaneIsTheTextThatACallGets) {
  StartManual({.workers = 1, .lane_calls = 1});
  Open("a");
  manual().AwaitWaiting(1);
  const auto calls = Why("b");
  ASSERT_TRUE(calls.ok()) << calls.status();
  EXPECT_EQ(calls->verdict(), Open("b").Await().message());
  EXPECT_EQ(calls->reason(), v1::REASON_LANE_FULL);
  RunFirst([] {});

  Set("lane_calls", "10");
  EXPECT_EQ(Why("b")->verdict(), "admitted");
}

TEST_P(AdminViewTest, TheVerdictOfALaneFullOfBytesIsTheTextThatACallGets) {
  StartManual({.workers = 1, .lane_bytes = 1024, .max_message_bytes = 1024});
  Open(std::string(900, 'a'));
  manual().AwaitWaiting(1);
  const std::string key(200, 'b');
  const auto why = Why(key);
  ASSERT_TRUE(why.ok()) << why.status();
  EXPECT_EQ(why->reason(), v1::REASON_LANE_FULL);
  // The call's request has nothing but the key.
  OpenCall refused(channel(), kAdd, AddOf(key, /*by=*/0));
  EXPECT_EQ(why->verdict(), refused.Await().message());
  RunFirst([] {});
}

TEST_P(AdminViewTest, TheVerdictOfAStopIsTheTextThatACallGets) {
  StartManual({.workers = 1});
  EXPECT_FALSE(view().GetState().stopping());
  manual().BeginStop();
  const auto why = Why("a");
  ASSERT_TRUE(why.ok()) << why.status();
  EXPECT_EQ(why->verdict(), Open("a").Await().message());
  EXPECT_EQ(why->reason(), v1::REASON_STOPPING);
  EXPECT_TRUE(view().GetState().stopping());
  EXPECT_FALSE(view().GetState().serving());
}

TEST_P(AdminViewTest, AServiceThatIsNotThereHasNoKeys) {
  StartManual({.workers = 1});
  const auto none = Why("a", "shop.v1.CounterServise");
  EXPECT_EQ(none.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(none.status().message()),
              HasSubstr("there are shop.v1.CounterService, "));
  const auto keyless = Why("a", "pinion.test.HoldService");
  EXPECT_EQ(keyless.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(keyless.status().message()),
              HasSubstr("a call of it goes to any worker"));
  EXPECT_EQ(Why("").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Why(std::string(1025, 'x')).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(Why(std::string(1024, 'x')).ok());
}

TEST_P(AdminViewTest, ItSaysWhoTheServerIsAndWhatItHosts) {
  gate_.Open();
  Start({.workers = 2, .io_threads = 1});
  const admin::v1::GetInfoResponse info = view().GetInfo();
  EXPECT_EQ(info.address(), server().address());
  EXPECT_EQ(info.workers(), 2u);
  EXPECT_EQ(info.io_threads(), 1u);
  EXPECT_EQ(info.process_id(), static_cast<uint32_t>(getpid()));
  EXPECT_THAT(info.program(), StartsWith("admin_view"));
  EXPECT_GE(info.now_ms(), info.started_ms());
  EXPECT_GT(info.started_ms(), 0u);
  ASSERT_EQ(info.services_size(), 2);
  EXPECT_EQ(info.services(0).name(), kCounter);
  EXPECT_EQ(info.services(0).methods(0).path(), kAdd);
  EXPECT_EQ(info.services(0).methods(0).key(), "name");
  EXPECT_EQ(info.services(1).methods(0).path(), kHold);
  EXPECT_EQ(info.services(1).methods(0).key(), "");
}

TEST_P(AdminViewTest, ItsNumbersAreThoseOfTheSnapshot) {
  gate_.Open();
  Start({.workers = 2});
  for (const char* const key : {"a", "b", "c"}) {
    EXPECT_TRUE(Open(key).Await().ok());
  }
  AwaitHeld(0);
  const admin::v1::GetStateResponse state = view().GetState();
  const ServerSnapshot snapshot = server().Snapshot();
  ASSERT_EQ(state.lanes_size(), static_cast<int>(snapshot.lanes.size()));
  uint64_t ok = 0;
  for (int i = 0; i < state.lanes_size(); ++i) {
    EXPECT_EQ(state.lanes(i).service(), snapshot.lanes[i].service);
    EXPECT_EQ(state.lanes(i).max_calls(), 16384);
    ok += state.lanes(i).counts().ok();
  }
  EXPECT_EQ(ok, 3u);
  EXPECT_EQ(state.methods(0).method(), kAdd);
  EXPECT_EQ(state.methods(0).counts().ok(), 3u);
  EXPECT_EQ(state.methods(0).ran().calls(), 3u);
  EXPECT_GE(state.methods(0).ran().max_ns(), state.methods(0).ran().p50_ns());
  EXPECT_EQ(state.max_calls(), 1'000'000);
  EXPECT_TRUE(state.serving());
  EXPECT_THAT(view().Metrics(), HasSubstr("grpc_server_handled_total"));
}

// No gate opens before all of it is answered.
TEST_P(AdminViewTest, ItAnswersWhileAllWorkersAreHeldAnd16384CallsWait) {
  constexpr int kCalls = 16384;
  Start({.workers = 2,
         .lane_calls = 4 * kCalls,
         .session_calls = 4 * kCalls,
         .stall_after = absl::Milliseconds(10)});
  // One key for each worker.
  std::string keys[2];
  for (int i = 0; keys[0].empty() || keys[1].empty(); ++i) {
    const std::string key = absl::StrCat("k", i);
    const auto why = Why(key);
    ASSERT_TRUE(why.ok()) << why.status();
    keys[why->worker()] = key;
  }
  Open(keys[0]);
  Open(keys[1]);
  gate_.AwaitArrivals(2);
  SessionClient session(channel());
  v1::OpenRequest request;
  v1::MethodName& name = *request.add_methods();
  name.set_index(1);
  name.set_name(kAdd);
  for (int i = 0; i < kCalls; ++i) {
    v1::SessionCall& call = *request.add_calls();
    call.set_id(i);
    call.set_method_index(1);
    call.set_payload(AddOf(keys[0]));
  }
  session.Send(request);
  AwaitWaiting(kCalls);

  const admin::v1::GetStateResponse state = view().GetState();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(state.workers(i).running().method(), kAdd);
    EXPECT_EQ(state.workers(i).running().key().slot(),
              static_cast<uint32_t>(
                  SlotOf(Key::FromBytes(keys[i]).Hash(/*seed=*/0))));
  }
  EXPECT_EQ(state.workers(0).waiting(), kCalls);
  const auto why = Why(keys[0]);
  ASSERT_TRUE(why.ok()) << why.status();
  EXPECT_TRUE(why->runs_this_key());
  EXPECT_EQ(why->waiting_before(), kCalls);
  EXPECT_THAT(view().Metrics(), HasSubstr("pinion_"));
  EXPECT_EQ(view().GetInfo().workers(), 2u);
  EXPECT_GT(view().GetSettings().settings_size(), 40);
  Set("lane_calls", "5");
  EXPECT_EQ(Why(keys[0])->reason(), v1::REASON_LANE_FULL);

  gate_.Open();
  for (int i = 0; i < kCalls; ++i) EXPECT_EQ(session.Await(i).code(), 0);
}

TEST(AdminViewIoTest, ItAnswersWhileTheIoThreadIsStuck) {
  FakeClock time;
  Gate io;
  const std::unique_ptr<Server> server = ServerForTest::Make(
      {.listen = "127.0.0.1:0"}, {.workers = 1},
      ManualRun{.clock = time.clock(), .after_io_turn = [&] { io.Pass(); }});
  HostAdd(*server, [](const auto&, auto*, auto&) { return absl::OkStatus(); });
  ASSERT_TRUE(server->Start().ok());
  ServerForTest::runtime(*server).TurnIo();
  io.AwaitArrivals(1);
  AdminSource& view = HostingForAdmin::Source(server->hosting());
  EXPECT_EQ(view.GetState().workers_size(), 1);
  EXPECT_EQ(view.GetInfo().address(), server->address());
  admin::v1::ExplainKeyRequest request;
  request.set_key("a");
  EXPECT_EQ(view.ExplainKey(request)->verdict(), "admitted");
  EXPECT_THAT(view.Metrics(), HasSubstr("pinion_"));
  admin::v1::SetRequest set;
  set.set_name("grace");
  set.set_value("1s");
  EXPECT_TRUE(view.Set(set, "the test").ok());
  EXPECT_GT(view.GetSettings().settings_size(), 40);
  EXPECT_EQ(view.ListSessions({}).sessions_size(), 0);
  io.Open();
  EXPECT_TRUE(server->Stop().ok());
  // After the stop, too.
  EXPECT_TRUE(view.GetState().stopping());
}

}  // namespace
}  // namespace pinion
