// SPDX-License-Identifier: Apache-2.0
//
// P9: no client has all places of a lane, or of the server.
#include <deque>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/tests/server/session/session_fixture.h"
#include "pinion/tests/support/session_client.h"

namespace pinion {
namespace {

using ::pinion::testing::Add;
using ::pinion::testing::AddOf;
using ::pinion::testing::Cancel;
using ::pinion::testing::ExpectAdded;
using ::pinion::testing::ExpectFailure;
using ::pinion::testing::HeldWorker;
using ::pinion::testing::kAdd;
using ::pinion::testing::Message;
using ::pinion::testing::OpenCall;
using ::pinion::testing::SessionClient;
using ::pinion::testing::SessionTest;
using ::pinion::testing::TransportName;
using ::testing::HasSubstr;

constexpr int kPlaces = 100;

v1::OpenRequest Adds(int from, int to) {
  std::vector<v1::SessionCall> calls;
  for (int i = from; i < to; ++i) calls.push_back(Add(i));
  return Message(calls);
}

class ShareTest : public SessionTest {
 protected:
  void SetUp() override { gate_.Open(); }

  // How many of the answers of the ids 0 to `calls` refuse for the share; the
  // others have none yet.
  int Refused(SessionClient& session, int calls) {
    int refused = 0;
    for (int id = 0; id < calls; ++id) {
      const auto answer = session.Poll(id);
      if (!answer.has_value()) continue;
      ++refused;
      EXPECT_EQ(answer->failure().reason(), v1::REASON_SHARE_FULL);
      EXPECT_EQ(answer->failure().executed(), v1::EXECUTED_NO);
      EXPECT_THAT(answer->message(), HasSubstr("this session already holds"));
    }
    return refused;
  }
};

INSTANTIATE_TEST_SUITE_P(, ShareTest, ::testing::Bool(), TransportName);

TEST_P(ShareTest, OneSessionCannotFillALaneButHasMostOfItAlone) {
  Start({.workers = 1, .lane_calls = kPlaces});
  HeldWorker held(channel());
  SessionClient greedy(channel());
  greedy.Send(Adds(0, 2 * kPlaces));
  greedy.AwaitAnswers(2 * kPlaces - (kPlaces / 2 + 1));
  EXPECT_EQ(Lane().held_calls, kPlaces / 2 + 1);
  EXPECT_EQ(Refused(greedy, 2 * kPlaces), 2 * kPlaces - (kPlaces / 2 + 1));

  // Others find room: half of what is left, and so on.
  SessionClient other(channel());
  other.Send(Adds(0, 20));
  OpenCall plain(channel(), kAdd, AddOf("a"));
  AwaitHeld(kPlaces / 2 + 1 + 20 + 1);
  held.Release();
  for (int id = 0; id < 20; ++id) ExpectAdded(other.Await(id));
  EXPECT_TRUE(plain.Await().ok()) << plain.Await();
}

TEST_P(ShareTest, WhatIsCancelledBeforeItsWorkerHasSeenItCountsAsBefore) {
  Start({.workers = 1, .lane_calls = kPlaces});
  HeldWorker held(channel());
  SessionClient greedy(channel());
  const int share = kPlaces / 2 + 1;
  greedy.Send(Adds(0, share));
  AwaitHeld(share);
  v1::OpenRequest cancels;
  for (int id = 0; id < share; ++id) cancels.add_cancel(id);
  greedy.Send(cancels);
  greedy.AwaitAnswers(share);
  // The places are still taken, and by whom is known.
  greedy.Send(Message({Add(1000)}));
  EXPECT_EQ(greedy.Await(1000).failure().reason(), v1::REASON_SHARE_FULL);
  held.Release();
  AwaitHeld(0);
  greedy.Send(Message({Add(1001)}));
  ExpectAdded(greedy.Await(1001));
}

TEST_P(ShareTest, PlainCallsOfOneConnectionCannotFillALane) {
  if (!GetParam()) return;  // In-process they are nobody's.
  Start({.workers = 1, .lane_calls = 9});
  HeldWorker held(test().InProcessChannel());
  testing::Gate failed;
  failed.Open();
  std::deque<OpenCall> adds;
  for (int i = 0; i < 9; ++i) {
    adds.emplace_back(channel(), kAdd, AddOf("a"),
                      testing::OpenCallOptions{.failed = &failed});
  }
  failed.AwaitArrivals(4);
  AwaitHeld(5);
  // Another connection is another party.
  OpenCall other(test().InProcessChannel(), kAdd, AddOf("a"));
  AwaitHeld(6);
  held.Release();
  EXPECT_TRUE(other.Await().ok());
  int refused = 0;
  for (OpenCall& add : adds) {
    if (add.Await().ok()) continue;
    ++refused;
    ExpectFailure(add, absl::StatusCode::kResourceExhausted,
                  v1::REASON_SHARE_FULL, v1::EXECUTED_NO);
    EXPECT_THAT(std::string(add.Await().message()),
                HasSubstr("this connection already holds"));
  }
  EXPECT_EQ(refused, 4);
}

TEST_P(ShareTest, PlainCallsThroughATrustedProxyStandAlone) {
  Start({.workers = 1, .lane_calls = 9, .trusted_proxies = "127.0.0.1, ::1"});
  HeldWorker held(channel());
  std::deque<OpenCall> adds;
  for (int i = 0; i < 9; ++i) adds.emplace_back(channel(), kAdd, AddOf("a"));
  AwaitHeld(9);
  held.Release();
  for (OpenCall& add : adds) EXPECT_TRUE(add.Await().ok()) << add.Await();
}

TEST_P(ShareTest, OneSessionCannotHaveAllPlacesOfTheServer) {
  Start({.workers = 1, .server_calls = kPlaces});
  HeldWorker held(test().InProcessChannel());
  SessionClient greedy(channel());
  greedy.Send(Adds(0, 2 * kPlaces));
  greedy.AwaitAnswers(2 * kPlaces - kPlaces / 2);
  EXPECT_EQ(Refused(greedy, 2 * kPlaces), 2 * kPlaces - kPlaces / 2);
  OpenCall plain(channel(), kAdd, AddOf("a"));
  AwaitHeld(kPlaces / 2 + 1);
  held.Release();
  EXPECT_TRUE(plain.Await().ok()) << plain.Await();
}

TEST_P(ShareTest, OneSessionCannotHaveAllBytesOfALane) {
  Start({.workers = 1, .lane_bytes = 4000, .max_message_bytes = 1024});
  HeldWorker held(channel());
  SessionClient greedy(channel());
  const std::string name(900, 'a');
  for (int id = 0; id < 4; ++id) greedy.Send(Message({Add(id, name)}));
  greedy.AwaitAnswers(2);
  EXPECT_EQ(Refused(greedy, 4), 2);
  SessionClient other(channel());
  other.Send(Message({Add(1, name)}));
  AwaitHeld(3);
  held.Release();
  ExpectAdded(other.Await(1));
}

}  // namespace
}  // namespace pinion
