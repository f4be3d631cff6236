// SPDX-License-Identifier: Apache-2.0
//
// That each call has its answer, whatever a server leaves unsaid. Times are
// short so that the tests are; none claims that something takes less.
#include <memory>
#include <string>

#include "pinion/tests/client/session_script.h"

namespace pinion {
namespace {

using ::pinion::testing::ExpectFailure;
using ::pinion::testing::kEcho;
using ::pinion::testing::ScriptedSessions;
using ::pinion::testing::SessionScriptTest;
using ::pinion::testing::Started;

constexpr absl::Duration kShort = absl::Milliseconds(10);
constexpr absl::Duration kShortKeepalive = absl::Milliseconds(100);
constexpr uint64_t kQuestion = ~uint64_t{0};

using SessionSilenceTest = SessionScriptTest;

void ExpectMaybeRun(Started& call) {
  ExpectFailure(call, absl::StatusCode::kUnavailable, v1::REASON_UNSPECIFIED,
                v1::EXECUTED_MAYBE);
}

void ExpectNotRun(Started& call) {
  ExpectFailure(call, absl::StatusCode::kUnavailable, v1::REASON_UNSPECIFIED,
                v1::EXECUTED_NO);
}

TEST_F(SessionSilenceTest,
       LeavesASessionOfWhichNothingIsHeardWhileCallsExpire) {
  Open({.late_answer_timeout = kShort, .keepalive_timeout = kShort});
  Started lasting(*client_, kEcho, "lasting");
  absl::Status status;
  do {  // One may expire before it is written.
    Started expiring(*client_, kEcho, "expiring", {.timeout = kShort});
    status = expiring.Await();
    EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
  } while (NotExecuted(status));
  ExpectMaybeRun(lasting);
  Started next(*client_, kEcho, "next");
  Stream(1).SendHello();
  Stream(1).Answer(Stream(1).AwaitCall().id());
  EXPECT_TRUE(next.Await().ok());
  EXPECT_NE(Stream(0).peer, Stream(1).peer);  // Another connection.
}

TEST_F(SessionSilenceTest, SendsWhatWaitedOverANewConnection) {
  Connect({.late_answer_timeout = kShort, .keepalive_timeout = kShort});
  Started unheard(*client_, kEcho, "unheard");
  Stream(0).SendHello(/*max_calls=*/1);
  Stream(0).AwaitCall();
  Started waiting(*client_, kEcho, "waiting");
  client_->Cancel(unheard.id());
  Stream(1).SendHello();
  const v1::SessionCall came = Stream(1).AwaitCall();
  EXPECT_EQ(came.payload(), "waiting");
  Stream(1).Answer(came.id());
  EXPECT_TRUE(waiting.Await().ok());
}

TEST_F(SessionSilenceTest, AsksAServerThatSaysNothingAndStaysIfItAnswers) {
  Open(
      {.keepalive_time = kShortKeepalive, .keepalive_timeout = absl::Hours(1)});
  Started lasting(*client_, kEcho, "lasting");
  const v1::SessionCall call = Stream(0).AwaitCall();
  for (int i = 0; i < 3; ++i) {
    const v1::SessionCall question = Stream(0).AwaitCall();
    EXPECT_EQ(question.id(), kQuestion);
    EXPECT_EQ(question.method(), "");  // Which no server has.
    Stream(0).Refuse(question.id(), v1::REASON_NO_SUCH_METHOD, v1::EXECUTED_NO);
  }
  Stream(0).Answer(call.id());
  EXPECT_TRUE(lasting.Await().ok());
}

TEST_F(SessionSilenceTest, LeavesAServerThatDoesNotSayThatItIsThere) {
  Open({.keepalive_time = kShortKeepalive, .keepalive_timeout = kShort});
  Started lasting(*client_, kEcho, "lasting");
  ExpectMaybeRun(lasting);
}

TEST_F(SessionSilenceTest, FailsACallThatTheServerNeverReads) {
  server_ = std::make_unique<ScriptedSessions>(/*port=*/0, /*reads=*/false);
  Connect({.keepalive_time = kShortKeepalive, .keepalive_timeout = kShort});
  // More than the stream's window takes.
  Started large(*client_, kEcho, std::string(2 << 20, 'x'));
  Stream(0).SendHello();
  ExpectMaybeRun(large);
}

TEST_F(SessionSilenceTest, EachCallFailsOfAServerThatNeverSaysHello) {
  Connect({.connect_timeout = kShort, .keepalive_timeout = absl::Hours(1)});
  Started first(*client_, kEcho, "first");
  ExpectNotRun(first);
  Started second(*client_, kEcho, "second");
  ExpectNotRun(second);
  Stream(0);  // On a busy machine it comes later than that.
  EXPECT_EQ(server_->streams(), 1u);
}

TEST_F(SessionSilenceTest, LeavesAServerThatNeverSaysHello) {
  Connect({.connect_timeout = kShort, .keepalive_timeout = kShort});
  while (server_->streams() < 3) {
    Started call(*client_, kEcho, "a");
    ExpectNotRun(call);
  }
  EXPECT_NE(Stream(0).peer, Stream(1).peer);
}

TEST_F(SessionSilenceTest, FailsTheCallsOfADrainThatDoesNotEnd) {
  Open({.keepalive_timeout = kShort});
  Started open(*client_, kEcho, "open");
  Stream(0).AwaitCall();
  v1::OpenResponse drain;
  drain.mutable_drain()->set_grace_us(1);
  Stream(0).Send(drain);
  ExpectMaybeRun(open);
  EXPECT_NE(open.Await().message().find("not ended"), std::string::npos)
      << open.Await();
}

TEST_F(SessionSilenceTest, CancelOfACallWithoutADeadlineCallsBack) {
  Open({.late_answer_timeout = kShort});
  Started call(*client_, kEcho, "a");
  const v1::SessionCall came = Stream(0).AwaitCall();
  client_->Cancel(call.id());
  client_->Cancel(call.id());
  EXPECT_EQ(Stream(0).AwaitCancel(), came.id());
  ExpectFailure(call, absl::StatusCode::kCancelled, v1::REASON_CANCELLED,
                v1::EXECUTED_MAYBE);
  // Its late answer is nobody's.
  Started next(*client_, kEcho, "b");
  const v1::SessionCall second = Stream(0).AwaitCall();
  Stream(0).Answer(came.id(), "late");
  Stream(0).Answer(second.id(), "right");
  EXPECT_TRUE(next.Await().ok());
  EXPECT_EQ(next.response(), "right");
}

TEST_F(SessionSilenceTest, LeavesASessionOfWhichNothingIsHeardUponACancel) {
  Open({.late_answer_timeout = kShort, .keepalive_timeout = kShort});
  Started lasting(*client_, kEcho, "lasting");
  Started call(*client_, kEcho, "a");
  Stream(0).AwaitCall();
  Stream(0).AwaitCall();
  client_->Cancel(call.id());
  ExpectMaybeRun(lasting);
  client_ = nullptr;
}

}  // namespace
}  // namespace pinion
