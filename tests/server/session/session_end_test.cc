// SPDX-License-Identifier: Apache-2.0
//
// Sessions: how they end, by the client, their age or the stop, and what
// becomes of what is open then; in-process and over TCP.
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/tests/server/session/session_fixture.h"
#include "pinion/tests/support/session_client.h"
#include "pinion/v1/session.pb.h"

namespace pinion {
namespace {

using ::pinion::testing::Add;
using ::pinion::testing::AddOf;
using ::pinion::testing::ExpectAdded;
using ::pinion::testing::ExpectStopped;
using ::pinion::testing::HeldWorker;
using ::pinion::testing::kAdd;
using ::pinion::testing::Message;
using ::pinion::testing::SessionClient;
using ::pinion::testing::SessionTest;
using ::pinion::testing::TransportName;
using ::testing::HasSubstr;

using SessionEndTest = SessionTest;

INSTANTIATE_TEST_SUITE_P(, SessionEndTest, ::testing::Bool(), TransportName);

TEST_P(SessionEndTest, AnswersItsOpenCallsWhenTheClientHasSaidAll) {
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

TEST_P(SessionEndTest, EndsAtOnceWhenTheClientSaysNothing) {
  Start({.workers = 1});
  SessionClient session(channel());
  session.EndSends();
  EXPECT_TRUE(session.AwaitEnd().ok()) << session.AwaitEnd();
  EXPECT_EQ(session.AwaitHello().revision(), 1u);
}

TEST_P(SessionEndTest, NeverRunsWhatWaitsWhenTheStreamBreaks) {
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

// Its worker knows by then how large an answer is, and would put it into a
// buffer for the session.
TEST_P(SessionEndTest, WhatWaitsOfASessionThatIsGoneIsSkipped) {
  gate_.Open();
  Start({.workers = 1});
  SessionClient first(channel());
  first.Send(Message({Add(1)}));
  ExpectAdded(first.Await(1));
  HeldWorker held(channel());
  SessionClient session(channel());
  session.Send(Message({Add(1), Add(2)}));
  AwaitWaiting(2);
  session.Break();
  EXPECT_EQ(session.AwaitEnd().code(), absl::StatusCode::kCancelled);
  AwaitCancelled(2);
  held.Release();
  AwaitNothingHeld();
  EXPECT_EQ(adds_begun(), 1);
}

TEST_P(SessionEndTest, DropsTheResultOfWhatRunsWhenTheStreamBreaks) {
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

TEST_P(SessionEndTest, OutlivesStreamsThatBreakAsTheyBegin) {
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

TEST_P(SessionEndTest, BreaksWhatTakesNothingOfItsAnswers) {
  on_add_ = [&](const auto& request, auto*, CallContext&) {
    if (request.name() == "held") gate_.Pass();
    return absl::AbortedError(std::string(1 << 20, 'x'));
  };
  Start({.workers = 1, .write_timeout = absl::Milliseconds(500)});
  SessionClient session(channel(), SessionClient::Takes::kHello);
  session.AwaitHello();  // Else that might be what it does not take in time.
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

TEST_P(SessionEndTest, AsksForAnotherWhenOldAndRefusesWhatComesThen) {
  gate_.Open();
  Start({.workers = 1,
         .max_session_age = absl::Milliseconds(10),
         .grace = absl::Hours(1)});
  SessionClient session(channel());
  EXPECT_EQ(session.AwaitDrain().reason(), v1::DRAIN_REASON_CONNECTION_AGE);
  session.Send(Message({Add(1), Add(2)}));
  ExpectStopped(session.Await(1), v1::EXECUTED_NO);
  ExpectStopped(session.Await(2), v1::EXECUTED_NO);
  session.EndSends();
  EXPECT_TRUE(session.AwaitEnd().ok()) << session.AwaitEnd();
  EXPECT_EQ(adds_begun(), 0);
}

TEST_P(SessionEndTest, EndsWithWhatIsOpenWhenTheGraceAfterItsAgeIsOver) {
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

TEST_P(SessionEndTest, TellsOfTheStopThoughItHasToldThatItIsOld) {
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

TEST_P(SessionEndTest, IsOldAsSoonAsTheServerReloadsAnAgeThatHasPassed) {
  HostingOptions options = {.workers = 1, .grace = absl::Hours(1)};
  const auto reload = [&](absl::Duration age) {
    options.max_session_age = age;
    const absl::Status status =
        server().Reload({.listen = "127.0.0.1:0"}, options);
    ASSERT_TRUE(status.ok()) << status;
  };
  int calls = 0;
  for (const auto& before : {std::vector<absl::Duration>{},
                             {absl::Hours(1)},
                             {absl::Hours(1), absl::InfiniteDuration()},
                             {absl::Hours(1), absl::Hours(2)}}) {
    Start(options);
    SessionClient session(channel());
    session.AwaitHello();
    for (const absl::Duration age : before) reload(age);
    session.Send(Message({Add(1)}));
    gate_.AwaitArrivals(++calls);  // It goes on.
    reload(absl::Nanoseconds(1));
    EXPECT_EQ(session.AwaitDrain().reason(), v1::DRAIN_REASON_CONNECTION_AGE);
    gate_.Open();
    ExpectAdded(session.Await(1));
    options.max_session_age = absl::InfiniteDuration();
  }
}

TEST_P(SessionEndTest,
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

TEST_P(SessionEndTest, AnswersItsOpenCallsBeforeTheServerStops) {
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

TEST_P(SessionEndTest, HoldsNoStopWhenItIsIdle) {
  Start({.workers = 1, .grace = absl::Hours(1)});
  SessionClient session(channel());
  session.AwaitHello();
  SessionClient silent(channel(), SessionClient::Takes::kNothing);
  server().Drain();
  EXPECT_EQ(session.AwaitEnd().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(session.AwaitDrain().reason(), v1::DRAIN_REASON_STOPPING);
}

TEST_P(SessionEndTest, AnswersAllWhenTheGraceIsOver) {
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
