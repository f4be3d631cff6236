// SPDX-License-Identifier: Apache-2.0
//
// Sessions: what a client gets wrong. A mistake in a call is its answer, one in
// a message ends the stream; in-process and over TCP.
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/tests/server/session/session_fixture.h"
#include "pinion/tests/support/session_client.h"
#include "pinion/v1/session.pb.h"

namespace pinion {
namespace {

using ::pinion::testing::Add;
using ::pinion::testing::AddName;
using ::pinion::testing::Cancel;
using ::pinion::testing::ExpectAdded;
using ::pinion::testing::ExpectBadRequest;
using ::pinion::testing::ExpectCancelled;
using ::pinion::testing::ExpectFailed;
using ::pinion::testing::HeldWorker;
using ::pinion::testing::kAdd;
using ::pinion::testing::kHold;
using ::pinion::testing::Message;
using ::pinion::testing::SessionClient;
using ::pinion::testing::SessionTest;
using ::pinion::testing::TransportName;
using ::testing::HasSubstr;

class SessionMistakesTest : public SessionTest {
 protected:
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

INSTANTIATE_TEST_SUITE_P(, SessionMistakesTest, ::testing::Bool(),
                         TransportName);

TEST_P(SessionMistakesTest, RefusesAnIdThatIsOpenAndStillAnswersTheFirst) {
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

TEST_P(SessionMistakesTest, RefusesTheSecondOfAnIdThatAMessageHasTwice) {
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

TEST_P(SessionMistakesTest, EndsWhenAMessageCannotBeDecoded) {
  ExpectMistake("\xff\xff", "pinion.v1.OpenRequest");
}

TEST_P(SessionMistakesTest,
       EndsWhenACallCannotBeDecodedAndRunsNoneOfItsMessage) {
  ExpectMistake(Message({Add(3)}).SerializeAsString() + "\x0a\x01\xff",
                "pinion.v1.OpenRequest");
}

TEST_P(SessionMistakesTest, EndsWhenAMethodIsNamedWithTheIndexZero) {
  v1::OpenRequest request = Message({Add(3)});
  AddName(request, 0, kAdd);
  ExpectMistake(request.SerializeAsString(), "index 0");
}

TEST_P(SessionMistakesTest, EndsWhenAMethodIsNamedWithAnIndexThatIsTooHigh) {
  v1::OpenRequest request = Message({Add(3)});
  AddName(request, 1025, kAdd);
  ExpectMistake(request.SerializeAsString(), "index 1025");
}

TEST_P(SessionMistakesTest, AnswersThatThereIsNoSuchMethod) {
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

TEST_P(SessionMistakesTest, NamesTheMethodOfAnIndexThatItDoesNotHost) {
  gate_.Open();
  Start({.workers = 1});
  SessionClient session(channel());
  const auto at = [](uint64_t id, uint32_t index) {
    v1::SessionCall call = Add(id);
    call.clear_method();
    call.set_method_index(index);
    return call;
  };
  v1::OpenRequest request = Message({at(1, 1), at(2, 2), at(3, 3), at(4, 0)});
  AddName(request, 1, "/shop.v1.CounterService/None");
  AddName(request, 3, kAdd);
  session.Send(request);
  EXPECT_THAT(session.Await(1).message(),
              HasSubstr("hosts no method /shop.v1.CounterService/None"));
  EXPECT_THAT(session.Await(2).message(),
              HasSubstr("named no method with the index 2"));
  ExpectAdded(session.Await(3));
  EXPECT_THAT(session.Await(4).message(), HasSubstr("says no method"));
  // Another name for the index holds for what comes then.
  v1::OpenRequest other = Message({at(5, 1), at(6, 2), at(7, 3)});
  AddName(other, 1, "/a.B/Other");
  AddName(other, 2, std::string(1000, 'x').c_str());
  AddName(other, 3, "/a.B/Gone");
  session.Send(other);
  EXPECT_THAT(session.Await(5).message(), HasSubstr("hosts no method /a.B/O"));
  EXPECT_THAT(session.Await(6).message(), HasSubstr(std::string(128, 'x')));
  EXPECT_THAT(session.Await(7).message(), HasSubstr("hosts no method /a.B/G"));
}

TEST_P(SessionMistakesTest, AnswersWhatIsWrongWithACallAndGoesOn) {
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

TEST_P(SessionMistakesTest, NamesTheNumberThatIsNoPriority) {
  gate_.Open();
  Start({.workers = 1});
  SessionClient session(channel());
  v1::SessionCall high = Add(1);
  high.set_priority(static_cast<v1::Priority>(77));
  v1::SessionCall negative = Add(2);
  negative.set_priority(static_cast<v1::Priority>(-5));
  session.Send(Message({high, negative}));
  EXPECT_THAT(session.Await(1).message(),
              HasSubstr("priority is 77; valid are 1 (urgent)"));
  EXPECT_THAT(session.Await(2).message(),
              HasSubstr("priority is -5; valid are 1 (urgent)"));
}

TEST_P(SessionMistakesTest, RefusesAKeyThatIsTooLong) {
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

}  // namespace
}  // namespace pinion
