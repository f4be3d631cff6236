// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/call/refusals.h"

#include <chrono>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gtest/gtest.h"
#include "pinion/server/call/fate.h"
#include "pinion/server/internal/answer.h"
#include "pinion/server/internal/holding.h"
#include "pinion/v1/failure.pb.h"
#include "pinion/v1/priority.pb.h"

namespace pinion {
namespace {

using refusals::Bound;
using refusals::Client;
using refusals::LaneName;
using refusals::ServerBounds;
using refusals::Wait;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr LaneName kLane = {.worker = 3, .service = "shop.v1.Cart"};
constexpr Bound kBound = {.held = 7, .max = 8};
constexpr ServerBounds kServer = {.calls = {.held = 1, .max = 2},
                                  .bytes = {.held = 30, .max = 40}};
constexpr Wait kWait = {
    .lane = kLane, .left = milliseconds(10), .expected = microseconds(12'345)};
constexpr nanoseconds kAdvice = milliseconds(5);

// The row of docs/errors.md that has the error: "CODE REASON EXECUTED".
std::string RowOf(const Answer& answer) {
  const v1::Failure& failure = *answer.failure();
  return absl::StrCat(
      absl::StatusCodeToString(answer.status.code()), " ",
      absl::StripPrefix(v1::Reason_Name(failure.reason()), "REASON_"), " ",
      absl::StripPrefix(v1::Executed_Name(failure.executed()), "EXECUTED_"));
}

void ExpectIs(const Answer& answer, const std::string& row,
              const std::string& text) {
  EXPECT_EQ(RowOf(answer), row);
  EXPECT_EQ(answer.status.message(), text);
}

void ExpectAdvises(const Answer& answer) {
  EXPECT_EQ(answer.failure()->worker(), 3);
  EXPECT_EQ(microseconds(answer.failure()->retry_after_us()), kAdvice);
}

microseconds AdviceFor(nanoseconds retry_after) {
  return microseconds(refusals::ServerFull(3, kServer, retry_after)
                          .failure()
                          ->retry_after_us());
}

class ShareTest : public ::testing::Test {
 protected:
  ShareTest() { holding_.Add(5, 600); }

  Client session() const { return {.in_session = true, .held = &holding_}; }
  static std::string SharedOf(const std::string& of) {
    return absl::StrCat(
        "this session already holds 5 calls and 600 bytes of ", of,
        ", with its unread answers, which is its share: as much as it leaves "
        "free for others; read answers, then retry");
  }

 private:
  Holding holding_;
};

TEST(RefusalsTest, AdviseNeitherLessThanAMillisecondNorMoreThanHalfAMinute) {
  EXPECT_EQ(AdviceFor(microseconds(1234)), microseconds(1234));
  EXPECT_EQ(AdviceFor(nanoseconds(0)), milliseconds(1));
  EXPECT_EQ(AdviceFor(std::chrono::hours(1)), std::chrono::seconds(30));
}

TEST(RefusalsTest, NameTheLaneThatIsFullAndItsBound) {
  const char kRow[] = "RESOURCE_EXHAUSTED LANE_FULL NO";
  const Answer calls = refusals::LaneFullOfCalls(kLane, kBound, kAdvice);
  ExpectIs(calls, kRow,
           "worker 3 already holds 7 calls of shop.v1.Cart, of at most 8; "
           "retry later");
  ExpectAdvises(calls);
  const Answer bytes = refusals::LaneFullOfBytes(kLane, kBound, 9, kAdvice);
  ExpectIs(bytes, kRow,
           "worker 3 already holds 7 bytes of calls of shop.v1.Cart and cannot "
           "take 9 more, of at most 8; retry later");
  ExpectAdvises(bytes);
  const Answer streams = refusals::LaneFullOfStreams(kLane, kBound, kAdvice);
  ExpectIs(streams, kRow,
           "worker 3 already has 7 open streams of shop.v1.Cart, of at most 8; "
           "retry later");
  ExpectAdvises(streams);
}

TEST(RefusalsTest, SayWhatAFullServerHolds) {
  const Answer full = refusals::ServerFull(3, kServer, kAdvice);
  ExpectIs(full, "RESOURCE_EXHAUSTED SERVER_FULL NO",
           "the server already holds 1 calls with 30 bytes, of at most 2 with "
           "40; retry later");
  ExpectAdvises(full);
  const Answer no_room = refusals::NoRoomForAnswer(3, 9, kBound, kAdvice);
  ExpectIs(no_room, "RESOURCE_EXHAUSTED SERVER_FULL NO",
           "there is no room for the answer, of some 9 bytes: the server "
           "already holds 7 bytes, of at most 8; retry later");
  ExpectAdvises(no_room);
  ExpectIs(refusals::AnswerDropped(9, kBound),
           "RESOURCE_EXHAUSTED SERVER_FULL YES",
           "the handler has ended, but the server already holds 7 bytes, of at "
           "most 8, and had to drop its answer of 9 bytes");
}

TEST_F(ShareTest, OfASessionIsNamedWithWhatItHolds) {
  const char kRow[] = "RESOURCE_EXHAUSTED SHARE_FULL NO";
  const Answer server =
      refusals::ShareOfServerFull(3, session(), kServer, kAdvice);
  ExpectIs(server, kRow,
           absl::StrCat(SharedOf("the server"),
                        " (the server already holds 1 calls with 30 bytes, of "
                        "at most 2 with 40)"));
  ExpectAdvises(server);
  const Answer answer =
      refusals::NoShareForAnswer(3, session(), 9, kBound, kAdvice);
  ExpectIs(answer, kRow,
           absl::StrCat("there is no room for the answer, of some 9 bytes: ",
                        SharedOf("the server"),
                        " (the server already holds 7 bytes, of at most 8)"));
  ExpectAdvises(answer);
  const Answer lane = refusals::ShareOfLaneFull(kLane, session(), kAdvice);
  ExpectIs(lane, kRow, SharedOf("what worker 3 may hold for shop.v1.Cart"));
  ExpectAdvises(lane);
  const Answer streams =
      refusals::ShareOfStreamsFull(kLane, session(), kAdvice);
  ExpectIs(streams, kRow,
           SharedOf("the streams that worker 3 may have of shop.v1.Cart"));
  ExpectAdvises(streams);
}

TEST_F(ShareTest, OfACallWithoutAPartyIsAsMuchAsItLeavesFree) {
  EXPECT_EQ(refusals::DescribeShare({.in_session = false, .held = nullptr},
                                    "the server"),
            "a call whose client cannot be told from others leaves as much of "
            "the server free as it takes; retry later");
}

TEST(RefusalsTest, CompareTheWaitWithTheTimeThatIsLeft) {
  const Answer too_long = refusals::WaitTooLong(kWait, kAdvice);
  ExpectIs(too_long, "RESOURCE_EXHAUSTED WAIT_TOO_LONG NO",
           "the call has 10ms until its deadline, but worker 3 is expected to "
           "take 12.3ms for calls of shop.v1.Cart up to this one; retry later "
           "or allow more time");
  ExpectAdvises(too_long);
  const Answer stalled =
      refusals::LaneStalled(kWait, std::chrono::seconds(2), kAdvice);
  ExpectIs(stalled, "RESOURCE_EXHAUSTED LANE_STALLED NO",
           "the call has 10ms until its deadline, but worker 3 is expected to "
           "take 12.3ms for calls of shop.v1.Cart up to this one, kept by a "
           "handler that has run for 2s; retry later or allow more time");
  ExpectAdvises(stalled);
}

TEST(RefusalsTest, ShowShortTimesWithTheirUnits) {
  const Wait wait = {
      .lane = kLane, .left = microseconds(35), .expected = nanoseconds(1'900)};
  EXPECT_EQ(refusals::WaitTooLong(wait, kAdvice).status.message(),
            "the call has 35us until its deadline, but worker 3 is expected to "
            "take 1us for calls of shop.v1.Cart up to this one; retry later or "
            "allow more time");
}

TEST(RefusalsTest, ShowNoTimeThatIsLeftWhereNoneIs) {
  const Wait wait = {
      .lane = kLane, .left = nanoseconds(-429), .expected = nanoseconds(0)};
  EXPECT_EQ(refusals::WaitTooLong(wait, kAdvice).status.message(),
            "the call's deadline had passed when it came to worker 3's calls "
            "of shop.v1.Cart; retry later or allow more time");
}

TEST(RefusalsTest, SayHowManyCallsMayBeOpen) {
  const char kRow[] = "RESOURCE_EXHAUSTED TOO_MANY_CALLS NO";
  ExpectIs(refusals::SessionFullOfCalls(kBound), kRow,
           "the session has 7 calls open, of at most 8; wait for answers, or "
           "open another session");
  ExpectIs(refusals::TooManyInMessage(9, 8), kRow,
           "the message has 9 calls, of which at most 8 may be open; send "
           "fewer at a time, or open another session");
  ExpectIs(refusals::SessionFullOfBytes(8), kRow,
           "the session's open calls already take all of the 8 bytes that they "
           "may take; wait for answers, or open another session");
  ExpectIs(refusals::TooManyOpenCalls(8), kRow,
           "this connection already has 8 calls, streams and sessions open, as "
           "many as it may; read answers and wait, or open another connection");
}

TEST(RefusalsTest, SayHowLargeAResponseMayBe) {
  ExpectIs(refusals::ResponseTooLarge(9, 8),
           "RESOURCE_EXHAUSTED RESPONSE_TOO_LARGE YES",
           "the response has 9 bytes, more than the 8 that a message may have; "
           "ask for less at once");
}

TEST(RefusalsTest, SayThatNoHandlerSawACallThatWaited) {
  const char kWhere[] = "while it waited for worker 3; no handler saw it";
  const Answer expired = refusals::ExpiredWaiting(3);
  ExpectIs(expired, "DEADLINE_EXCEEDED EXPIRED NO",
           absl::StrCat("the call's deadline passed ", kWhere));
  EXPECT_EQ(expired.failure()->worker(), 3);
  const Answer cancelled = refusals::CancelledWaiting(3);
  ExpectIs(cancelled, "CANCELLED CANCELLED NO",
           absl::StrCat("the call was cancelled ", kWhere));
  EXPECT_EQ(cancelled.failure()->worker(), 3);
  const Answer stopped = refusals::StoppedWaiting(3);
  ExpectIs(stopped, "UNAVAILABLE STOPPING NO",
           absl::StrCat("the server had to answer the call to stop ", kWhere));
  EXPECT_EQ(stopped.failure()->worker(), 3);
}

TEST(RefusalsTest, SayThatTheResultOfACallThatRanIsDropped) {
  const char kWhere[] =
      "while its handler ran on worker 3; what the handler does is dropped";
  const Answer expired = refusals::ExpiredRunning(3, Fate::Was::kRunning);
  ExpectIs(expired, "DEADLINE_EXCEEDED EXPIRED MAYBE",
           absl::StrCat("the call's deadline passed ", kWhere));
  EXPECT_EQ(expired.failure()->worker(), 3);
  const Answer cancelled = refusals::CancelledRunning(3, Fate::Was::kRunning);
  ExpectIs(cancelled, "CANCELLED CANCELLED MAYBE",
           absl::StrCat("the call was cancelled ", kWhere));
  EXPECT_EQ(cancelled.failure()->worker(), 3);
  const Answer stopped = refusals::StoppedRunning(3, Fate::Was::kRunning);
  ExpectIs(stopped, "UNAVAILABLE STOPPING MAYBE",
           absl::StrCat("the server had to answer the call to stop ", kWhere));
  EXPECT_EQ(stopped.failure()->worker(), 3);
  EXPECT_EQ(
      refusals::ExpiredRunning(3, Fate::Was::kHeld).status.message(),
      "the call's deadline passed while the stream was open on worker 3; what "
      "the handler does is dropped");
  const Answer stream = refusals::StoppedRunning(3, Fate::Was::kHeld);
  ExpectIs(stream, "UNAVAILABLE STOPPING MAYBE",
           "the server is stopping and had to end the stream on worker 3; open "
           "it on another server");
  EXPECT_EQ(stream.failure()->worker(), 3);
}

TEST(RefusalsTest, SayWhatStopsAndWhatToOpenInstead) {
  ExpectIs(refusals::ServerStopping(), "UNAVAILABLE STOPPING NO",
           "the server is stopping; call another");
  ExpectIs(refusals::SessionTooOld(), "UNAVAILABLE STOPPING NO",
           "the session is old; open another session");
  ExpectIs(refusals::SessionOver(absl::UnavailableError("over")),
           "UNAVAILABLE STOPPING NO", "over");
  ExpectIs(refusals::StreamCutOff(), "UNAVAILABLE STOPPING YES",
           "the server had to stop before the whole stream had left; its "
           "handler had ended it");
}

TEST(RefusalsTest, SayWhatIsWrongWithTheRequest) {
  const char kRow[] = "INVALID_ARGUMENT BAD_REQUEST NO";
  ExpectIs(refusals::BadRequest(refusals::WorkerIsNoNumber("x\n", 4)), kRow,
           "pinion-worker is \"x\\n\"; this server has the workers 0 to 3");
  ExpectIs(refusals::BadRequest(refusals::NoSuchWorker(-1, 4)), kRow,
           "the call asks for worker -1; this server has the workers 0 to 3");
  ExpectIs(refusals::BadRequest(refusals::KeyHasItsWorker("/x/Y")), kRow,
           "/x/Y has a key, which has one worker; ask for a worker only where "
           "a method has no key");
  ExpectIs(refusals::BadRequest(refusals::NoSuchPriority("high")), kRow,
           "pinion-priority is \"high\"; valid are urgent, normal and bulk");
  ExpectIs(refusals::BadRequest(
               refusals::NoSuchPriority(static_cast<v1::Priority>(9))),
           kRow,
           "the call's priority is 9; valid are 1 (urgent), 2 (normal) and 3 "
           "(bulk)");
  ExpectIs(refusals::CannotDecode(9, "x.Y"), kRow,
           "cannot decode the 9 bytes as x.Y");
  ExpectIs(refusals::TooMuchMetadata(), kRow,
           "the call's metadata takes more than the 16384 bytes that it may, "
           "with 32 for each entry beside its name and value; send less");
  ExpectIs(refusals::BadMetadata("Ten ant", "x"), kRow,
           "the call has metadata named \"Ten ant\"; valid are lower case "
           "letters, digits, '-', '_' and '.'");
  ExpectIs(refusals::BadMetadata("tenant", "a\n"), kRow,
           "the call's metadata \"tenant\" is \"a\\n\"; valid is printable "
           "ASCII, or any bytes if the name ends in \"-bin\"");
  ExpectIs(refusals::IdIsOpen(9), kRow,
           "the id 9 is that of a call of the session that is open; give each "
           "open call an id of its own");
}

TEST(RefusalsTest, NameTheMethodThatIsNotServed) {
  const char kRow[] = "UNIMPLEMENTED NO_SUCH_METHOD NO";
  ExpectIs(refusals::NoSuchMethod("/x/Y\n"), kRow,
           "this server hosts no method /x/Y\\n");
  ExpectIs(refusals::NoSuchMethodIndex(9), kRow,
           "the session has named no method with the index 9; name it in the "
           "same message or earlier");
  ExpectIs(refusals::NoSuchMethodIndex(0), kRow,
           "the call says no method: it has neither a name nor an index");
  ExpectIs(refusals::NoStreamsInSessions("/x/Y"), kRow,
           "/x/Y is a streaming method, which is served as a plain gRPC call "
           "only, not within sessions");
}

TEST(RefusalsTest, LeaveTheHandlersOwnErrorsAsTheyAre) {
  ExpectIs(refusals::HandlerFailed(absl::DataLossError("lost")),
           "DATA_LOSS HANDLER YES", "lost");
  ExpectIs(refusals::HandlerDropped("stream"), "INTERNAL HANDLER YES",
           "the handler dropped the stream");
}

}  // namespace
}  // namespace pinion
