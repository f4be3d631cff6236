// SPDX-License-Identifier: Apache-2.0
//
// What a client makes of what a server of sessions says and does not say.
#include "pinion/tests/client/session_script.h"

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "pinion/client/client.h"
#include "pinion/echo/v1/echo.pb.h"
#include "pinion/server/testing/gate.h"
#include "pinion/tests/support/scripted_sessions.h"
#include "pinion/tests/support/started_call.h"

namespace pinion {
namespace {

using ::pinion::testing::ExpectFailure;
using ::pinion::testing::Gate;
using ::pinion::testing::kEcho;
using ::pinion::testing::ScriptedSessions;
using ::pinion::testing::ScriptedStream;
using ::pinion::testing::SessionScriptTest;
using ::pinion::testing::Started;

constexpr char kEchoKeyed[] = "/pinion.echo.v1.EchoService/EchoKeyed";

TEST_F(SessionScriptTest, SaysHelloAndWaitsForTheServersBeforeItSendsCalls) {
  Connect({.name = "test/1"});
  Started call(*client_, kEcho, "a");
  ScriptedStream& stream = Stream(0);
  EXPECT_EQ(stream.calls_left(), 0u);
  stream.SendHello();
  const v1::SessionCall came = stream.AwaitCall();
  EXPECT_EQ(stream.AwaitHello().revision(), 1u);
  EXPECT_EQ(stream.AwaitHello().name(), "test/1");
  EXPECT_EQ(came.method(), kEcho);
  EXPECT_EQ(came.payload(), "a");
  stream.Answer(came.id(), "b");
  EXPECT_TRUE(call.Await().ok());
  EXPECT_EQ(call.response(), "b");
}

TEST_F(SessionScriptTest, SendsAllThatACallWants) {
  Connect();
  Started call(*client_, kEcho, "a",
               {.timeout = absl::Hours(1),
                .priority = v1::PRIORITY_BULK,
                .worker = 3,
                .want_timing = true,
                .metadata = {{"tenant", "7"}, {"token-bin", "\xff"}}});
  Stream(0).SendHello();
  const v1::SessionCall came = Stream(0).AwaitCall();
  EXPECT_GT(came.timeout_us(), 3'500'000'000u);
  EXPECT_LE(came.timeout_us(), 3'600'000'000u);
  EXPECT_EQ(came.priority(), v1::PRIORITY_BULK);
  EXPECT_EQ(came.worker(), 3u);
  EXPECT_TRUE(came.want_timing());
  ASSERT_EQ(came.metadata_size(), 2);
  EXPECT_EQ(came.metadata(0).name(), "tenant");
  EXPECT_EQ(came.metadata(1).value(), "\xff");
  v1::OpenResponse response;
  v1::SessionAnswer* const answer = response.add_answers();
  answer->set_id(came.id());
  answer->mutable_timing()->set_ran_ns(5);
  answer->add_trailing()->set_name("left");
  Stream(0).Send(response);
  EXPECT_TRUE(call.Await().ok());
}

TEST_F(SessionScriptTest, KeepsToTheNumberOfCallsThatTheServerAnnounced) {
  Connect();
  Started first(*client_, kEcho, "1"), second(*client_, kEcho, "2");
  Stream(0).SendHello(/*max_calls=*/1);
  const v1::SessionCall one = Stream(0).AwaitCall();
  EXPECT_EQ(Stream(0).calls_left(), 0u);
  Stream(0).Answer(one.id());
  const v1::SessionCall two = Stream(0).AwaitCall();
  EXPECT_EQ(two.payload(), "2");
  Stream(0).Answer(two.id());
}

TEST_F(SessionScriptTest, KeepsToTheBytesThatTheServerAnnounced) {
  Connect();
  const std::string large(1000, 'x');
  Started first(*client_, kEcho, large), second(*client_, kEcho, large);
  Stream(0).SendHello(1000, /*max_bytes=*/1500);
  const v1::SessionCall one = Stream(0).AwaitCall();
  EXPECT_EQ(Stream(0).calls_left(), 0u);
  Stream(0).Answer(one.id());
  Stream(0).Answer(Stream(0).AwaitCall().id());
}

TEST_F(SessionScriptTest, RefusesWhatNoMessageHoldsAndSendsTheRest) {
  Connect();
  Started large(*client_, kEcho, std::string(2000, 'x')),
      small(*client_, kEcho, "y");
  Stream(0).SendHello(1000, 1 << 20, /*max_message_bytes=*/1000);
  ExpectFailure(large, absl::StatusCode::kResourceExhausted,
                v1::REASON_BAD_REQUEST, v1::EXECUTED_NO);
  Stream(0).Answer(Stream(0).AwaitCall().id());
  EXPECT_TRUE(small.Await().ok());
}

TEST_F(SessionScriptTest, RefusesMoreWaitingBytesThanItMayHold) {
  Connect({.max_waiting_bytes = 1000});
  Started first(*client_, kEcho, std::string(900, 'x'));
  Started second(*client_, kEcho, std::string(900, 'y'));
  ExpectFailure(second, absl::StatusCode::kResourceExhausted,
                v1::REASON_TOO_MANY_CALLS, v1::EXECUTED_NO);
  Stream(0).SendHello();
  Stream(0).Answer(Stream(0).AwaitCall().id());
}

TEST_F(SessionScriptTest, CountsWhatACallTakesBesideItsRequest) {
  Connect({.max_waiting_bytes = 1000});
  std::deque<Started> waiting;  // 128 bytes each.
  for (int i = 0; i < 7; ++i) waiting.emplace_back(*client_, kEcho, "");
  Started more(*client_, kEcho, "");
  ExpectFailure(more, absl::StatusCode::kResourceExhausted,
                v1::REASON_TOO_MANY_CALLS, v1::EXECUTED_NO);
  Stream(0).SendHello();
  for (int i = 0; i < 7; ++i) Stream(0).Answer(Stream(0).AwaitCall().id());
}

TEST_F(SessionScriptTest, RefusesANameOfMegabytesAndGoesOn) {
  Open();
  const std::string name = "/a.B/" + std::string(5 << 20, 'c');
  Started large(*client_, name, "");
  ExpectFailure(large, absl::StatusCode::kInvalidArgument,
                v1::REASON_BAD_REQUEST, v1::EXECUTED_NO);
  EXPECT_LT(large.Await().message().size(), 200u);
  Started longest(*client_, name.substr(0, 4096), "");
  Started other(*client_, kEcho, "");
  for (int i = 0; i < 2; ++i) Stream(0).Answer(Stream(0).AwaitCall().id());
  EXPECT_TRUE(longest.Await().ok());
  EXPECT_TRUE(other.Await().ok());
}

TEST_F(SessionScriptTest, TakesBackNoCallOfAnotherClient) {
  Connect();
  ScriptedSessions other_server;
  const auto other = Client::Connect(other_server.address(), {.sessions = 8});
  std::deque<Started> theirs;
  for (int i = 0; i < 8; ++i) theirs.emplace_back(*other, kEcho, "");
  Started ours(*client_, kEcho, "");
  for (const Started& call : theirs) client_->Cancel(call.id());
  other->Cancel(ours.id());
  Stream(0).SendHello();
  Stream(0).Answer(Stream(0).AwaitCall().id());
  EXPECT_TRUE(ours.Await().ok());
  for (const Started& call : theirs) EXPECT_FALSE(call.answered());
  for (const Started& call : theirs) other->Cancel(call.id());
}

TEST_F(SessionScriptTest, TakesACallBackThatWasNotSent) {
  Connect();
  Started call(*client_, kEcho, "a"), other(*client_, kEcho, "b");
  client_->Cancel(call.id());
  ExpectFailure(call, absl::StatusCode::kCancelled, v1::REASON_CANCELLED,
                v1::EXECUTED_NO);
  Stream(0).SendHello();
  const v1::SessionCall came = Stream(0).AwaitCall();
  EXPECT_EQ(came.payload(), "b");
  Stream(0).Answer(came.id());
}

TEST_F(SessionScriptTest, LetsTheServerSayWhetherACancelledCallRan) {
  Connect();
  Started call(*client_, kEcho, "a");
  Stream(0).SendHello();
  const v1::SessionCall came = Stream(0).AwaitCall();
  client_->Cancel(call.id());
  EXPECT_EQ(Stream(0).AwaitCancel(), came.id());
  Stream(0).Refuse(came.id(), v1::REASON_CANCELLED, v1::EXECUTED_MAYBE);
  ExpectFailure(call, absl::StatusCode::kResourceExhausted,
                v1::REASON_CANCELLED, v1::EXECUTED_MAYBE);
}

TEST_F(SessionScriptTest, IgnoresACancelOfACallThatIsOver) {
  Connect();
  Started call(*client_, kEcho, "a");
  Stream(0).SendHello();
  Stream(0).Answer(Stream(0).AwaitCall().id());
  call.Await().IgnoreError();
  client_->Cancel(call.id());
  Started next(*client_, kEcho, "b");  // In the same slot.
  client_->Cancel(call.id());
  Stream(0).Answer(Stream(0).AwaitCall().id());
  EXPECT_TRUE(next.Await().ok());
}

TEST_F(SessionScriptTest, EndsACallThatTheServerIsSilentAboutAndCancelsIt) {
  Open({.late_answer_timeout = absl::Milliseconds(5)});
  std::optional<Started> call;
  // On a busy machine one may expire before it was sent.
  absl::Duration timeout = absl::Milliseconds(20);
  do {
    call.emplace(*client_, kEcho, "a", CallOptions{.timeout = timeout});
    timeout *= 2;
  } while (NotExecuted(call->Await()));
  ExpectFailure(*call, absl::StatusCode::kDeadlineExceeded, v1::REASON_EXPIRED,
                v1::EXECUTED_MAYBE);
  const v1::SessionCall came = Stream(0).AwaitCall();
  EXPECT_EQ(Stream(0).AwaitCancel(), came.id());
  // Its late answer is nobody's.
  Started next(*client_, kEcho, "b");
  const v1::SessionCall second = Stream(0).AwaitCall();
  EXPECT_NE(second.id(), came.id());
  Stream(0).Answer(came.id(), "late");
  Stream(0).Answer(second.id(), "right");
  EXPECT_TRUE(next.Await().ok());
  EXPECT_EQ(next.response(), "right");
}

TEST_F(SessionScriptTest, WaitsForTheServersLateAnswerToADeadline) {
  Open({.late_answer_timeout = absl::Hours(1)});
  for (absl::Duration timeout = absl::Milliseconds(20);; timeout *= 2) {
    Started call(*client_, kEcho, "a", {.timeout = timeout});
    Started next(*client_, kEcho, "b");
    v1::SessionCall came = Stream(0).AwaitCall();
    // On a busy machine it may expire before it was sent.
    const bool was_sent = came.payload() == "a";
    if (was_sent) {
      Stream(0).Refuse(came.id(), v1::REASON_EXPIRED, v1::EXECUTED_NO);
      came = Stream(0).AwaitCall();
    }
    Stream(0).Answer(came.id());
    if (!was_sent) continue;
    ExpectFailure(call, absl::StatusCode::kResourceExhausted,
                  v1::REASON_EXPIRED, v1::EXECUTED_NO);
    return;
  }
}

TEST_F(SessionScriptTest, ExpiresACallThatWaitsForASession) {
  Connect();
  Started call(*client_, kEcho, "a", {.timeout = absl::Milliseconds(10)});
  ExpectFailure(call, absl::StatusCode::kDeadlineExceeded, v1::REASON_EXPIRED,
                v1::EXECUTED_NO);
  Stream(0).SendHello();
}

TEST_F(SessionScriptTest, TriesAgainWhatWasRefusedBeforeItRan) {
  Connect();
  Started call(*client_, kEcho, "a");
  Stream(0).SendHello();
  for (int i = 0; i < 3; ++i) {
    const v1::SessionCall came = Stream(0).AwaitCall();
    EXPECT_EQ(came.payload(), "a");
    Stream(0).Refuse(came.id(), v1::REASON_LANE_FULL, v1::EXECUTED_NO, 1000);
  }
  Stream(0).Answer(Stream(0).AwaitCall().id(), "at last");
  EXPECT_TRUE(call.Await().ok());
  EXPECT_EQ(call.response(), "at last");
}

TEST_F(SessionScriptTest, TriesNoOftenerThanItMay) {
  Connect({.retry = {.max_attempts = 2}});
  Started call(*client_, kEcho, "a");
  Stream(0).SendHello();
  for (int i = 0; i < 2; ++i) {
    Stream(0).Refuse(Stream(0).AwaitCall().id(), v1::REASON_SERVER_FULL,
                     v1::EXECUTED_NO);
  }
  ExpectFailure(call, absl::StatusCode::kResourceExhausted,
                v1::REASON_SERVER_FULL, v1::EXECUTED_NO);
}

TEST_F(SessionScriptTest, DoesNotTryAgainWhatMayHaveRun) {
  Connect();
  Started call(*client_, kEcho, "a");
  Stream(0).SendHello();
  Stream(0).Refuse(Stream(0).AwaitCall().id(), v1::REASON_LANE_FULL,
                   v1::EXECUTED_MAYBE);
  ExpectFailure(call, absl::StatusCode::kResourceExhausted,
                v1::REASON_LANE_FULL, v1::EXECUTED_MAYBE);
}

TEST_F(SessionScriptTest, DoesNotTryAgainWhatItsCallerTookBack) {
  Open();
  Started call(*client_, kEcho, "a");
  const v1::SessionCall came = Stream(0).AwaitCall();
  client_->Cancel(call.id());
  EXPECT_EQ(Stream(0).AwaitCancel(), came.id());
  Stream(0).Refuse(came.id(), v1::REASON_LANE_FULL, v1::EXECUTED_NO);
  ExpectFailure(call, absl::StatusCode::kResourceExhausted,
                v1::REASON_LANE_FULL, v1::EXECUTED_NO);
}

TEST_F(SessionScriptTest, SendsWhatCallbacksStartInTheOrderInWhichTheyDo) {
  constexpr int kCalls = 200;  // More than are taken in at a time.
  Open();
  std::vector<std::string> started;
  std::atomic<int> answered{0};
  Gate all_answered;
  const auto count = [&](const Reply& reply) {
    EXPECT_TRUE(reply.status.ok());
    if (++answered == 3 * kCalls) all_answered.Open();
  };
  const auto start = [&] {
    started.push_back(absl::StrCat("next", started.size()));
    client_->StartRaw(kEcho, started.back(), {}, count);
  };
  for (int i = 0; i < kCalls; ++i) {
    client_->StartRaw(kEcho, "", {}, [&](const Reply& reply) {
      count(reply);
      start();
      start();  // More than there are places set aside for.
    });
  }
  v1::OpenResponse response;
  for (int i = 0; i < kCalls; ++i) {
    response.add_answers()->set_id(Stream(0).AwaitCall().id());
  }
  Stream(0).Send(response);
  for (int i = 0; i < 2 * kCalls; ++i) {
    const v1::SessionCall came = Stream(0).AwaitCall();
    ASSERT_EQ(came.payload(), absl::StrCat("next", i));
    Stream(0).Answer(came.id());
  }
  all_answered.Pass();
  client_ = nullptr;  // The last callback has returned.
}

TEST_F(SessionScriptTest, NeverSendsWhatACallbackStartsAndTakesBack) {
  Open();
  Gate taken_back;
  absl::Status status;
  Started other(*client_, kEcho, "other");
  client_->StartRaw(kEcho, "", {}, [&](const Reply&) {
    const CallId id =
        client_->StartRaw(kEcho, "unwanted", {}, [&](const Reply& reply) {
          status = reply.status;
          taken_back.Open();
        });
    client_->Cancel(id);
  });
  v1::OpenResponse response;
  const v1::SessionCall first = Stream(0).AwaitCall();
  response.add_answers()->set_id(Stream(0).AwaitCall().id());
  Stream(0).Send(response);
  taken_back.Pass();
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(NotExecuted(status)) << status;
  Started last(*client_, kEcho, "last");
  const v1::SessionCall next = Stream(0).AwaitCall();
  EXPECT_EQ(next.payload(), "last");
  Stream(0).Answer(next.id());
  Stream(0).Answer(first.id());
}

// Answers the two calls that have come, in one message.
void AnswerTwo(ScriptedStream& stream, const v1::SessionCall& first,
               const v1::SessionCall& second) {
  v1::OpenResponse response;
  response.add_answers()->set_id(first.id());
  response.add_answers()->set_id(second.id());
  stream.Send(response);
}

TEST_F(SessionScriptTest, ACallHasNothingOfTheOneWhoseSlotItUses) {
  Open();
  Gate all_answered;
  client_->StartRaw(kEcho, "first",
                    {.timeout = absl::Hours(1),
                     .priority = v1::PRIORITY_BULK,
                     .worker = 3,
                     .want_timing = true,
                     .metadata = {{"tenant", "7"}}},
                    [](const Reply&) {});
  client_->StartRaw(kEcho, "second", {}, [&](const Reply&) {
    client_->StartRaw(kEcho, "", {},
                      [&](const Reply&) { all_answered.Open(); });
  });
  const v1::SessionCall first = Stream(0).AwaitCall();
  AnswerTwo(Stream(0), first, Stream(0).AwaitCall());
  const v1::SessionCall next = Stream(0).AwaitCall();
  EXPECT_EQ(next.id(), first.id());  // In whose slot it is.
  EXPECT_EQ(next.payload(), "");
  EXPECT_EQ(next.timeout_us(), 0u);
  EXPECT_EQ(next.priority(), v1::PRIORITY_UNSPECIFIED);
  EXPECT_FALSE(next.has_worker());
  EXPECT_FALSE(next.want_timing());
  EXPECT_EQ(next.metadata_size(), 0);
  Stream(0).Answer(next.id());
  all_answered.Pass();
  client_ = nullptr;
}

TEST_F(SessionScriptTest, IgnoresACancelOfACallInWhoseSlotIsAnother) {
  Open();
  Gate answered;
  absl::Status status = absl::UnknownError("not answered yet");
  const CallId over = client_->StartRaw(kEcho, "", {}, [](const Reply&) {});
  client_->StartRaw(kEcho, "", {}, [&](const Reply&) {
    const CallId next =
        client_->StartRaw(kEcho, "", {}, [&](const Reply& reply) {
          status = reply.status;
          answered.Open();
        });
    EXPECT_EQ(next.slot, over.slot);
    client_->Cancel(over);
  });
  const v1::SessionCall first = Stream(0).AwaitCall();
  AnswerTwo(Stream(0), first, Stream(0).AwaitCall());
  const v1::SessionCall next = Stream(0).AwaitCall();
  client_->Cancel(over);
  Stream(0).Answer(next.id());
  answered.Pass();
  EXPECT_TRUE(status.ok()) << status;
  client_ = nullptr;
}

TEST_F(SessionScriptTest, SendsCallsOfManyMethodsInTheOrderOfTheirStart) {
  constexpr int kCalls = 300;
  constexpr int kMethods = 11;  // More than a batch knows.
  Open();
  std::atomic<int> answered{0};
  Gate all_answered;
  const auto start = [&](int i) {
    client_->StartRaw(absl::StrCat("/a.B/C", i * i % kMethods), absl::StrCat(i),
                      {}, [&](const Reply& reply) {
                        EXPECT_TRUE(reply.status.ok());
                        if (++answered == kCalls) all_answered.Open();
                      });
  };
  int started = 0;
  for (int i = 0; i < kCalls / 3; ++i) {
    client_->StartRaw(kEcho, "", {}, [&](const Reply&) {
      for (int j = 0; j < 3; ++j) start(started++);
    });
  }
  v1::OpenResponse response;
  for (int i = 0; i < kCalls / 3; ++i) {
    response.add_answers()->set_id(Stream(0).AwaitCall().id());
  }
  Stream(0).Send(response);
  for (int i = 0; i < kCalls; ++i) {
    const v1::SessionCall came = Stream(0).AwaitCall();
    ASSERT_EQ(came.payload(), absl::StrCat(i));
    ASSERT_EQ(came.method(), absl::StrCat("/a.B/C", i * i % kMethods));
    Stream(0).Answer(came.id());
  }
  all_answered.Pass();
  client_ = nullptr;
}

TEST_F(SessionScriptTest, SendsAllThatOneCallbackStarts) {
  constexpr int kCalls = 1000;
  Open();
  std::atomic<int> answered{0};
  Gate all_answered;
  client_->StartRaw(kEcho, "", {}, [&](const Reply&) {
    for (int i = 0; i < kCalls; ++i) {
      client_->StartRaw(kEcho, absl::StrCat(i), {}, [&](const Reply& reply) {
        EXPECT_TRUE(reply.status.ok());
        if (++answered == kCalls) all_answered.Open();
      });
    }
  });
  Stream(0).Answer(Stream(0).AwaitCall().id());
  for (int i = 0; i < kCalls; ++i) {
    const v1::SessionCall came = Stream(0).AwaitCall();
    ASSERT_EQ(came.payload(), absl::StrCat(i));
    Stream(0).Answer(came.id());
  }
  all_answered.Pass();
  client_ = nullptr;
}

TEST_F(SessionScriptTest, SendsWhatTheCallbackOfARefusedCallStarts) {
  Open({.max_waiting_bytes = 1000});
  client_->StartRaw(kEcho, "", {}, [&](const Reply&) {
    client_->StartRaw(kEcho, std::string(900, 'x'), {}, [](const Reply&) {});
    // There is no room for it.
    client_->StartRaw(
        kEcho, std::string(900, 'y'), {}, [&](const Reply& reply) {
          EXPECT_EQ(reply.status.code(), absl::StatusCode::kResourceExhausted);
          client_->StartRaw(kEcho, "more", {}, [](const Reply&) {});
        });
  });
  Stream(0).Answer(Stream(0).AwaitCall().id());
  EXPECT_EQ(Stream(0).AwaitCall().payload(), std::string(900, 'x'));
  EXPECT_EQ(Stream(0).AwaitCall().payload(), "more");
}

TEST_F(SessionScriptTest, GoesOnAfterAMessageWithoutAByte) {
  Connect();
  Started call(*client_, kEcho, "a");
  ScriptedStream& stream = Stream(0);
  stream.SendHello();
  const v1::SessionCall came = stream.AwaitCall();
  stream.Send(v1::OpenResponse());
  stream.Answer(came.id(), "b");
  EXPECT_TRUE(call.Await().ok());
}

TEST_F(SessionScriptTest, TellsTheAnswersOfAMessageThatComesInManyPieces) {
  constexpr int kCalls = 400;
  Open();
  const auto payload_of = [](int i) {
    return absl::StrCat(i, std::string(i * 37 % 2000, 'x'));
  };
  std::atomic<int> answered{0};
  Gate all_answered;
  for (int i = 0; i < kCalls; ++i) {
    client_->StartRaw(kEcho, "", {}, [&, i](const Reply& reply) {
      EXPECT_EQ(reply.response, payload_of(i));
      if (++answered == kCalls) all_answered.Open();
    });
  }
  v1::OpenResponse response;
  for (int i = 0; i < kCalls; ++i) {
    v1::SessionAnswer* const answer = response.add_answers();
    answer->set_id(Stream(0).AwaitCall().id());
    answer->set_payload(payload_of(i));
  }
  Stream(0).Send(response);  // Of some 400 KiB.
  all_answered.Pass();
  client_ = nullptr;
}

TEST_F(SessionScriptTest, DoesNotRestBeyondTheDeadline) {
  Connect();
  Started call(*client_, kEcho, "a", {.timeout = absl::Minutes(30)});
  Stream(0).SendHello();
  Stream(0).Refuse(Stream(0).AwaitCall().id(), v1::REASON_LANE_FULL,
                   v1::EXECUTED_NO, /*retry_after_us=*/3'600'000'000);
  ExpectFailure(call, absl::StatusCode::kResourceExhausted,
                v1::REASON_LANE_FULL, v1::EXECUTED_NO);
}

TEST_F(SessionScriptTest, EndsWithACancelWhileACallRests) {
  Connect();
  Started call(*client_, kEcho, "a");
  Stream(0).SendHello();
  Stream(0).Refuse(Stream(0).AwaitCall().id(), v1::REASON_LANE_FULL,
                   v1::EXECUTED_NO, /*retry_after_us=*/60'000'000);
  Started other(*client_, kEcho, "b");  // Its answer comes behind the refusal.
  Stream(0).Answer(Stream(0).AwaitCall().id());
  other.Await().IgnoreError();
  client_->Cancel(call.id());
  ExpectFailure(call, absl::StatusCode::kCancelled, v1::REASON_CANCELLED,
                v1::EXECUTED_NO);
}

TEST_F(SessionScriptTest, FailsWhatWasSentWhenTheStreamBreaksAndSendsTheRest) {
  Connect();
  Started sent(*client_, kEcho, "sent"), unsent(*client_, kEcho, "unsent");
  Stream(0).SendHello(/*max_calls=*/1);
  EXPECT_EQ(Stream(0).AwaitCall().payload(), "sent");
  Stream(0).End({grpc::StatusCode::INTERNAL, "broken by the script"});
  ExpectFailure(sent, absl::StatusCode::kUnavailable, v1::REASON_UNSPECIFIED,
                v1::EXECUTED_MAYBE);
  Stream(1).SendHello();
  const v1::SessionCall came = Stream(1).AwaitCall();
  EXPECT_EQ(came.payload(), "unsent");
  EXPECT_EQ(came.method(), kEcho);  // Named anew.
  Stream(1).Answer(came.id());
  EXPECT_TRUE(unsent.Await().ok());
}

TEST_F(SessionScriptTest, MovesToAnotherSessionUponADrainAndEndsTheOld) {
  Open();
  Started open(*client_, kEcho, "open"), last(*client_, kEcho, "last");
  const v1::SessionCall first = Stream(0).AwaitCall();
  const v1::SessionCall second = Stream(0).AwaitCall();
  v1::OpenResponse response;
  response.add_answers()->set_id(first.id());
  response.mutable_drain()->set_reason(v1::DRAIN_REASON_CONNECTION_AGE);
  Stream(0).Send(response);
  EXPECT_TRUE(open.Await().ok());
  Started fresh(*client_, kEcho, "fresh");
  Stream(1).SendHello();
  const v1::SessionCall moved = Stream(1).AwaitCall();
  EXPECT_EQ(moved.payload(), "fresh");
  Stream(1).Answer(moved.id());
  Stream(0).Answer(second.id());
  EXPECT_TRUE(last.Await().ok());
  Stream(0).AwaitEndOfReads();
}

TEST_F(SessionScriptTest, GivesUpOnAServerThatOnlyDrains) {
  Connect({.connect_timeout = absl::ZeroDuration()});
  Started call(*client_, kEcho, "a");
  v1::OpenResponse response;  // As of one that is stopping.
  *response.mutable_hello() = ScriptedStream::Hello(1, 1000, 1000);
  response.mutable_drain()->set_reason(v1::DRAIN_REASON_STOPPING);
  Stream(0).Send(response);
  ExpectFailure(call, absl::StatusCode::kUnavailable, v1::REASON_UNSPECIFIED,
                v1::EXECUTED_NO);
}

TEST_F(SessionScriptTest, BreaksASessionWhoseBytesAreGarbage) {
  Open();
  Started call(*client_, kEcho, "a");
  Stream(0).AwaitCall();
  v1::OpenResponse garbage;  // A hello that is none.
  garbage.GetReflection()->MutableUnknownFields(&garbage)->AddLengthDelimited(
      2, "\xff");
  Stream(0).Send(garbage);
  ExpectFailure(call, absl::StatusCode::kUnavailable, v1::REASON_UNSPECIFIED,
                v1::EXECUTED_MAYBE);
  EXPECT_NE(call.Await().message().find("cannot decode"), std::string::npos)
      << call.Await();
}

TEST_F(SessionScriptTest, IgnoresAnswersThatNobodyAskedFor) {
  Connect();
  Started call(*client_, kEcho, "a");
  Stream(0).SendHello();
  const v1::SessionCall came = Stream(0).AwaitCall();
  Stream(0).Answer(came.id() + 1);
  Stream(0).Answer(1'000'000);
  Stream(0).Answer(~uint64_t{0});
  Stream(0).Answer(came.id(), "b");
  EXPECT_TRUE(call.Await().ok());
  EXPECT_EQ(call.response(), "b");
}

TEST_F(SessionScriptTest, TellsAtOnceThatAServerHasNoSessions) {
  Connect();
  Started call(*client_, kEcho, "a");
  Stream(0).End({grpc::StatusCode::UNIMPLEMENTED, "no such service"});
  ExpectFailure(call, absl::StatusCode::kUnimplemented, v1::REASON_UNSPECIFIED,
                v1::EXECUTED_NO);
}

TEST_F(SessionScriptTest, CallsAServerThatEndsTheStreamAtOnceUnavailable) {
  Connect({.connect_timeout = absl::ZeroDuration()});
  Started call(*client_, kEcho, "a");
  Stream(0).End({grpc::StatusCode::INTERNAL, "ended by the script"});
  ExpectFailure(call, absl::StatusCode::kUnavailable, v1::REASON_UNSPECIFIED,
                v1::EXECUTED_NO);
}

TEST_F(SessionScriptTest, GivesUpOnAServerThatSaysNothing) {
  Connect({.connect_timeout = absl::Milliseconds(10)});
  Started call(*client_, kEcho, "a");
  ExpectFailure(call, absl::StatusCode::kUnavailable, v1::REASON_UNSPECIFIED,
                v1::EXECUTED_NO);
}

TEST_F(SessionScriptTest, FindsAServerThatCameBack) {
  Connect({.connect_timeout = absl::Minutes(1)});
  Started first(*client_, kEcho, "1");
  Stream(0).SendHello();
  Stream(0).Answer(Stream(0).AwaitCall().id());
  EXPECT_TRUE(first.Await().ok());
  const int port = server_->port();
  server_ = nullptr;
  Started second(*client_, kEcho, "2");
  server_ = std::make_unique<ScriptedSessions>(port);
  Stream(0).SendHello();
  const v1::SessionCall came = Stream(0).AwaitCall();
  EXPECT_EQ(came.payload(), "2");
  Stream(0).Answer(came.id());
  EXPECT_TRUE(second.Await().ok());
}

TEST_F(SessionScriptTest, AnswersAllCallsBeforeItGoes) {
  Connect();
  Started sent(*client_, kEcho, "sent"), unsent(*client_, kEcho, "unsent");
  Stream(0).SendHello(/*max_calls=*/1);
  Stream(0).AwaitCall();
  client_ = nullptr;
  ExpectFailure(sent, absl::StatusCode::kCancelled, v1::REASON_CANCELLED,
                v1::EXECUTED_MAYBE);
  ExpectFailure(unsent, absl::StatusCode::kCancelled, v1::REASON_CANCELLED,
                v1::EXECUTED_NO);
}

TEST_F(SessionScriptTest, GivesAKeyTheSameOneOfItsSessions) {
  constexpr int kSessions = 3;
  constexpr int kKeys = 30;
  Connect({.sessions = kSessions});
  std::vector<std::unique_ptr<Started>> calls;
  for (int i = 0; i < 2 * kKeys; ++i) {
    echo::v1::EchoKeyedRequest request;
    request.set_key(absl::StrCat("key", i % kKeys));
    calls.push_back(std::make_unique<Started>(*client_, kEchoKeyed,
                                              request.SerializeAsString()));
  }
  std::map<std::string, std::map<int, int>> times;  // By key and session.
  int sessions_used = 0;
  int answered = 0;
  for (int i = 0; i < kSessions; ++i) Stream(i).SendHello();
  for (int i = 0; i < kSessions; ++i) {
    Stream(i).AwaitHello();
    // All calls of a session are in the message behind the hello.
    v1::SessionCall call = Stream(i).AwaitCall();
    ++sessions_used;
    while (true) {
      echo::v1::EchoKeyedRequest request;
      ASSERT_TRUE(request.ParseFromString(call.payload()));
      ++times[request.key()][i];
      ++answered;
      Stream(i).Answer(call.id());
      if (Stream(i).calls_left() == 0) break;
      call = Stream(i).AwaitCall();
    }
  }
  EXPECT_EQ(answered, 2 * kKeys);
  EXPECT_EQ(sessions_used, kSessions);
  EXPECT_EQ(times.size(), static_cast<size_t>(kKeys));
  for (const auto& [key, sessions] : times) {
    EXPECT_EQ(sessions.size(), 1u) << key;
    EXPECT_EQ(sessions.begin()->second, 2) << key;
  }
}

TEST(ClientOptionsTest, ThatAreOutOfRangeFailEachCallAndSayWhich) {
  const std::pair<ClientOptions, const char*> bad[] = {
      {{.sessions = 0}, "sessions"},
      {{.sessions = 65}, "sessions"},
      {{.connect_timeout = -absl::Seconds(1)}, "connect_timeout"},
      {{.late_answer_timeout = -absl::Seconds(1)}, "late_answer_timeout"},
      {{.keepalive_time = absl::Milliseconds(99)}, "keepalive_time"},
      {{.keepalive_timeout = absl::Milliseconds(9)}, "keepalive_timeout"},
      {{.max_waiting_bytes = 0}, "max_waiting_bytes"},
      {{.retry = {.max_attempts = 0}}, "retry.max_attempts"},
      {{.retry = {.initial_backoff = absl::ZeroDuration()}},
       "retry.initial_backoff"},
      {{.retry = {.max_backoff = absl::Milliseconds(1)}}, "retry.max_backoff"},
      {{.retry = {.max_tokens = 0}}, "retry.max_tokens"},
      {{.retry = {.token_ratio = 0}}, "retry.token_ratio"},
  };
  for (const auto& [options, name] : bad) {
    const auto client = Client::Connect("127.0.0.1:1", options);
    const absl::Status status = client->CallRaw(kEcho, "").response.status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find(name), std::string::npos) << status;
  }
}

TEST(CallOptionsTest, ThatCannotBeSentFailTheCall) {
  const auto client = Client::Connect("127.0.0.1:1");
  const CallOptions bad[] = {
      {.priority = static_cast<v1::Priority>(9)},
      {.worker = -1},
      {.metadata = {{"UPPER", "x"}}},
      {.metadata = {{"line", "a\nb"}}},
      {.metadata = {{"-bin", "\xff"}}},
  };
  for (const CallOptions& options : bad) {
    const absl::Status status =
        client->CallRaw(kEcho, "", options).response.status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    ASSERT_TRUE(FailureOf(status).has_value()) << status;
    EXPECT_EQ(FailureOf(status)->reason(), v1::REASON_BAD_REQUEST);
    EXPECT_EQ(FailureOf(status)->executed(), v1::EXECUTED_NO);
  }
}

}  // namespace
}  // namespace pinion
