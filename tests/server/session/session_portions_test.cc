// SPDX-License-Identifier: Apache-2.0
//
// Sessions: messages of so many calls that they are taken in by portions, and
// what happens in the middle of one; in-process and over TCP.
//
// A client that takes nothing stops the session in the middle of a message:
// what is refused waits to be sent, and no further call is taken in.
#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/tests/server/session/session_fixture.h"
#include "pinion/tests/support/session_client.h"
#include "pinion/v1/session.pb.h"

namespace pinion {
namespace {

using ::pinion::testing::Add;
using ::pinion::testing::Cancel;
using ::pinion::testing::ExpectAdded;
using ::pinion::testing::ExpectCancelled;
using ::pinion::testing::HeldWorker;
using ::pinion::testing::Message;
using ::pinion::testing::SessionClient;
using ::pinion::testing::SessionTest;
using ::pinion::testing::TransportName;

// Of several portions.
constexpr uint64_t kMany = 5000;
// Refused, more than a session has unsent, however much gRPC takes of it.
constexpr uint64_t kTooMany = 100'000;

class SessionPortionsTest : public SessionTest {
 protected:
  // A call that waits or runs, then kTooMany that are refused, then another:
  // of the ids 1, 2 and so on.
  static v1::OpenRequest LongMessage() {
    v1::OpenRequest request = Message({Add(1)});
    for (uint64_t i = 0; i < kTooMany; ++i) {
      v1::SessionCall* const call = request.add_calls();
      call->set_id(2 + i);
      call->set_method_index(1);
    }
    *request.add_calls() = Add(kLast);
    return request;
  }
  static constexpr uint64_t kLast = 2 + kTooMany;

  // That each of its calls has one answer.
  static void ExpectOneAnswerEach(SessionClient& session) {
    std::vector<uint64_t> ids = session.ids_come();
    std::sort(ids.begin(), ids.end());
    ASSERT_EQ(ids.size(), kLast);
    for (uint64_t i = 0; i < kLast; ++i) ASSERT_EQ(ids[i], i + 1);
  }

  static HostingOptions Patient() {
    return {.workers = 1,
            .session_calls = 2 * kTooMany,
            .write_timeout = absl::Hours(1),
            .grace = absl::ZeroDuration()};
  }
};

INSTANTIATE_TEST_SUITE_P(, SessionPortionsTest, ::testing::Bool(),
                         TransportName);

TEST_P(SessionPortionsTest,
       TakesNoFurtherCallOfAMessageWhileWhatItRefusedIsUnsent) {
  gate_.Open();
  Start(Patient());
  SessionClient slow(channel(), SessionClient::Takes::kNothing);
  slow.Send(LongMessage());
  AwaitAnswered(1);
  SessionClient other(channel());
  constexpr uint64_t kOthers = 300;  // More than the message has portions.
  for (uint64_t id = 1; id <= kOthers; ++id) {
    other.Send(Message({Add(id)}));
    ExpectAdded(other.Await(id));
  }
  EXPECT_EQ(adds_begun(), 1 + static_cast<int>(kOthers));
  slow.TakeAll();
  ExpectAdded(slow.Await(kLast));
  slow.AwaitAnswers(kLast);
  ExpectOneAnswerEach(slow);
}

TEST_P(SessionPortionsTest, ACancelAppliesBeforeAllCallsOfItsMessage) {
  gate_.Open();
  Start({.workers = 1});
  HeldWorker held(channel());
  SessionClient session(channel());
  session.Send(Message({Add(1)}));
  v1::OpenRequest request;
  for (uint64_t id = 1; id <= kMany; ++id) request.add_cancel(id);
  for (uint64_t id = 2; id <= kMany; ++id) *request.add_calls() = Add(id);
  session.Send(request);
  ExpectCancelled(session.Await(1), v1::EXECUTED_NO);
  held.Release();
  for (uint64_t id = 2; id <= kMany; ++id) ExpectAdded(session.Await(id));
  EXPECT_EQ(Lane().counts.cancelled, 1u);
}

TEST_P(SessionPortionsTest, CancelsManyThatWait) {
  gate_.Open();
  Start({.workers = 1});
  HeldWorker held(channel());
  SessionClient session(channel());
  v1::OpenRequest calls, cancels;
  for (uint64_t id = 1; id <= kMany; ++id) {
    *calls.add_calls() = Add(id);
    cancels.add_cancel(id);
  }
  session.Send(calls);
  session.Send(cancels);
  for (uint64_t id = 1; id <= kMany; ++id) {
    ExpectCancelled(session.Await(id), v1::EXECUTED_NO);
  }
  held.Release();
  AwaitNothingHeld();
  EXPECT_EQ(adds_begun(), 0);
}

TEST_P(SessionPortionsTest, RunsNoCallOfALongMessageThatCannotBeDecoded) {
  gate_.Open();
  Start({.workers = 1});
  SessionClient session(channel());
  std::vector<v1::SessionCall> calls;
  for (uint64_t id = 1; id <= kMany; ++id) calls.push_back(Add(id));
  session.SendBytes(Message(calls).SerializeAsString() + "\x0a\x01\xff");
  EXPECT_EQ(session.AwaitEnd().code(), absl::StatusCode::kInvalidArgument);
  AwaitNothingHeld();
  EXPECT_EQ(adds_begun(), 0);
}

TEST_P(SessionPortionsTest,
       AnswersEachCallOfAMessageThatIsHalfTakenWhenTheServerStops) {
  gate_.Open();
  Start(Patient());
  HeldWorker held(channel());
  SessionClient session(channel(), SessionClient::Takes::kNothing);
  session.Send(LongMessage());
  AwaitWaiting(1);
  server().Drain();
  session.TakeAll();
  EXPECT_EQ(session.AwaitEnd().code(), absl::StatusCode::kUnavailable);
  ExpectOneAnswerEach(session);
  for (const uint64_t id : {uint64_t{1}, kLast}) {
    testing::ExpectStopped(session.Await(id), v1::EXECUTED_NO);
  }
  held.Release();
  EXPECT_EQ(adds_begun(), 0);
}

TEST_P(SessionPortionsTest,
       DropsTheRestOfAMessageThatIsHalfTakenWhenTheClientIsGone) {
  gate_.Open();
  Start(Patient());
  HeldWorker held(channel());
  {
    SessionClient session(channel(), SessionClient::Takes::kNothing);
    session.Send(LongMessage());
    AwaitWaiting(1);
    session.Break();
  }
  AwaitCancelled(1);
  held.Release();
  AwaitNothingHeld();
  EXPECT_EQ(adds_begun(), 0);
  SessionClient other(channel());
  other.Send(Message({Add(1)}));
  ExpectAdded(other.Await(1));
}

TEST_P(SessionPortionsTest,
       AnswersEachCallOfAMessageThatIsHalfTakenWhenTheClientHasSaidAll) {
  gate_.Open();
  Start(Patient());
  SessionClient session(channel(), SessionClient::Takes::kNothing);
  session.Send(LongMessage());
  session.EndSends();
  AwaitAnswered(1);
  session.TakeAll();
  EXPECT_TRUE(session.AwaitEnd().ok()) << session.AwaitEnd();
  ExpectOneAnswerEach(session);
  ExpectAdded(session.Await(1));
  ExpectAdded(session.Await(kLast));
}

TEST_P(SessionPortionsTest, EndsThoughManyCallsWaitWhenTheClientIsGone) {
  gate_.Open();
  Start({.workers = 1});
  HeldWorker held(channel());
  {
    SessionClient session(channel());
    std::vector<v1::SessionCall> calls;
    for (uint64_t id = 1; id <= kMany; ++id) calls.push_back(Add(id));
    session.Send(Message(calls));
    AwaitWaiting(kMany);
    session.Break();
  }
  AwaitCancelled(kMany);
  held.Release();
  AwaitNothingHeld();
  EXPECT_EQ(adds_begun(), 0);
}

}  // namespace
}  // namespace pinion
