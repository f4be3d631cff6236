// SPDX-License-Identifier: Apache-2.0
//
// P5 and P9: what a client does not read is bounded, and keeps out nobody but
// itself; over TCP and, where it does not matter, in-process.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/server/call.h"
#include "pinion/server/snapshot.h"
#include "pinion/tests/server/session/session_fixture.h"
#include "pinion/tests/support/session_client.h"
#include "pinion/tests/support/stream_client.h"

namespace pinion {
namespace {

using ::pinion::testing::Add;
using ::pinion::testing::AddOf;
using ::pinion::testing::ExpectAdded;
using ::pinion::testing::GuardedChannel;
using ::pinion::testing::kAdd;
using ::pinion::testing::Message;
using ::pinion::testing::OpenCall;
using ::pinion::testing::SessionClient;
using ::pinion::testing::SessionTest;
using ::pinion::testing::StreamClient;
using ::pinion::testing::TransportName;
using ::testing::HasSubstr;

// More than windows and buffers on the way have room for, soon.
constexpr int64_t kMessageBytes = 4 << 20;
constexpr int64_t kMaxBytes = 16 * kMessageBytes;
constexpr int kCalls = 40;

// Has `response` be of `bytes`, 130 to 16 MiB, by a field it knows not.
void SetSize(int64_t bytes, shop::v1::AddResponse* response) {
  auto* fields = response->GetReflection()->MutableUnknownFields(response);
  fields->AddLengthDelimited(15)->assign(bytes - 10, 'x');
}

HostingOptions Options() {
  return {.workers = 1,
          .server_bytes = kMaxBytes,
          .max_message_bytes = kMessageBytes};
}

// An Add of more than 100 is answered with so many bytes.
class UnreadAnswersTest : public SessionTest {
 protected:
  void SetUp() override {
    on_add_ = [this](const auto& request, auto* response, CallContext&) {
      if (request.by() > 100) {
        SetSize(request.by(), response);
      } else {
        response->set_value(request.by());
      }
      max_held_ = std::max(max_held_.load(), server().Snapshot().held_bytes);
      return absl::OkStatus();
    };
  }

  void AwaitDone(uint64_t calls) { AwaitAnswered(calls); }

  // That another client, on a connection of its own, is served.
  void ExpectOthersAreServed() {
    const GuardedChannel other =
        GetParam() ? test().TcpChannel() : test().InProcessChannel();
    for (int i = 0; i < 10; ++i) {
      OpenCall add(other, kAdd, AddOf("b", 1));
      EXPECT_TRUE(add.Await().ok()) << add.Await();
    }
    SessionClient session(other);
    session.Send(Message({Add(1), Add(2)}));
    ExpectAdded(session.Await(1));
    ExpectAdded(session.Await(2));
  }

  // What the server held at most while a handler ran: a worker's thread alone
  // looks.
  std::atomic<int64_t> max_held_ = 0;
};

INSTANTIATE_TEST_SUITE_P(, UnreadAnswersTest, ::testing::Bool(), TransportName);

TEST_P(UnreadAnswersTest, ASessionThatReadsNothingIsRefusedAndNobodyElse) {
  Start(Options());
  SessionClient sleeper(channel(), SessionClient::Takes::kNothing);
  std::vector<v1::SessionCall> calls;
  for (int i = 0; i < kCalls; ++i) {
    calls.push_back(Add(i, "a", kMessageBytes - 100));
  }
  sleeper.Send(Message(calls));
  AwaitDone(kCalls);
  EXPECT_LE(max_held_, kMaxBytes);
  EXPECT_LE(server().Snapshot().held_bytes, kMaxBytes / 2 + kMessageBytes);
  EXPECT_LT(adds_begun(), kCalls);
  ExpectOthersAreServed();

  sleeper.TakeAll();
  int answered = 0;
  for (int i = 0; i < kCalls; ++i) {
    const v1::SessionAnswer answer = sleeper.Await(i);
    if (answer.code() == 0) {
      ++answered;
      continue;
    }
    EXPECT_EQ(answer.failure().reason(), v1::REASON_SHARE_FULL);
    EXPECT_EQ(answer.failure().executed(), v1::EXECUTED_NO);
    EXPECT_GT(answer.failure().retry_after_us(), 0u);
    EXPECT_THAT(answer.message(), HasSubstr("this session already holds"));
  }
  EXPECT_GE(answered, 4) << "half of the bound is for who is alone";
  // It reads now, and is served.
  AwaitNothingHeld();
  sleeper.Send(Message({Add(1, "a", kMessageBytes - 100)}));
  EXPECT_EQ(sleeper.Await(1).code(), 0);
}

TEST_P(UnreadAnswersTest, ManySessionsThatReadNothingLeaveRoomForOthers) {
  constexpr int kSleepers = 5;
  // What five leave free is a sixth: here of 64 messages.
  HostingOptions options = Options();
  options.server_bytes = 4 * kMaxBytes;
  Start(options);
  std::deque<SessionClient> sleepers;
  for (int i = 0; i < kSleepers; ++i) {
    sleepers.emplace_back(channel(), SessionClient::Takes::kNothing);
    std::vector<v1::SessionCall> calls;
    for (int id = 0; id < kCalls; ++id) {
      calls.push_back(Add(id, "a", kMessageBytes - 100));
    }
    sleepers.back().Send(Message(calls));
  }
  AwaitDone(kSleepers * kCalls);
  EXPECT_LE(max_held_, 4 * kMaxBytes);
  ExpectOthersAreServed();
}

TEST_P(UnreadAnswersTest, PlainCallsWhoseAnswersNobodyReadsAreRefused) {
  if (!GetParam()) return;  // In-process they are nobody's: each stands alone.
  Start(Options());
  std::deque<StreamClient> sleepers;
  for (int i = 0; i < kCalls; ++i) {
    sleepers.emplace_back(channel(), kAdd, AddOf("a", kMessageBytes - 100));
  }
  AwaitDone(kCalls);
  EXPECT_LE(max_held_, kMaxBytes);
  EXPECT_LT(adds_begun(), kCalls);
  ExpectOthersAreServed();
  int refused = 0;
  for (StreamClient& sleeper : sleepers) {
    if (sleeper.AwaitEnd().ok()) continue;
    ++refused;
    EXPECT_EQ(sleeper.failure().reason(), v1::REASON_SHARE_FULL);
    EXPECT_EQ(sleeper.failure().executed(), v1::EXECUTED_NO);
  }
  EXPECT_GT(refused, 0);
}

TEST_P(UnreadAnswersTest, APlainAnswerThatIsNotReadIsCutOffInTheEnd) {
  // More than any window or buffer on the way has room for.
  constexpr int64_t kLarge = 16 << 20;
  Start({.workers = 1,
         .server_bytes = 4 * kLarge,
         .stream_bytes = kLarge,
         .write_timeout = absl::Milliseconds(10),
         .max_message_bytes = kLarge});
  StreamClient sleeper(channel(), kAdd, AddOf("a", kLarge - 100));
  AwaitDone(1);
  if (!GetParam()) return;  // In-process it is taken at once.
  AwaitNothingHeld();
  EXPECT_FALSE(sleeper.AwaitEnd().ok());
}

// A shard whose Add is a batch, or keeps its calls.
struct BatchShard {
  using Response = shop::v1::AddResponse;
  using AddCall = Call<shop::v1::AddRequest, Response>;
  void Add(absl::Span<AddCall> calls) {
    most = std::max(most, calls.size());
    for (AddCall& call : calls) {
      SetSize(kMessageBytes - 100, call.response());
      call.Finish();
      held = std::max(held, server.Snapshot().held_bytes);
    }
  }

  Server& server;
  size_t& most;
  int64_t& held;
};

TEST(UnreadBatchTest, ABatchHasAsManyCallsAsThereIsRoomForTheirAnswers) {
  testing::Gate gate;
  testing::TestServer test(Options());
  size_t most = 0;
  int64_t held = 0;
  test.server()
      .Host<BatchShard>(testing::kCounter,
                        [&] {
                          return std::unique_ptr<BatchShard>(
                              new BatchShard{test.server(), most, held});
                        })
      .On("Add", &BatchShard::Add);
  test.server()
      .Host<testing::HoldShard>("pinion.test.HoldService")
      .On("Hold", &testing::HoldShard::Hold);
  test.Start();
  testing::HeldWorker worker(test.InProcessChannel());
  SessionClient session(test.TcpChannel());
  std::vector<v1::SessionCall> calls;
  for (int i = 0; i < kCalls; ++i) calls.push_back(Add(i));
  session.Send(Message(calls));
  while (test.server().Snapshot().held_calls < kCalls + 1) {
    std::this_thread::yield();
  }
  worker.Release();
  int answered = 0;
  for (int i = 0; i < kCalls; ++i) {
    const v1::SessionAnswer answer = session.Await(i);
    answered += answer.code() == 0;
    if (answer.code() == 0) continue;
    EXPECT_EQ(answer.failure().executed(), v1::EXECUTED_NO);
  }
  EXPECT_GE(answered, 4);
  session.EndSends();
  EXPECT_TRUE(session.AwaitEnd().ok());
  test.Stop();  // The worker has ended, and what it has noted may be read.
  EXPECT_LE(most, static_cast<size_t>(kMaxBytes / kMessageBytes));
  EXPECT_LE(held, kMaxBytes);
}

}  // namespace
}  // namespace pinion
