// SPDX-License-Identifier: Apache-2.0
//
// One call, followed from its arrival to its answer. Its steps are the titles
// of docs/life_of_a_call.md; at each of them another call ends, or is let go,
// and the account and the handler are looked at. As a unary call and within a
// session, in-process and over TCP.
#include <pthread.h>

#include <cstdint>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "pinion/core/scheduler.h"
#include "pinion/proto/wire/key_reader.h"
#include "pinion/server/slot.h"
#include "pinion/server/snapshot.h"
#include "pinion/server/testing/gate.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/tests/support/open_call.h"
#include "pinion/tests/support/session_client.h"
#include "pinion/v1/session.pb.h"

namespace pinion {
namespace {

using ::pinion::testing::AddOf;
using ::pinion::testing::Gate;
using ::pinion::testing::GuardedChannel;
using ::pinion::testing::HeldWorker;
using ::pinion::testing::kAdd;
using ::pinion::testing::kCounter;
using ::pinion::testing::LaneTest;
using ::pinion::testing::OpenCall;
using ::pinion::testing::OpenCallOptions;
using ::pinion::testing::SessionClient;
using ::pinion::testing::TransportName;

// A method of the service that nobody hosts.
constexpr char kSubtract[] = "/shop.v1.CounterService/Subtract";
constexpr int kWorkers = 2;
constexpr absl::Duration kDefaultTimeout = absl::Milliseconds(20);
constexpr absl::Duration kPlenty = absl::Hours(1);

// The calls, all of one key but for two, by what becomes of them. Each says its
// number to the handler.
enum Traveller {
  kLost,    // Nobody hosts its method.
  kDenied,  // The policy does not allow it.
  kKeyless,
  kLate,   // Expires while it waits.
  kAhead,  // Holds up those behind it when they are taken.
  kGone,   // Is cancelled when it was taken.
  kCall,   // The one that is followed.
  kExtra,  // Finds the lane full.
};

struct Outcome {
  absl::StatusCode code;
  v1::Failure failure;
  std::string response;
  std::optional<v1::Timing> timing;
};

// How calls are made.
class Way {
 public:
  virtual ~Way() = default;
  // Without a timeout the server's default counts.
  virtual void Begin(Traveller traveller, const std::string& method,
                     const std::string& request,
                     std::optional<absl::Duration> timeout) = 0;
  virtual void Cancel(Traveller traveller) = 0;
  virtual Outcome Await(Traveller traveller) = 0;
};

class UnaryWay final : public Way {
 public:
  explicit UnaryWay(const GuardedChannel& channel) : channel_(channel) {}

  void Begin(Traveller traveller, const std::string& method,
             const std::string& request,
             std::optional<absl::Duration> timeout) override {
    OpenCallOptions options = {.metadata = {{"pinion-timing", "1"}}};
    if (timeout.has_value()) options.timeout = *timeout;
    calls_.try_emplace(traveller, channel_, method, request, options);
  }
  void Cancel(Traveller traveller) override { calls_.at(traveller).Cancel(); }
  Outcome Await(Traveller traveller) override {
    OpenCall& call = calls_.at(traveller);
    Outcome outcome = {.code = call.Await().code(),
                       .failure = call.failure(),
                       .response = call.response(),
                       .timing = std::nullopt};
    const std::string timing = call.trailer("pinion-timing-bin");
    if (!timing.empty()) {
      EXPECT_TRUE(outcome.timing.emplace().ParseFromString(timing));
    }
    return outcome;
  }

 private:
  const GuardedChannel& channel_;
  std::map<Traveller, OpenCall> calls_;
};

class SessionWay final : public Way {
 public:
  explicit SessionWay(const GuardedChannel& channel) : session_(channel) {}

  void Begin(Traveller traveller, const std::string& method,
             const std::string& request,
             std::optional<absl::Duration> timeout) override {
    v1::OpenRequest message;
    v1::SessionCall& call = *message.add_calls();
    call.set_id(traveller);
    call.set_method(method);
    call.set_payload(request);
    call.set_want_timing(true);
    if (timeout.has_value()) {
      call.set_timeout_us(absl::ToInt64Microseconds(*timeout));
    }
    session_.Send(message);
  }
  void Cancel(Traveller traveller) override {
    v1::OpenRequest message;
    message.add_cancel(traveller);
    session_.Send(message);
  }
  Outcome Await(Traveller traveller) override {
    const v1::SessionAnswer answer = session_.Await(traveller);
    Outcome outcome = {.code = static_cast<absl::StatusCode>(answer.code()),
                       .failure = answer.failure(),
                       .response = answer.payload(),
                       .timing = std::nullopt};
    if (answer.has_timing()) outcome.timing = answer.timing();
    return outcome;
  }

 private:
  SessionClient session_;
};

// A key whose slot is worker 0's.
std::string KeyOfWorker0() {
  for (int i = 0;; ++i) {
    std::string key = absl::StrCat("key", i);
    const int slot =
        SlotOf(Key::FromBytes(key).Hash(HostingOptions().key_seed));
    if (slot < kSlots / kWorkers) return key;
  }
}

std::vector<std::string> TitlesOfThePage() {
  std::ifstream page("docs/life_of_a_call.md");
  EXPECT_TRUE(page);
  std::vector<std::string> titles;
  for (std::string line; std::getline(page, line);) {
    absl::string_view title = line;
    if (absl::ConsumePrefix(&title, "## ")) titles.emplace_back(title);
  }
  return titles;
}

class LifeOfACallTest : public LaneTest {
 protected:
  ~LifeOfACallTest() override { ahead_.Open(); }

  // There is a place for the fourth call and none for a fifth: of four for whom
  // stands alone, of seven for a party, which may hold what it leaves free.
  void StartServer(bool of_a_party) {
    on_add_ = [this](const auto& request, auto* response,
                     CallContext& context) {
      if (request.by() == kAhead) ahead_.Pass();
      if (request.by() == kCall) {
        LookAround(context);
        gate_.Pass();
      }
      response->set_value(request.by());
      return absl::OkStatus();
    };
    const std::string policy =
        absl::StrCat(::testing::TempDir(), "/life_of_a_call_policy");
    std::ofstream(policy) << "{name: p, allow_rules: [{name: r, request: "
                             "{paths: [/pinion.test.HoldService/*, "
                          << kAdd << ", " << kSubtract << "]}}]}";
    Start({.workers = kWorkers,
           .lane_calls = of_a_party ? 7 : 4,
           .default_timeout = kDefaultTimeout,
           .stall_after = absl::Hours(1),
           .policy = {.policy_file = policy}});
  }

  void Follow(Way& way, bool in_session) {
    HeldWorker held(channel());

    Step("Arrives");
    way.Begin(kLost, kSubtract, AddOf(key_), kPlenty);
    ExpectFailed(way.Await(kLost), absl::StatusCode::kUnimplemented,
                 v1::REASON_NO_SUCH_METHOD);
    EXPECT_EQ(Method().counts.refusals(), 0u) << "it is not in the account";
    // The followed one, with company. One after the other: gRPC reorders unary
    // calls.
    Begin(way, kLate, std::nullopt);
    Begin(way, kAhead, kPlenty);
    Begin(way, kGone, kPlenty);
    Begin(way, kCall, kPlenty);

    Step("Is allowed");
    way.Begin(kDenied, "/shop.v1.CounterService/Reset", AddOf(key_), kPlenty);
    ExpectFailed(way.Await(kDenied), absl::StatusCode::kPermissionDenied,
                 v1::REASON_NOT_ALLOWED);
    EXPECT_EQ(server().Snapshot().policy->matched_none, 1u);

    Step("Is routed");
    way.Begin(kKeyless, kAdd, AddOf("", kKeyless), kPlenty);
    const Outcome keyless = way.Await(kKeyless);
    ExpectFailed(keyless, absl::StatusCode::kInvalidArgument,
                 v1::REASON_BAD_REQUEST);
    EXPECT_FALSE(keyless.failure.has_worker());
    EXPECT_EQ(Method().counts.refused[v1::REASON_BAD_REQUEST], 1u);
    EXPECT_EQ(Lane().counts.refusals(), 0u) << "no lane has it";
    EXPECT_EQ(Lane().counts.accepted, 4u);
    EXPECT_EQ(Method().counts.accepted, 4u) << "the other lane has none";

    Step("Is admitted");
    way.Begin(kExtra, kAdd, AddOf(key_, kExtra), kPlenty);
    const Outcome extra = way.Await(kExtra);
    const v1::Reason full =
        in_session || GetParam() ? v1::REASON_SHARE_FULL : v1::REASON_LANE_FULL;
    ExpectFailed(extra, absl::StatusCode::kResourceExhausted, full);
    EXPECT_EQ(extra.failure.worker(), 0u);
    EXPECT_GT(extra.failure.retry_after_us(), 0u);
    EXPECT_EQ(Lane().counts.refused[full], 1u);
    EXPECT_EQ(Lane().held_calls, 4);
    EXPECT_EQ(Lane().held_bytes,
              static_cast<int64_t>(4 * AddOf(key_, kCall).size()));
    EXPECT_EQ(server().Snapshot().held_calls, 4 + 1) << "one holds the worker";

    Step("Waits");
    ExpectFailed(way.Await(kLate), absl::StatusCode::kDeadlineExceeded,
                 v1::REASON_EXPIRED);
    ExpectLane({.waiting = 3, .running = 0, .listed = 4, .held = 4});
    EXPECT_EQ(Lane().counts.expired, 1u);
    EXPECT_EQ(adds_begun(), 0);

    Step("Is taken");
    held.Release();
    ahead_.AwaitArrivals(1);
    ExpectLane({.waiting = 2, .running = 1, .listed = 0, .held = 3});
    way.Cancel(kGone);
    const Outcome gone = way.Await(kGone);
    if (in_session) {
      ExpectFailed(gone, absl::StatusCode::kCancelled, v1::REASON_CANCELLED);
    } else {
      // gRPC's client answers it by itself, and tells the server.
      EXPECT_EQ(gone.code, absl::StatusCode::kCancelled);
    }
    AwaitLane([](const auto& lane) { return lane.counts.cancelled; }, 1u);
    EXPECT_EQ(Lane().counts.cancelled_running, 0u);
    ExpectLane({.waiting = 1, .running = 1, .listed = 0, .held = 3});

    Step("Is claimed");
    ahead_.Open();
    ExpectAdded(way.Await(kAhead), kAhead);
    gate_.AwaitArrivals(1);
    ExpectLane({.waiting = 0, .running = 1, .listed = 0, .held = 1});
    EXPECT_EQ(adds_begun(), 2) << "those that were let go were not run";

    Step("Runs");
    EXPECT_EQ(seen_.worker, 0);
    EXPECT_EQ(seen_.thread, "pinion-w0");
    EXPECT_EQ(seen_.key, key_);
    EXPECT_EQ(seen_.in_session, in_session);
    EXPECT_GT(seen_.time_left, kPlenty / 2);
    const auto run = server().scheduler().running(0).Look();
    EXPECT_EQ(run.has_value() ? run->task->name() : "nothing", kCounter);

    Step("Is answered");
    gate_.Open();
    const Outcome outcome = way.Await(kCall);
    ExpectAdded(outcome, kCall);
    ASSERT_TRUE(outcome.timing.has_value());
    EXPECT_EQ(outcome.timing->worker(), 0u);
    EXPECT_GT(outcome.timing->waited_ns(), 0u);
    EXPECT_GT(outcome.timing->ran_ns(), 0u);
    EXPECT_GE(outcome.timing->batch(), 1u);
    ExpectLane({.waiting = 0, .running = 0, .listed = 0, .held = 0});
    const CallCounts counts = Lane().counts;
    EXPECT_EQ(counts.accepted, 4u);
    EXPECT_EQ(counts.ok, 2u);
    EXPECT_EQ(counts.expired, 1u);
    EXPECT_EQ(counts.cancelled, 1u);
    EXPECT_EQ(counts.answered(), counts.accepted);
    AwaitNothingHeld();

    EXPECT_EQ(steps_, TitlesOfThePage());
  }

 private:
  struct LaneState {
    uint64_t waiting;
    uint64_t running;
    int64_t listed;
    int64_t held;
  };

  // What the handler of the followed call finds.
  struct Seen {
    int worker = -1;
    std::string thread;
    std::string key;
    bool in_session = false;
    absl::Duration time_left;
  };

  void Step(const char* title) { steps_.emplace_back(title); }

  // Begins an Add and waits until it is in its lane's list, behind the others.
  void Begin(Way& way, Traveller traveller,
             std::optional<absl::Duration> timeout) {
    way.Begin(traveller, kAdd, AddOf(key_, traveller), timeout);
    ++begun_;
    AwaitLane([](const auto& lane) { return lane.listed_calls; }, begun_);
  }

  // That all is so, once what is under way has come to rest.
  void ExpectLane(const LaneState& state) {
    AwaitHeld(state.held);
    const LaneSnapshot lane = Lane();
    EXPECT_EQ(lane.counts.waiting, state.waiting);
    EXPECT_EQ(lane.counts.running, state.running);
    EXPECT_EQ(lane.listed_calls, state.listed);
    EXPECT_EQ(lane.counts.abandoned, 0u);
  }

  MethodSnapshot Method() {
    for (MethodSnapshot& method : server().Snapshot().methods) {
      if (method.method == kAdd) return std::move(method);
    }
    ADD_FAILURE() << "there is no method " << kAdd;
    return {};
  }

  void AwaitNothingHeld() {
    // A session's block goes with the last who looks at it.
    const auto holds = [this] {
      const ServerSnapshot snapshot = server().Snapshot();
      return snapshot.held_calls != 0 || snapshot.held_bytes != 0;
    };
    while (holds()) std::this_thread::yield();
  }

  void LookAround(CallContext& context) {
    char thread[16] = {};
    pthread_getname_np(pthread_self(), thread, sizeof(thread));
    seen_ = {.worker = Scheduler::CurrentWorker(),
             .thread = thread,
             .key = std::string(context.key()->bytes()),
             .in_session = context.in_session(),
             .time_left = context.time_left()};
  }

  static void ExpectFailed(const Outcome& outcome, absl::StatusCode code,
                           v1::Reason reason) {
    EXPECT_EQ(outcome.code, code);
    EXPECT_EQ(outcome.failure.reason(), reason)
        << outcome.failure.DebugString();
    EXPECT_EQ(outcome.failure.executed(), v1::EXECUTED_NO)
        << outcome.failure.DebugString();
  }
  static void ExpectAdded(const Outcome& outcome, Traveller traveller) {
    EXPECT_EQ(outcome.code, absl::StatusCode::kOk);
    shop::v1::AddResponse response;
    EXPECT_TRUE(response.ParseFromString(outcome.response));
    EXPECT_EQ(response.value(), traveller);
  }

  const std::string key_ = KeyOfWorker0();
  Gate ahead_;
  Seen seen_;
  int64_t begun_ = 0;
  std::vector<std::string> steps_;
};

INSTANTIATE_TEST_SUITE_P(, LifeOfACallTest, ::testing::Bool(), TransportName);

TEST_P(LifeOfACallTest, IsThatOfThePageForAUnaryCall) {
  StartServer(/*of_a_party=*/GetParam());
  UnaryWay way(channel());
  Follow(way, /*in_session=*/false);
}

TEST_P(LifeOfACallTest, IsThatOfThePageForACallOfASession) {
  StartServer(/*of_a_party=*/true);
  SessionWay way(channel());
  Follow(way, /*in_session=*/true);
}

}  // namespace
}  // namespace pinion
