// SPDX-License-Identifier: Apache-2.0
//
// Sessions: what becomes of their calls, and how they end; in-process and over
// TCP.
#include <array>
#include <atomic>
#include <deque>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/v1/session.pb.h"
#include "proto/wire/status_details.h"
#include "tests/support/lane_test.h"
#include "tests/support/session_client.h"

namespace pinion {
namespace {

using ::pinion::testing::AddOf;
using ::pinion::testing::HeldWorker;
using ::pinion::testing::kAdd;
using ::pinion::testing::kHold;
using ::pinion::testing::LaneTest;
using ::pinion::testing::SessionClient;
using ::pinion::testing::TransportName;
using ::testing::HasSubstr;

// A call of Add.
v1::SessionCall Add(uint64_t id, absl::string_view name = "a", int64_t by = 1) {
  v1::SessionCall call;
  call.set_id(id);
  call.set_method(kAdd);
  call.set_payload(AddOf(name, by));
  return call;
}

v1::SessionCall AddWithin(absl::Duration timeout, uint64_t id) {
  v1::SessionCall call = Add(id);
  call.set_timeout_us(absl::ToInt64Microseconds(timeout));
  return call;
}

v1::OpenRequest Message(const std::vector<v1::SessionCall>& calls) {
  v1::OpenRequest request;
  request.mutable_calls()->Assign(calls.begin(), calls.end());
  return request;
}

v1::OpenRequest Cancel(uint64_t id) {
  v1::OpenRequest request;
  request.add_cancel(id);
  return request;
}

void AddName(v1::OpenRequest& request, uint32_t index, const char* name) {
  v1::MethodName* method = request.add_methods();
  method->set_index(index);
  method->set_name(name);
}

// That the call was answered so, with the response to an Add of `by`.
void ExpectAdded(const v1::SessionAnswer& answer, int64_t by = 1) {
  EXPECT_EQ(answer.code(), 0) << answer.DebugString();
  EXPECT_FALSE(answer.has_failure()) << answer.DebugString();
  shop::v1::AddResponse response;
  EXPECT_TRUE(response.ParseFromString(answer.payload()));
  EXPECT_EQ(response.value(), by);
}

void ExpectFailed(const v1::SessionAnswer& answer, absl::StatusCode code,
                  v1::Reason reason, v1::Executed executed) {
  EXPECT_EQ(answer.code(), static_cast<int>(code)) << answer.DebugString();
  EXPECT_NE(answer.message(), "");
  EXPECT_EQ(answer.failure().reason(), reason) << answer.DebugString();
  EXPECT_EQ(answer.failure().executed(), executed) << answer.DebugString();
}

void ExpectBadRequest(const v1::SessionAnswer& answer) {
  ExpectFailed(answer, absl::StatusCode::kInvalidArgument,
               v1::REASON_BAD_REQUEST, v1::EXECUTED_NO);
}

void ExpectExpired(const v1::SessionAnswer& answer, v1::Executed executed) {
  ExpectFailed(answer, absl::StatusCode::kDeadlineExceeded, v1::REASON_EXPIRED,
               executed);
}

void ExpectCancelled(const v1::SessionAnswer& answer, v1::Executed executed) {
  ExpectFailed(answer, absl::StatusCode::kCancelled, v1::REASON_CANCELLED,
               executed);
}

void ExpectStopped(const v1::SessionAnswer& answer, v1::Executed executed) {
  ExpectFailed(answer, absl::StatusCode::kUnavailable, v1::REASON_STOPPING,
               executed);
}

class SessionTest : public LaneTest {
 protected:
  void AwaitCancelled(uint64_t calls) {
    AwaitLane([](const auto& lane) { return lane.counts.cancelled; }, calls);
  }

  // Waits until nothing is held of any call.
  void AwaitNothingHeld() {
    AwaitHeld(0);
    while (server().Snapshot().held_calls != 0) std::this_thread::yield();
    EXPECT_EQ(server().Snapshot().held_bytes, 0);
  }

  // That a message of two calls that wait and `request` behind it end the
  // stream for a mistake that `says` so, and that none of them is run.
  void ExpectMistake(const std::string& request, const char* says) {
    Start({.workers = 1});
    HeldWorker held(channel());
    SessionClient session(channel());
    session.Send(Message({Add(1), Add(2)}));
    session.SendBytes(request);
    const absl::Status end = session.AwaitEnd();
    EXPECT_EQ(end.code(), absl::StatusCode::kInvalidArgument) << end;
    EXPECT_THAT(std::string(end.message()), HasSubstr(says));
    ExpectCancelled(session.Await(1), v1::EXECUTED_NO);
    ExpectCancelled(session.Await(2), v1::EXECUTED_NO);
    held.Release();
    AwaitNothingHeld();
    EXPECT_EQ(adds_begun(), 0);
  }
};

INSTANTIATE_TEST_SUITE_P(, SessionTest, ::testing::Bool(), TransportName);

TEST_P(SessionTest, SaysFirstWhoTheServerIsAndWhatItAllows) {
  Start({.workers = 1,
         .session_calls = 123,
         .session_bytes = 1 << 21,
         .max_message_bytes = 1 << 20});
  SessionClient session(channel());
  const v1::ServerHello hello = session.AwaitHello();
  EXPECT_NE(hello.instance_id(), "");
  EXPECT_EQ(hello.revision(), 1u);
  EXPECT_EQ(hello.max_open_calls(), 123u);
  EXPECT_EQ(hello.max_open_bytes(), 1u << 21);
  EXPECT_EQ(hello.max_message_bytes(), 1u << 20);
  v1::OpenRequest with_hello;
  with_hello.mutable_hello()->set_name("test/1");
  SessionClient other(channel());
  other.Send(with_hello);
  EXPECT_EQ(other.AwaitHello().instance_id(), hello.instance_id());
}

TEST_P(SessionTest, FindsMethodsByNameAndByIndexAndAnswersById) {
  gate_.Open();
  Start({.workers = 1});
  SessionClient session(channel());
  v1::SessionCall by_index = Add(1ull << 63, "a", 8);
  by_index.clear_method();
  by_index.set_method_index(1024);
  v1::OpenRequest request = Message({Add(7, "a", 7), by_index, Add(0, "a", 9)});
  AddName(request, 1024, kAdd);
  session.Send(request);
  ExpectAdded(session.Await(0), 9);
  ExpectAdded(session.Await(1ull << 63), 8);
  ExpectAdded(session.Await(7), 7);
  // What is answered may come again, and the index means the same.
  session.Send(Message({by_index, Add(7, "a", -1)}));
  ExpectAdded(session.Await(1ull << 63), 8);
  ExpectAdded(session.Await(7), -1);
}

TEST_P(SessionTest, KeepsMessagesOfAFewBytesWhileTheirCallsWait) {
  gate_.Open();
  Start({.workers = 1});
  HeldWorker held(channel());
  SessionClient session(channel());
  v1::OpenRequest names;
  AddName(names, 1, kAdd);
  session.Send(names);
  for (int i = 1; i <= 20; ++i) {
    v1::SessionCall call = Add(i, "a", i);
    call.clear_method();
    call.set_method_index(1);
    ASSERT_LT(Message({call}).ByteSizeLong(), 24u);
    session.Send(Message({call}));
  }
  AwaitWaiting(20);
  held.Release();
  for (int i = 1; i <= 20; ++i) ExpectAdded(session.Await(i), i);
}

TEST_P(SessionTest, GivesAnIndexItsNewNameForTheCallsThatFollow) {
  gate_.Open();
  Start({.workers = 1});
  SessionClient session(channel());
  v1::SessionCall call = Add(1);
  call.clear_method();
  call.set_method_index(1);
  v1::OpenRequest request = Message({call});
  AddName(request, 1, "/shop.v1.CounterService/None");
  AddName(request, 1, kAdd);
  session.Send(request);
  ExpectAdded(session.Await(1));
  request.mutable_methods(1)->set_name("/none");
  session.Send(request);
  ExpectFailed(session.Await(1), absl::StatusCode::kUnimplemented,
               v1::REASON_NO_SUCH_METHOD, v1::EXECUTED_NO);
}

TEST_P(SessionTest, AnswersAHandlersErrorWithAFailure) {
  on_add_ = [](const auto&, auto*, CallContext&) {
    return absl::NotFoundError("there is no such counter");
  };
  Start({.workers = 1});
  SessionClient session(channel());
  session.Send(Message({Add(1)}));
  const v1::SessionAnswer answer = session.Await(1);
  ExpectFailed(answer, absl::StatusCode::kNotFound, v1::REASON_HANDLER,
               v1::EXECUTED_YES);
  EXPECT_EQ(answer.message(), "there is no such counter");
  EXPECT_TRUE(answer.failure().has_worker());
  EXPECT_EQ(answer.payload(), "");
}

TEST_P(SessionTest, StartsTheCallsOfAKeyInTheOrderInWhichTheyCame) {
  constexpr int kKeys = 16;
  constexpr int kCalls = 10'000;
  constexpr int kOfMessage = 3000;
  std::array<std::atomic<int64_t>, kKeys> last = {};
  on_add_ = [&](const auto& request, auto* response, CallContext&) {
    const int key = std::stoi(request.name());
    EXPECT_GT(request.by(), last[key].exchange(request.by()));
    response->set_value(request.by());
    return absl::OkStatus();
  };
  Start({.workers = 2});
  SessionClient session(channel());
  std::vector<v1::SessionCall> calls;
  for (int i = 1; i <= kCalls; ++i) {
    calls.push_back(Add(i, absl::StrCat(i * 7 % kKeys), i));
    if (calls.size() == kOfMessage || i == kCalls) {
      session.Send(Message(std::exchange(calls, {})));
    }
  }
  for (int i = 1; i <= kCalls; ++i) ExpectAdded(session.Await(i), i);
  EXPECT_EQ(adds_begun(), kCalls);
}

TEST_P(SessionTest, LetsNoAnswerWaitForASlowerCallOfAnotherKey) {
  constexpr uint64_t kKeys = 20;
  gate_.Open();
  Start({.workers = 2});
  SessionClient session(channel());
  std::vector<v1::SessionCall> calls;
  for (uint64_t i = 0; i < kKeys; ++i) {
    calls.push_back(Add(i, absl::StrCat(i)));
    calls.back().set_want_timing(true);
  }
  session.Send(Message(calls));
  std::set<uint64_t> on_worker[2];
  for (uint64_t i = 0; i < kKeys; ++i) {
    const uint32_t worker = session.Await(i).timing().worker();
    ASSERT_LT(worker, 2u);
    on_worker[worker].insert(i);
  }
  ASSERT_FALSE(on_worker[0].empty());
  ASSERT_FALSE(on_worker[1].empty());
  HeldWorker held(channel());
  session.Send(Message(calls));
  for (const uint64_t i : on_worker[1]) ExpectAdded(session.Await(i));
  for (const uint64_t i : on_worker[0]) EXPECT_FALSE(session.Poll(i));
  held.Release();
  for (const uint64_t i : on_worker[0]) ExpectAdded(session.Await(i));
}

TEST_P(SessionTest, AnswersWhatExpiresWhileItWaitsAndNeverRunsIt) {
  gate_.Open();
  Start({.workers = 1});
  HeldWorker held(channel());
  SessionClient session(channel());
  session.Send(Message({AddWithin(absl::Milliseconds(10), 1), Add(2),
                        AddWithin(absl::Seconds(2), 3)}));
  ExpectExpired(session.Await(1), v1::EXECUTED_NO);
  ExpectExpired(session.Await(3), v1::EXECUTED_NO);
  EXPECT_FALSE(session.Poll(2));
  held.Release();
  ExpectAdded(session.Await(2));
  AwaitNothingHeld();
  EXPECT_EQ(adds_begun(), 1);
}

TEST_P(SessionTest, AnswersWhatExpiresWhileItRunsAndDropsItsResult) {
  Start({.workers = 1});
  SessionClient session(channel());
  session.Send(Message({AddWithin(absl::Seconds(1), 1)}));
  gate_.AwaitArrivals(1);
  ExpectExpired(session.Await(1), v1::EXECUTED_MAYBE);
  EXPECT_EQ(Lane().counts.abandoned, 1u);
  gate_.Open();
  AwaitNothingHeld();
  EXPECT_FALSE(session.Poll(1));
  EXPECT_EQ(Lane().counts.ok, 0u);
}

TEST_P(SessionTest, GivesTheDefaultTimeoutToCallsWithoutOne) {
  Start({.workers = 1, .default_timeout = absl::Milliseconds(10)});
  HeldWorker held(channel());
  SessionClient session(channel());
  session.Send(Message({Add(1)}));
  ExpectExpired(session.Await(1), v1::EXECUTED_NO);
}

TEST_P(SessionTest, TakesTheLongestTimeoutThatCanBeSaid) {
  on_add_ = [](const auto&, auto*, CallContext& context) {
    EXPECT_GT(context.time_left(), absl::Hours(24 * 365));
    return absl::OkStatus();
  };
  Start({.workers = 1});
  SessionClient session(channel());
  v1::SessionCall call = Add(1);
  call.set_timeout_us(~uint64_t{0});
  session.Send(Message({call}));
  EXPECT_EQ(session.Await(1).code(), 0);
}

TEST_P(SessionTest, NeverRunsWhatIsCancelledWhileItWaits) {
  gate_.Open();
  Start({.workers = 1});
  HeldWorker held(channel());
  SessionClient session(channel());
  session.Send(Message({Add(1), Add(2)}));
  session.Send(Cancel(1));
  ExpectCancelled(session.Await(1), v1::EXECUTED_NO);
  EXPECT_FALSE(session.Poll(2));
  held.Release();
  ExpectAdded(session.Await(2));
  AwaitNothingHeld();
  EXPECT_EQ(adds_begun(), 1);
}

TEST_P(SessionTest, TellsARunningHandlerThatItsCallIsCancelled) {
  on_add_ = [&](const auto&, auto*, CallContext& context) {
    gate_.Pass();
    while (!context.cancelled()) std::this_thread::yield();
    return absl::OkStatus();
  };
  Start({.workers = 1});
  SessionClient session(channel());
  session.Send(Message({Add(1)}));
  gate_.AwaitArrivals(1);
  gate_.Open();
  session.Send(Cancel(1));
  ExpectCancelled(session.Await(1), v1::EXECUTED_MAYBE);
  AwaitNothingHeld();
}

TEST_P(SessionTest, CancelsOnlyCallsOfEarlierMessages) {
  gate_.Open();
  Start({.workers = 1});
  HeldWorker held(channel());
  SessionClient session(channel());
  session.Send(Message({Add(1)}));
  v1::OpenRequest request = Message({Add(2)});
  for (const uint64_t id : {1, 2, 3}) request.add_cancel(id);
  session.Send(request);
  ExpectCancelled(session.Await(1), v1::EXECUTED_NO);
  EXPECT_FALSE(session.Poll(2));
  held.Release();
  ExpectAdded(session.Await(2));
}

TEST_P(SessionTest, IgnoresACancelOfWhatHasItsAnswer) {
  gate_.Open();
  Start({.workers = 1});
  SessionClient session(channel());
  session.Send(Message({Add(1)}));
  ExpectAdded(session.Await(1));
  session.Send(Cancel(1));
  session.Send(Message({Add(1)}));
  ExpectAdded(session.Await(1));
  EXPECT_EQ(Lane().counts.cancelled, 0u);
}

TEST_P(SessionTest, RefusesAnIdThatIsOpenAndStillAnswersTheFirst) {
  gate_.Open();
  Start({.workers = 1});
  HeldWorker held(channel());
  SessionClient session(channel());
  session.Send(Message({Add(1, "a", 11), Add(2)}));
  session.Send(Message({Add(3), Add(1, "a", 12)}));
  const v1::SessionAnswer refused = session.Await(1);
  ExpectBadRequest(refused);
  EXPECT_THAT(refused.message(), HasSubstr("id 1 "));
  EXPECT_FALSE(session.Poll(1));
  // The first is still there to be cancelled, and its id then to be used again.
  session.Send(Cancel(2));
  ExpectCancelled(session.Await(2), v1::EXECUTED_NO);
  session.Send(Message({Add(2, "a", 22)}));
  held.Release();
  ExpectAdded(session.Await(1), 11);
  ExpectAdded(session.Await(2), 22);
  ExpectAdded(session.Await(3));
  AwaitNothingHeld();
  EXPECT_EQ(adds_begun(), 3);
}

TEST_P(SessionTest, RefusesTheSecondOfAnIdThatAMessageHasTwice) {
  gate_.Open();
  Start({.workers = 1});
  HeldWorker held(channel());
  SessionClient session(channel());
  session.Send(Message({Add(3, "a", 31), Add(3, "a", 32), Add(4)}));
  const v1::SessionAnswer refused = session.Await(3);
  ExpectBadRequest(refused);
  EXPECT_THAT(refused.message(), HasSubstr("id 3 "));
  held.Release();
  ExpectAdded(session.Await(3), 31);
  ExpectAdded(session.Await(4));
  session.EndSends();
  EXPECT_TRUE(session.AwaitEnd().ok()) << session.AwaitEnd();
  EXPECT_FALSE(session.Poll(3));
  EXPECT_EQ(adds_begun(), 2);
}

TEST_P(SessionTest, EndsWhenAMessageCannotBeDecoded) {
  ExpectMistake("\xff\xff", "pinion.v1.OpenRequest");
}

TEST_P(SessionTest, EndsWhenACallCannotBeDecodedAndRunsNoneOfItsMessage) {
  ExpectMistake(Message({Add(3)}).SerializeAsString() + "\x0a\x01\xff",
                "pinion.v1.OpenRequest");
}

TEST_P(SessionTest, EndsWhenAMethodIsNamedWithTheIndexZero) {
  v1::OpenRequest request = Message({Add(3)});
  AddName(request, 0, kAdd);
  ExpectMistake(request.SerializeAsString(), "index 0");
}

TEST_P(SessionTest, EndsWhenAMethodIsNamedWithAnIndexThatIsTooHigh) {
  v1::OpenRequest request = Message({Add(3)});
  AddName(request, 1025, kAdd);
  ExpectMistake(request.SerializeAsString(), "index 1025");
}

TEST_P(SessionTest, AnswersThatThereIsNoSuchMethod) {
  gate_.Open();
  Start({.workers = 1});
  SessionClient session(channel());
  v1::SessionCall none = Add(1);
  none.set_method("/shop.v1.CounterService/None");
  v1::SessionCall no_index = Add(2);
  no_index.clear_method();
  v1::SessionCall high_index = no_index;
  high_index.set_id(3);
  high_index.set_method_index(~0u);
  session.Send(Message({none, no_index, high_index, Add(4)}));
  for (const uint64_t id : {1, 2, 3}) {
    ExpectFailed(session.Await(id), absl::StatusCode::kUnimplemented,
                 v1::REASON_NO_SUCH_METHOD, v1::EXECUTED_NO);
  }
  ExpectAdded(session.Await(4));
}

TEST_P(SessionTest, AnswersWhatIsWrongWithACallAndGoesOn) {
  gate_.Open();
  Start({.workers = 1});
  SessionClient session(channel());
  v1::SessionCall undecodable = Add(1);
  undecodable.set_payload("\xff\xff");
  v1::SessionCall on_worker = Add(3);
  on_worker.set_worker(0);
  v1::SessionCall no_such_worker = Add(4);
  no_such_worker.set_method(kHold);
  no_such_worker.set_worker(1);
  v1::SessionCall no_priority = Add(5);
  no_priority.set_priority(static_cast<v1::Priority>(77));
  session.Send(Message({undecodable, Add(2, /*name=*/""), on_worker,
                        no_such_worker, no_priority, Add(6)}));
  for (const uint64_t id : {1, 2, 3, 4, 5}) ExpectBadRequest(session.Await(id));
  ExpectAdded(session.Await(6));
  EXPECT_EQ(adds_begun(), 1);
}

TEST_P(SessionTest, NamesTheNumberThatIsNoPriority) {
  gate_.Open();
  Start({.workers = 1});
  SessionClient session(channel());
  v1::SessionCall high = Add(1);
  high.set_priority(static_cast<v1::Priority>(77));
  v1::SessionCall negative = Add(2);
  negative.set_priority(static_cast<v1::Priority>(-5));
  session.Send(Message({high, negative}));
  EXPECT_THAT(session.Await(1).message(), HasSubstr("\"77\""));
  EXPECT_THAT(session.Await(2).message(), HasSubstr("\"-5\""));
}

TEST_P(SessionTest, RefusesAKeyThatIsTooLong) {
  gate_.Open();
  Start({.workers = 1});
  SessionClient session(channel());
  session.Send(Message(
      {Add(1, std::string(1025, 'k')), Add(2, std::string(1024, 'k'))}));
  const v1::SessionAnswer refused = session.Await(1);
  ExpectBadRequest(refused);
  EXPECT_THAT(refused.message(), HasSubstr("1025"));
  ExpectAdded(session.Await(2));
}

TEST_P(SessionTest, RefusesWhatALaneOrTheServerHasNoPlaceFor) {
  gate_.Open();
  for (const v1::Reason reason :
       {v1::REASON_LANE_FULL, v1::REASON_SERVER_FULL}) {
    ServerOptions options = {.workers = 1};
    // The server has one place for the call that holds the worker.
    (reason == v1::REASON_LANE_FULL ? options.lane_capacity
                                    : options.max_calls) =
        reason == v1::REASON_LANE_FULL ? 2 : 3;
    Start(options);
    HeldWorker held(channel());
    SessionClient session(channel());
    session.Send(Message({Add(1), Add(2), Add(3), Add(4)}));
    for (const uint64_t id : {3, 4}) {
      const v1::SessionAnswer answer = session.Await(id);
      ExpectFailed(answer, absl::StatusCode::kResourceExhausted, reason,
                   v1::EXECUTED_NO);
      EXPECT_GT(answer.failure().retry_after_us(), 0u);
    }
    held.Release();
    ExpectAdded(session.Await(1));
    ExpectAdded(session.Await(2));
    AwaitNothingHeld();
    session.Send(Message({Add(3)}));
    ExpectAdded(session.Await(3));
  }
}

TEST_P(SessionTest, NeverRunsWhatHasAMicrosecondBehindAHeldWorker) {
  gate_.Open();
  Start({.workers = 1});
  HeldWorker held(channel());
  SessionClient session(channel());
  session.Send(Message({AddWithin(absl::Microseconds(1), 1), Add(2)}));
  ExpectExpired(session.Await(1), v1::EXECUTED_NO);
  held.Release();
  ExpectAdded(session.Await(2));
  EXPECT_EQ(adds_begun(), 1);
}

TEST_P(SessionTest, EndsWhenAMessageHasMoreCallsThanArePossible) {
  Start({.workers = 1});
  SessionClient session(channel());
  std::string request;
  for (int i = 0; i <= 128 << 10; ++i) request += std::string("\x0a\0", 2);
  session.SendBytes(request);
  const absl::Status end = session.AwaitEnd();
  EXPECT_EQ(end.code(), absl::StatusCode::kResourceExhausted) << end;
  EXPECT_THAT(std::string(end.message()), HasSubstr("131073 calls"));
  EXPECT_EQ(session.answers_come(), 0u);
}

TEST_P(SessionTest, IsServedByAnyOfSeveralIoThreads) {
  gate_.Open();
  Start({.workers = 1, .io_threads = 3});
  std::deque<SessionClient> sessions;
  for (int i = 0; i < 12; ++i) {
    sessions.emplace_back(channel()).Send(Message({Add(1), Add(2)}));
  }
  for (SessionClient& session : sessions) {
    ExpectAdded(session.Await(1));
    ExpectAdded(session.Await(2));
  }
}

TEST_P(SessionTest, RefusesMoreOpenCallsThanItAllows) {
  gate_.Open();
  Start({.workers = 1, .session_calls = 3});
  HeldWorker held(channel());
  SessionClient session(channel());
  session.Send(Message({Add(1), Add(2), Add(3), Add(4)}));
  session.Send(Message({Add(5)}));
  for (const uint64_t id : {4, 5}) {
    ExpectFailed(session.Await(id), absl::StatusCode::kResourceExhausted,
                 v1::REASON_TOO_MANY_CALLS, v1::EXECUTED_NO);
  }
  // A place that is free again serves another.
  session.Send(Cancel(2));
  ExpectCancelled(session.Await(2), v1::EXECUTED_NO);
  session.Send(Message({Add(6)}));
  held.Release();
  for (const uint64_t id : {1, 3, 6}) ExpectAdded(session.Await(id));
}

TEST_P(SessionTest, RefusesCallsWhileMessagesHoldMoreBytesThanItAllows) {
  gate_.Open();
  Start({.workers = 1, .session_bytes = 2048, .max_message_bytes = 1024});
  HeldWorker held(channel());
  SessionClient session(channel());
  for (const uint64_t id : {1, 2, 3, 4}) {
    v1::OpenRequest request = Message({Add(id)});
    request.mutable_hello()->set_name(std::string(950, 'x'));
    session.Send(request);
  }
  ExpectFailed(session.Await(4), absl::StatusCode::kResourceExhausted,
               v1::REASON_TOO_MANY_CALLS, v1::EXECUTED_NO);
  held.Release();
  for (const uint64_t id : {1, 2, 3}) ExpectAdded(session.Await(id));
  session.Send(Message({Add(5)}));
  ExpectAdded(session.Await(5));
}

TEST_P(SessionTest, AnswersAHundredThousandCallsOfOneMessage) {
  constexpr int kCalls = 100'000;
  gate_.Open();
  Start(
      {.workers = 1, .lane_capacity = 2 * kCalls, .session_calls = 2 * kCalls});
  SessionClient session(channel());
  std::vector<v1::SessionCall> calls;
  for (int i = 0; i < kCalls; ++i) calls.push_back(Add(i, "a", i));
  for (v1::SessionCall& call : calls) {
    call.clear_method();
    call.set_method_index(1);
  }
  v1::OpenRequest request = Message(calls);
  AddName(request, 1, kAdd);
  session.Send(request);
  for (int i = 0; i < kCalls; ++i) ExpectAdded(session.Await(i), i);
  AwaitNothingHeld();
}

TEST_P(SessionTest, RefusesAHundredThousandCallsOfOneMessage) {
  constexpr int kCalls = 100'000;
  gate_.Open();
  Start({.workers = 1});
  SessionClient session(channel());
  v1::OpenRequest request;
  for (int i = 0; i < kCalls; ++i) request.add_calls()->set_id(i);
  session.Send(request);
  for (int i = 0; i < kCalls; ++i) {
    EXPECT_EQ(session.Await(i).failure().reason(), v1::REASON_NO_SUCH_METHOD);
  }
  session.Send(Message({Add(1)}));
  ExpectAdded(session.Await(1));
}

TEST_P(SessionTest, KeepsToTheSizeOfAMessageHoweverLargeTheAnswersAre) {
  constexpr int kCalls = 100;
  on_add_ = [](const auto& request, auto*, CallContext&) {
    return absl::AbortedError(std::string(request.by(), 'x'));
  };
  Start({.workers = 1});
  SessionClient session(channel());
  std::vector<v1::SessionCall> calls;
  for (int i = 0; i < kCalls; ++i) {
    calls.push_back(Add(i, "a", i % 8 == 7 ? (4 << 20) - 1000 : 30 << 10));
  }
  session.Send(Message(calls));
  for (int i = 0; i < kCalls; ++i) {
    EXPECT_EQ(session.Await(i).code(),
              static_cast<int>(absl::StatusCode::kAborted));
  }
}

// Has `response` be of so many bytes, 130 to 16 MiB, by a field it knows not.
void SetSize(size_t bytes, shop::v1::AddResponse* response) {
  auto* fields = response->GetReflection()->MutableUnknownFields(response);
  fields->AddLengthDelimited(15)->assign(bytes - 6, 'x');
  std::string* filling = fields->mutable_field(0)->mutable_length_delimited();
  filling->resize(filling->size() + bytes - response->ByteSizeLong());
  ASSERT_EQ(response->ByteSizeLong(), bytes);
}

// The largest response to a call of the id 1 that a message of 1024 bytes, or
// of 4 MiB, has room for: all but two tags and two lengths, and the id's field.
constexpr int64_t kMostOf1024Bytes = 1024 - (1 + 2) - (1 + 1) - (1 + 2);
constexpr int64_t kMostOf4Mebibytes = (4 << 20) - (1 + 4) - (1 + 1) - (1 + 4);

TEST_P(SessionTest, RefusesAnAnswerThatNoMessageHasRoomForToTheByte) {
  on_add_ = [](const auto& request, auto* response, CallContext&) {
    SetSize(request.by(), response);
    return absl::OkStatus();
  };
  for (const auto& [message, most] :
       {std::pair(int64_t{1024}, kMostOf1024Bytes),
        std::pair(int64_t{4} << 20, kMostOf4Mebibytes)}) {
    Start({.workers = 1, .max_message_bytes = message});
    SessionClient session(channel());
    session.Send(Message({Add(1, "a", most)}));
    EXPECT_EQ(session.Await(1).payload().size(), static_cast<size_t>(most));
    session.Send(Message({Add(1, "a", most + 1)}));
    ExpectFailed(session.Await(1), absl::StatusCode::kResourceExhausted,
                 v1::REASON_RESPONSE_TOO_LARGE, v1::EXECUTED_YES);
    v1::SessionCall timed = Add(1, "a", most);
    timed.set_want_timing(true);
    session.Send(Message({timed}));
    const v1::SessionAnswer too_large = session.Await(1);
    ExpectFailed(too_large, absl::StatusCode::kResourceExhausted,
                 v1::REASON_RESPONSE_TOO_LARGE, v1::EXECUTED_YES);
    EXPECT_TRUE(too_large.has_timing());
    // It goes on, and the account has it as an error of a handler that ran.
    session.Send(Message({Add(2, "a", 200)}));
    EXPECT_EQ(session.Await(2).payload().size(), 200u);
    EXPECT_EQ(Lane().counts.ok, 2u);
    EXPECT_EQ(Lane().counts.error, 2u);
  }
}

TEST_P(SessionTest, CutsAnErrorsTextThatNoMessageHasRoomFor) {
  // Of three bytes each: what is cut ends with a whole one.
  std::string text;
  while (text.size() < 3000) text += "\u20ac";
  on_add_ = [&](const auto& request, auto*, CallContext&) {
    return absl::AbortedError(text.substr(request.by()));
  };
  Start({.workers = 1, .max_message_bytes = 1024});
  SessionClient session(channel());
  for (int64_t without = 1800; without < 2400; without += 3) {
    session.Send(Message({Add(1, "a", without)}));
    const v1::SessionAnswer answer = session.Await(1);
    ExpectFailed(answer, absl::StatusCode::kAborted, v1::REASON_HANDLER,
                 v1::EXECUTED_YES);
    const std::string whole = text.substr(without);
    if (answer.message() == whole) continue;
    EXPECT_GT(whole.size(), 980u);
    EXPECT_GT(answer.message().size(), 980u);
    EXPECT_EQ(answer.message().size() % 3, 0u);
    EXPECT_TRUE(absl::EndsWith(answer.message(), "\u20ac..."));
  }
}

TEST_P(SessionTest, NamesOfAMethodThatIsNotThereWhatAMessageHasRoomFor) {
  Start({.workers = 1, .max_message_bytes = 1024});
  SessionClient session(channel());
  v1::SessionCall none = Add(1);
  none.set_method(std::string(900, '\x01'));
  session.Send(Message({none}));
  const v1::SessionAnswer answer = session.Await(1);
  ExpectFailed(answer, absl::StatusCode::kUnimplemented,
               v1::REASON_NO_SUCH_METHOD, v1::EXECUTED_NO);
  EXPECT_THAT(answer.message(), HasSubstr("\\x01\\x01"));
}

TEST_P(SessionTest, TellsWhereTheTimeWentIfAskedTo) {
  gate_.Open();
  Start({.workers = 1});
  SessionClient session(channel());
  v1::SessionCall asks = Add(1);
  asks.set_want_timing(true);
  session.Send(Message({asks, Add(2)}));
  const v1::SessionAnswer answer = session.Await(1);
  ExpectAdded(answer);
  ASSERT_TRUE(answer.has_timing());
  EXPECT_EQ(answer.timing().worker(), 0u);
  EXPECT_GT(answer.timing().waited_ns(), 0u);
  EXPECT_GT(answer.timing().ran_ns(), 0u);
  EXPECT_GT(answer.timing().batch(), 0u);
  EXPECT_FALSE(session.Await(2).has_timing());
}

TEST_P(SessionTest, GivesEachHandlerTheMetadataOfItsCall) {
  const std::string bytes("\0\xff\n\x01", 4);
  on_add_ = [&](const auto& request, auto*, CallContext& context) {
    EXPECT_TRUE(context.in_session());
    EXPECT_EQ(context.metadata("name").value_or("none"), request.name());
    EXPECT_EQ(context.metadata("trace-bin").value_or("none"), bytes);
    EXPECT_EQ(context.metadata("absent"), std::nullopt);
    return absl::OkStatus();
  };
  Start({.workers = 2});
  SessionClient session(channel());
  std::vector<v1::SessionCall> calls;
  for (int i = 0; i < 100; ++i) {
    calls.push_back(Add(i, absl::StrCat("key ", i)));
    v1::Metadata* name = calls.back().add_metadata();
    name->set_name("name");
    name->set_value(absl::StrCat("key ", i));
    v1::Metadata* trace = calls.back().add_metadata();
    trace->set_name("trace-bin");
    trace->set_value(bytes);
  }
  session.Send(Message(calls));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(session.Await(i).code(), 0);
}

TEST_P(SessionTest, TellsWhatTheHandlerAddsToItsAnswer) {
  const std::string bytes("\0\xff\n\x01", 4);
  constexpr char kUrl[] = "type.googleapis.com/shop.v1.AddRequest";
  on_add_ = [&](const auto& request, auto* response, CallContext& context) {
    if (request.by() == 3) return absl::OkStatus();
    EXPECT_TRUE(context.AddTrailingMetadata("name", request.name()).ok());
    EXPECT_TRUE(context.AddTrailingMetadata("trace-bin", bytes).ok());
    response->set_value(request.by());
    if (request.by() == 1) return absl::OkStatus();
    absl::Status error = absl::AbortedError("not now");
    error.SetPayload(kUrl, absl::Cord(AddOf("other")));
    return error;
  };
  Start({.workers = 1});
  SessionClient session(channel());
  session.Send(Message({Add(1, "a", 1), Add(2, "b", 2), Add(3, "c", 3)}));
  const v1::SessionAnswer added = session.Await(1);
  ExpectAdded(added);
  EXPECT_EQ(added.status_details(), "");
  const v1::SessionAnswer failed = session.Await(2);
  ExpectFailed(failed, absl::StatusCode::kAborted, v1::REASON_HANDLER,
               v1::EXECUTED_YES);
  std::string details = EncodeStatus(10, "not now");
  AppendStatusDetail(kUrl, AddOf("other"), &details);
  EXPECT_EQ(failed.status_details(), details);
  for (const v1::SessionAnswer& answer : {added, failed}) {
    ASSERT_EQ(answer.trailing_size(), 2);
    EXPECT_EQ(answer.trailing(0).name(), "name");
    EXPECT_EQ(answer.trailing(0).value(), answer.id() == 1 ? "a" : "b");
    EXPECT_EQ(answer.trailing(1).name(), "trace-bin");
    EXPECT_EQ(answer.trailing(1).value(), bytes);
  }
  EXPECT_EQ(session.Await(3).trailing_size(), 0);
}

TEST_P(SessionTest, CountsWhatTheHandlerAddsToTheSizeOfAMessage) {
  const auto add_trailers = [](CallContext& context) {
    for (int i = 0; i < 10; ++i) {
      EXPECT_TRUE(
          context.AddTrailingMetadata("a-bin", std::string(100, 'x')).ok());
    }
  };
  on_add_ = [&](const auto& request, auto*, CallContext& context) {
    add_trailers(context);
    absl::Status status;
    if (request.by() > 1) status = absl::AbortedError("not now");
    if (request.by() > 2) {
      status.SetPayload("x.org/x", absl::Cord(std::string(request.by(), 'x')));
    }
    return status;
  };
  Start({.workers = 1, .max_message_bytes = 1024});
  SessionClient session(channel());
  session.Send(Message(
      {Add(1, "a", 1), Add(2, "a", 2), Add(3, "a", 2000), Add(4, "a", 500)}));
  const v1::SessionAnswer too_large = session.Await(1);
  ExpectFailed(too_large, absl::StatusCode::kResourceExhausted,
               v1::REASON_RESPONSE_TOO_LARGE, v1::EXECUTED_YES);
  for (const uint64_t id : {2, 3, 4}) {
    const v1::SessionAnswer answer = session.Await(id);
    ExpectFailed(answer, absl::StatusCode::kAborted, v1::REASON_HANDLER,
                 v1::EXECUTED_YES);
    EXPECT_EQ(answer.message(), "not now");
    EXPECT_EQ(answer.trailing_size(), 0);
    EXPECT_EQ(answer.status_details(), "");
  }
}

TEST_P(SessionTest, AnswersItsOpenCallsWhenTheClientHasSaidAll) {
  Start({.workers = 1});
  SessionClient session(channel());
  session.Send(Message({Add(1), Add(2)}));
  session.EndSends();
  gate_.AwaitArrivals(1);
  EXPECT_FALSE(session.Poll(1));
  gate_.Open();
  EXPECT_TRUE(session.AwaitEnd().ok()) << session.AwaitEnd();
  ExpectAdded(session.Await(1));
  ExpectAdded(session.Await(2));
}

TEST_P(SessionTest, EndsAtOnceWhenTheClientSaysNothing) {
  Start({.workers = 1});
  SessionClient session(channel());
  session.EndSends();
  EXPECT_TRUE(session.AwaitEnd().ok()) << session.AwaitEnd();
  EXPECT_EQ(session.AwaitHello().revision(), 1u);
}

TEST_P(SessionTest, NeverRunsWhatWaitsWhenTheStreamBreaks) {
  Start({.workers = 1});
  HeldWorker held(channel());
  SessionClient session(channel());
  session.Send(Message({Add(1), Add(2)}));
  session.Send(Message({Add(3)}));
  AwaitWaiting(3);
  session.Break();
  EXPECT_EQ(session.AwaitEnd().code(), absl::StatusCode::kCancelled);
  AwaitCancelled(3);
  held.Release();
  AwaitNothingHeld();
  EXPECT_EQ(adds_begun(), 0);
}

TEST_P(SessionTest, DropsTheResultOfWhatRunsWhenTheStreamBreaks) {
  Start({.workers = 1});
  SessionClient session(channel());
  session.Send(Message({Add(1), Add(2)}));
  gate_.AwaitArrivals(1);
  session.Break();
  AwaitCancelled(2);
  EXPECT_EQ(Lane().counts.cancelled_running, 1u);
  gate_.Open();
  AwaitNothingHeld();
  EXPECT_EQ(adds_begun(), 1);
}

TEST_P(SessionTest, OutlivesStreamsThatBreakAsTheyBegin) {
  gate_.Open();
  Start({.workers = 1});
  for (int round = 0; round < 20; ++round) {
    std::deque<SessionClient> sessions;
    for (int i = 0; i < 20; ++i) {
      sessions.emplace_back(channel()).Send(Message({Add(1), Add(2)}));
      if (i % 4 != 0) sessions.back().Break();
      if (i % 3 == 0) sessions[i / 2].Break();
    }
  }
  AwaitNothingHeld();
  SessionClient session(channel());
  session.Send(Message({Add(1)}));
  ExpectAdded(session.Await(1));
}

TEST_P(SessionTest, BreaksWhatTakesNothingOfItsAnswers) {
  on_add_ = [&](const auto& request, auto*, CallContext&) {
    if (request.name() == "held") gate_.Pass();
    return absl::AbortedError(std::string(1 << 20, 'x'));
  };
  Start({.workers = 1, .write_timeout = absl::Milliseconds(50)});
  SessionClient session(channel(), SessionClient::Takes::kNothing);
  std::vector<v1::SessionCall> calls;
  for (int i = 0; i < 20; ++i) calls.push_back(Add(i));
  calls.push_back(Add(20, "held"));
  calls.push_back(Add(21));
  session.Send(Message(calls));
  // Nobody else would answer the last two.
  AwaitAnswered(calls.size());
  EXPECT_GE(Lane().counts.cancelled, 2u);
  session.TakeAll();
  EXPECT_FALSE(session.AwaitEnd().ok());
  gate_.Open();
  AwaitNothingHeld();
}

TEST_P(SessionTest, AsksForAnotherWhenOldAndRefusesWhatComesThen) {
  gate_.Open();
  Start({.workers = 1, .max_session_age = absl::Milliseconds(10)});
  SessionClient session(channel());
  EXPECT_EQ(session.AwaitDrain().reason(), v1::DRAIN_REASON_CONNECTION_AGE);
  session.Send(Message({Add(1), Add(2)}));
  ExpectStopped(session.Await(1), v1::EXECUTED_NO);
  ExpectStopped(session.Await(2), v1::EXECUTED_NO);
  session.EndSends();
  EXPECT_TRUE(session.AwaitEnd().ok()) << session.AwaitEnd();
  EXPECT_EQ(adds_begun(), 0);
}

TEST_P(SessionTest, EndsWithWhatIsOpenWhenTheGraceAfterItsAgeIsOver) {
  for (absl::Duration age = absl::Milliseconds(50);; age *= 2) {
    Start(
        {.workers = 1, .max_session_age = age, .grace = absl::ZeroDuration()});
    SessionClient session(channel());
    session.Send(Message({Add(1), Add(2)}));
    const v1::Drain drain = session.AwaitDrain();
    EXPECT_EQ(drain.reason(), v1::DRAIN_REASON_CONNECTION_AGE);
    EXPECT_EQ(drain.grace_us(), 0u);
    const absl::Status end = session.AwaitEnd();
    EXPECT_EQ(end.code(), absl::StatusCode::kUnavailable) << end;
    EXPECT_THAT(std::string(end.message()), HasSubstr("old"));
    // On a slow machine they may come after the end.
    const std::optional<v1::SessionAnswer> first = session.Poll(1);
    if (!first || first->failure().executed() == v1::EXECUTED_NO) continue;
    ExpectStopped(*first, v1::EXECUTED_MAYBE);
    ExpectStopped(session.Await(2), v1::EXECUTED_NO);
    gate_.Open();
    AwaitNothingHeld();
    EXPECT_EQ(Lane().counts.stopped, 2u);
    return;
  }
}

TEST_P(SessionTest, TellsOfTheStopThoughItHasToldThatItIsOld) {
  Start({.workers = 1,
         .max_session_age = absl::Milliseconds(10),
         .grace = absl::Hours(1)});
  SessionClient session(channel());
  const v1::Drain old = session.AwaitDrain();
  EXPECT_EQ(old.reason(), v1::DRAIN_REASON_CONNECTION_AGE);
  EXPECT_EQ(old.grace_us(), 3600u * 1'000'000);
  server().Drain();
  EXPECT_EQ(session.AwaitDrain().reason(), v1::DRAIN_REASON_STOPPING);
  const absl::Status end = session.AwaitEnd();
  EXPECT_EQ(end.code(), absl::StatusCode::kUnavailable) << end;
  EXPECT_THAT(std::string(end.message()), HasSubstr("stopping"));
}

TEST_P(SessionTest,
       RefusesCallsOnceItHasToldOfTheStopThoughALameDuckTakesThem) {
  Start(
      {.workers = 1, .lame_duck = absl::Hours(1), .grace = absl::Minutes(30)});
  SessionClient session(channel());
  session.Send(Message({Add(1)}));
  gate_.AwaitArrivals(1);
  std::thread stopper([&] { server().Drain(); });
  const v1::Drain drain = session.AwaitDrain();
  EXPECT_EQ(drain.reason(), v1::DRAIN_REASON_STOPPING);
  EXPECT_EQ(drain.grace_us(), 5'400'000'000u);
  session.Send(Message({Add(2), Add(3)}));
  ExpectStopped(session.Await(2), v1::EXECUTED_NO);
  ExpectStopped(session.Await(3), v1::EXECUTED_NO);
  SessionClient late(channel());
  EXPECT_EQ(late.AwaitDrain().reason(), v1::DRAIN_REASON_STOPPING);
  late.Send(Message({Add(1)}));
  ExpectStopped(late.Await(1), v1::EXECUTED_NO);
  gate_.Open();
  ExpectAdded(session.Await(1));
  testing::OpenCall unary(channel(), kAdd, AddOf("a"));
  EXPECT_TRUE(unary.Await().ok()) << unary.Await();
  server().HurryStop();
  stopper.join();
  EXPECT_EQ(session.AwaitEnd().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(adds_begun(), 2);
}

TEST_P(SessionTest, AnswersItsOpenCallsBeforeTheServerStops) {
  Start({.workers = 1, .grace = absl::Hours(1)});
  SessionClient session(channel());
  session.Send(Message({Add(1), Add(2)}));
  gate_.AwaitArrivals(1);
  std::thread stopper([&] { server().Drain(); });
  const v1::Drain drain = session.AwaitDrain();
  EXPECT_EQ(drain.reason(), v1::DRAIN_REASON_STOPPING);
  EXPECT_EQ(drain.grace_us(), 3600u * 1'000'000);
  session.Send(Message({Add(3)}));
  ExpectStopped(session.Await(3), v1::EXECUTED_NO);
  gate_.Open();
  ExpectAdded(session.Await(1));
  ExpectAdded(session.Await(2));
  EXPECT_EQ(session.AwaitEnd().code(), absl::StatusCode::kUnavailable);
  stopper.join();
}

TEST_P(SessionTest, HoldsNoStopWhenItIsIdle) {
  Start({.workers = 1, .grace = absl::Hours(1)});
  SessionClient session(channel());
  session.AwaitHello();
  SessionClient silent(channel(), SessionClient::Takes::kNothing);
  server().Drain();
  EXPECT_EQ(session.AwaitEnd().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(session.AwaitDrain().reason(), v1::DRAIN_REASON_STOPPING);
}

TEST_P(SessionTest, AnswersAllWhenTheGraceIsOver) {
  Start({.workers = 1, .grace = absl::ZeroDuration()});
  SessionClient session(channel());
  session.Send(Message({Add(1), Add(2)}));
  gate_.AwaitArrivals(1);
  server().Drain();
  ExpectStopped(session.Await(1), v1::EXECUTED_MAYBE);
  ExpectStopped(session.Await(2), v1::EXECUTED_NO);
  EXPECT_EQ(session.AwaitEnd().code(), absl::StatusCode::kUnavailable);
  gate_.Open();
  AwaitNothingHeld();
  EXPECT_EQ(adds_begun(), 1);
}

}  // namespace
}  // namespace pinion
