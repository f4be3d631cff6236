// SPDX-License-Identifier: Apache-2.0
//
// Sessions: what becomes of their calls; in-process and over TCP.
#include <array>
#include <atomic>
#include <deque>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "pinion/tests/server/session/session_fixture.h"
#include "pinion/tests/support/open_call.h"
#include "pinion/tests/support/session_client.h"
#include "pinion/v1/session.pb.h"

namespace pinion {
namespace {

using ::pinion::testing::Add;
using ::pinion::testing::AddName;
using ::pinion::testing::AddOf;
using ::pinion::testing::AddWithin;
using ::pinion::testing::Cancel;
using ::pinion::testing::ExpectAdded;
using ::pinion::testing::ExpectCancelled;
using ::pinion::testing::ExpectExpired;
using ::pinion::testing::ExpectFailed;
using ::pinion::testing::HeldWorker;
using ::pinion::testing::kAdd;
using ::pinion::testing::Message;
using ::pinion::testing::OpenCall;
using ::pinion::testing::SessionClient;
using ::pinion::testing::SessionTest;
using ::pinion::testing::TransportName;

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
  // On a busy machine one may expire before it runs.
  v1::SessionAnswer answer;
  for (absl::Duration timeout = absl::Milliseconds(10);
       answer.failure().executed() != v1::EXECUTED_MAYBE; timeout *= 2) {
    session.Send(Message({AddWithin(timeout, 1)}));
    answer = session.Await(1);
  }
  ExpectExpired(answer, v1::EXECUTED_MAYBE);
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

TEST_P(SessionTest, IsServedBesidePlainCallsIfSessionsHaveThreadsOfTheirOwn) {
  gate_.Open();
  Start({.workers = 1, .io_threads = 1, .session_io_threads = 2});
  std::deque<SessionClient> sessions;
  for (int i = 0; i < 6; ++i) {
    sessions.emplace_back(channel()).Send(Message({Add(1)}));
    OpenCall plain(channel(), kAdd, AddOf("a"));
    EXPECT_TRUE(plain.Await().ok()) << plain.Await();
  }
  for (SessionClient& session : sessions) ExpectAdded(session.Await(1));
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

}  // namespace
}  // namespace pinion
