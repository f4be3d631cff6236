// SPDX-License-Identifier: Apache-2.0
//
// Sessions: how many calls, how many bytes, how large a message; in-process and
// over TCP.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/server/snapshot.h"
#include "pinion/tests/server/session/session_fixture.h"
#include "pinion/tests/support/session_client.h"
#include "pinion/v1/session.pb.h"

namespace pinion {
namespace {

using ::pinion::testing::Add;
using ::pinion::testing::AddName;
using ::pinion::testing::Cancel;
using ::pinion::testing::EmptyCalls;
using ::pinion::testing::ExpectAdded;
using ::pinion::testing::ExpectBadRequest;
using ::pinion::testing::ExpectCancelled;
using ::pinion::testing::ExpectFailed;
using ::pinion::testing::HeldWorker;
using ::pinion::testing::kAdd;
using ::pinion::testing::Message;
using ::pinion::testing::SessionClient;
using ::pinion::testing::SessionTest;
using ::pinion::testing::TransportName;
using ::testing::HasSubstr;

class SessionBoundsTest : public SessionTest {
 protected:
  // How many calls of Add were refused for the reason, as the metrics say.
  uint64_t Refused(v1::Reason reason) {
    for (const MethodSnapshot& method : server().Snapshot().methods) {
      if (method.method == kAdd) return method.counts.refused[reason];
    }
    ADD_FAILURE() << kAdd << " is not hosted";
    return 0;
  }
};

INSTANTIATE_TEST_SUITE_P(, SessionBoundsTest, ::testing::Bool(), TransportName);

TEST_P(SessionBoundsTest, RefusesWhatALaneOrTheServerHasNoPlaceFor) {
  gate_.Open();
  for (const v1::Reason reason :
       {v1::REASON_LANE_FULL, v1::REASON_SERVER_FULL}) {
    HostingOptions options = {.workers = 1};
    // The server has one place for the call that holds the worker.
    (reason == v1::REASON_LANE_FULL ? options.lane_calls
                                    : options.server_calls) =
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

TEST_P(SessionBoundsTest, EndsWhenAMessageHasMoreCallsThanArePossible) {
  Start({.workers = 1});
  SessionClient session(channel());
  session.SendBytes(EmptyCalls((128 << 10) + 1));
  const absl::Status end = session.AwaitEnd();
  EXPECT_EQ(end.code(), absl::StatusCode::kResourceExhausted) << end;
  EXPECT_THAT(std::string(end.message()), HasSubstr("131073 calls"));
  EXPECT_EQ(session.answers_come(), 0u);
}

TEST_P(SessionBoundsTest, RefusesMoreOpenCallsThanItAllows) {
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
  EXPECT_EQ(Refused(v1::REASON_TOO_MANY_CALLS), 2u);
  // A place that is free again serves another.
  session.Send(Cancel(2));
  ExpectCancelled(session.Await(2), v1::EXECUTED_NO);
  session.Send(Message({Add(6)}));
  held.Release();
  for (const uint64_t id : {1, 3, 6}) ExpectAdded(session.Await(id));
}

// Whoever reads nothing has his message wait, and many such messages are more
// than the server may hold.
TEST_P(SessionBoundsTest, AMessageThatWaitsCountsAndEndsASessionWithoutRoom) {
  constexpr int64_t kBytes = 2 * 131'000;  // More calls are not possible.
  constexpr int kThatHaveRoom = 7;
  gate_.Open();
  Start({.workers = 1,
         .server_bytes = 8 * kBytes,
         .write_timeout = absl::Hours(1),
         .max_message_bytes = kBytes});
  const std::string message = EmptyCalls(kBytes / 2);
  std::deque<SessionClient> sessions;
  for (int i = 1; i <= kThatHaveRoom; ++i) {
    sessions.emplace_back(channel(), SessionClient::Takes::kNothing)
        .SendBytes(message);
    while (server().Snapshot().held_bytes < i * kBytes) {
      std::this_thread::yield();
    }
  }
  SessionClient late(channel());
  late.SendBytes(message);
  const absl::Status end = late.AwaitEnd();
  EXPECT_EQ(end.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(end.message()),
              HasSubstr("a message of 262000 bytes"));
  EXPECT_LE(server().Snapshot().held_bytes, 8 * kBytes);

  // Others are served, and so is who reads.
  SessionClient other(channel());
  other.Send(Message({Add(1)}));
  ExpectAdded(other.Await(1));
  for (SessionClient& session : sessions) {
    session.TakeAll();
    session.EndSends();
    EXPECT_TRUE(session.AwaitEnd().ok());
  }
  AwaitNothingHeld();
}

// Each text of its own would be made and kept for each call of a flood.
TEST_P(SessionBoundsTest, ThoseBeyondWhatAMessageMayHaveShareOneShortAnswer) {
  // Several portions, and more than waits for a client at a time.
  constexpr uint64_t kCalls = 20'000;
  constexpr uint64_t kMax = 3;
  gate_.Open();
  Start({.workers = 1, .session_calls = static_cast<int64_t>(kMax)});
  HeldWorker held(channel());
  SessionClient session(channel());
  v1::OpenRequest request;
  AddName(request, 1, kAdd);
  for (uint64_t id = 1; id <= kCalls; ++id) {
    v1::SessionCall* const call = request.add_calls();
    *call = Add(id);
    call->clear_method();
    call->set_method_index(1);
  }
  session.Send(request);
  v1::SessionAnswer first = session.Await(kMax + 1);
  ExpectFailed(first, absl::StatusCode::kResourceExhausted,
               v1::REASON_TOO_MANY_CALLS, v1::EXECUTED_NO);
  EXPECT_THAT(first.message(), HasSubstr("the message has 20000 calls"));
  EXPECT_THAT(first.message(), HasSubstr("at most 3"));
  first.clear_id();
  const std::string answer = first.SerializeAsString();
  EXPECT_LE(answer.size(), 192u);
  for (uint64_t id = kMax + 2; id <= kCalls; ++id) {
    v1::SessionAnswer other = session.Await(id);
    other.clear_id();
    ASSERT_EQ(other.SerializeAsString(), answer) << id;
  }
  EXPECT_EQ(Refused(v1::REASON_TOO_MANY_CALLS), kCalls - kMax);
  held.Release();
  for (uint64_t id = 1; id <= kMax; ++id) ExpectAdded(session.Await(id));
}

TEST_P(SessionBoundsTest, CountsARefusalOfAnIdThatIsOpen) {
  gate_.Open();
  Start({.workers = 1});
  HeldWorker held(channel());
  SessionClient session(channel());
  session.Send(Message({Add(1), Add(1)}));
  ExpectBadRequest(session.Await(1));
  EXPECT_EQ(Refused(v1::REASON_BAD_REQUEST), 1u);
  held.Release();
  ExpectAdded(session.Await(1));
}

TEST_P(SessionBoundsTest, CountsNothingOfAMethodThatIsNotHosted) {
  gate_.Open();
  Start({.workers = 1});
  SessionClient session(channel());
  v1::SessionCall call = Add(1);
  call.set_method("/shop.v1.CounterService/Subtract");
  session.Send(Message({call}));
  ExpectFailed(session.Await(1), absl::StatusCode::kUnimplemented,
               v1::REASON_NO_SUCH_METHOD, v1::EXECUTED_NO);
  for (const MethodSnapshot& method : server().Snapshot().methods) {
    EXPECT_EQ(method.counts.refused[v1::REASON_NO_SUCH_METHOD], 0u);
  }
}

TEST_P(SessionBoundsTest, RefusesCallsWhileThoseThatAreOpenTakeAllItsBytes) {
  gate_.Open();
  Start({.workers = 1, .session_bytes = 4096, .max_message_bytes = 1024});
  HeldWorker held(channel());
  SessionClient session(channel());
  for (const uint64_t id : {1, 2, 3, 4, 5}) {
    session.Send(Message({Add(id, std::string(900, 'x'))}));
  }
  // Each takes some 950 bytes, and what it is kept with: three fit.
  for (const uint64_t id : {4, 5}) {
    ExpectFailed(session.Await(id), absl::StatusCode::kResourceExhausted,
                 v1::REASON_TOO_MANY_CALLS, v1::EXECUTED_NO);
  }
  EXPECT_EQ(Refused(v1::REASON_TOO_MANY_CALLS), 2u);
  held.Release();
  for (const uint64_t id : {1, 2, 3}) ExpectAdded(session.Await(id));
  session.Send(Message({Add(6)}));
  ExpectAdded(session.Await(6));
}

TEST_P(SessionBoundsTest, HoldsNothingOfAMessageThatItsCallsDoNotNeed) {
  gate_.Open();
  Start({.workers = 1, .session_bytes = 4096, .max_message_bytes = 1024});
  HeldWorker held(channel());
  SessionClient session(channel());
  for (uint64_t id = 1; id <= 8; ++id) {
    v1::OpenRequest request = Message({Add(id)});
    request.mutable_hello()->set_name(std::string(950, 'x'));
    session.Send(request);
  }
  AwaitWaiting(8);
  held.Release();
  for (uint64_t id = 1; id <= 8; ++id) ExpectAdded(session.Await(id));
}

TEST_P(SessionBoundsTest, RefusesWhatItHasNoShareOfTheServersBytesFor) {
  gate_.Open();
  Start({.workers = 1, .server_bytes = 4096, .max_message_bytes = 1024});
  HeldWorker held(channel());
  SessionClient session(channel());
  for (const uint64_t id : {1, 2, 3}) {
    session.Send(Message({Add(id, std::string(500, 'x'))}));
  }
  ExpectFailed(session.Await(3), absl::StatusCode::kResourceExhausted,
               v1::REASON_SHARE_FULL, v1::EXECUTED_NO);
  EXPECT_GT(server().Snapshot().held_bytes, 2 * 500);
  held.Release();
  for (const uint64_t id : {1, 2}) ExpectAdded(session.Await(id));
  AwaitNothingHeld();
}

TEST_P(SessionBoundsTest, RefusesMoreMetadataThanAUnaryCallMayHave) {
  on_add_ = [](const auto&, auto* response, CallContext& context) {
    response->set_value(static_cast<int64_t>(context.metadata().size()));
    return absl::OkStatus();
  };
  Start({.workers = 1});
  SessionClient session(channel());
  v1::SessionCall most = Add(1);
  // Each counts 33 bytes, of 16,384 in all.
  for (int i = 0; i < 496; ++i) most.add_metadata()->set_name("m");
  v1::SessionCall more = most;
  more.set_id(2);
  more.add_metadata()->set_name("m");
  v1::SessionCall large = Add(3);
  large.add_metadata()->set_value(std::string(16 << 10, 'x'));
  session.Send(Message({most, more, large}));
  ExpectAdded(session.Await(1), 496);
  for (const uint64_t id : {2, 3}) {
    ExpectFailed(session.Await(id), absl::StatusCode::kInvalidArgument,
                 v1::REASON_BAD_REQUEST, v1::EXECUTED_NO);
  }
}

TEST_P(SessionBoundsTest, HoldsMetadataToTheRulesOfGrpc) {
  on_add_ = [](const auto&, auto*, CallContext&) { return absl::OkStatus(); };
  Start({.workers = 1});
  SessionClient session(channel());
  const std::pair<std::string, std::string> bad[] = {
      {"", "x"},
      {"Upper", "x"},
      {"a b", "x"},
      {":path", "x"},
      {"gr\u00fc", "x"},
      {"line", "a\nb"},
      {"tenant", "\u00fc"},
      {"nul", std::string(1, '\0')},
      {"-bin", "\xff"}};
  uint64_t id = 0;
  for (const auto& [name, value] : bad) {
    v1::SessionCall call = Add(++id);
    v1::Metadata& metadata = *call.add_metadata();
    metadata.set_name(name);
    metadata.set_value(value);
    session.Send(Message({call}));
    ExpectBadRequest(session.Await(id));
  }
  v1::SessionCall good = Add(++id);
  const std::string any_bytes("\0\xff\n", 3);
  for (const auto& [name, value] :
       {std::pair<std::string, std::string>("a-1_b.c", " ~"),
        {"x-bin", any_bytes},
        {"empty", ""}}) {
    v1::Metadata& metadata = *good.add_metadata();
    metadata.set_name(name);
    metadata.set_value(value);
  }
  session.Send(Message({good}));
  EXPECT_EQ(session.Await(id).code(), 0);
}

TEST_P(SessionBoundsTest, AnswersAHundredThousandCallsOfOneMessage) {
  constexpr int kCalls = 100'000;
  gate_.Open();
  Start({.workers = 1, .lane_calls = 2 * kCalls, .session_calls = 2 * kCalls});
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

TEST_P(SessionBoundsTest, RefusesAHundredThousandCallsOfOneMessage) {
  constexpr int kCalls = 100'000;
  gate_.Open();
  Start({.workers = 1});
  SessionClient session(channel());
  v1::OpenRequest request;
  for (int i = 0; i < kCalls; ++i) request.add_calls()->set_id(i);
  session.Send(request);
  // Those beyond what may be open are refused for that.
  for (int i = 0; i < kCalls; ++i) {
    EXPECT_EQ(
        session.Await(i).failure().reason(),
        i < 16384 ? v1::REASON_NO_SUCH_METHOD : v1::REASON_TOO_MANY_CALLS);
  }
  session.Send(Message({Add(1)}));
  ExpectAdded(session.Await(1));
}

TEST_P(SessionBoundsTest, KeepsToTheSizeOfAMessageHoweverLargeTheAnswersAre) {
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
constexpr int64_t kMaxOf1024Bytes = 1024 - (1 + 2) - (1 + 1) - (1 + 2);
constexpr int64_t kMaxOf4Mebibytes = (4 << 20) - (1 + 4) - (1 + 1) - (1 + 4);

TEST_P(SessionBoundsTest, RefusesAnAnswerThatNoMessageHasRoomForToTheByte) {
  on_add_ = [](const auto& request, auto* response, CallContext&) {
    SetSize(request.by(), response);
    return absl::OkStatus();
  };
  for (const auto& [message, most] :
       {std::pair(int64_t{1024}, kMaxOf1024Bytes),
        std::pair(int64_t{4} << 20, kMaxOf4Mebibytes)}) {
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

TEST_P(SessionBoundsTest, CutsAnErrorsTextThatNoMessageHasRoomFor) {
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

TEST_P(SessionBoundsTest, NamesOfAMethodThatIsNotThereWhatAMessageHasRoomFor) {
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

TEST_P(SessionBoundsTest, AnswersForNamesOfMegabytesAndGoesOn) {
  gate_.Open();
  Start({.workers = 1});
  SessionClient session(channel());
  const std::string name = "/" + std::string(3 << 20, 'x');
  v1::OpenRequest names;
  AddName(names, 1, name.c_str());
  session.Send(names);
  v1::SessionCall by_name = Add(1);
  by_name.set_method(name);
  v1::SessionCall by_index = Add(2);
  by_index.clear_method();
  by_index.set_method_index(1);
  session.Send(Message({by_name}));
  session.Send(Message({by_index, Add(3)}));
  for (const uint64_t id : {1, 2}) {
    const v1::SessionAnswer answer = session.Await(id);
    ExpectFailed(answer, absl::StatusCode::kUnimplemented,
                 v1::REASON_NO_SUCH_METHOD, v1::EXECUTED_NO);
    EXPECT_LT(answer.message().size(), 1000u);
  }
  ExpectAdded(session.Await(3));
}

TEST_P(SessionBoundsTest, CountsWhatTheHandlerAddsToTheSizeOfAMessage) {
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

}  // namespace
}  // namespace pinion
