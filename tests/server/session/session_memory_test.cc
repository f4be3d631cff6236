// SPDX-License-Identifier: Apache-2.0
//
// Sessions: what they hold, by what malloc has given out in this process; the
// numbers that docs/clients.md states. Figures: //tests/bench:session_memory.
#include <malloc.h>

#include <cstdint>
#include <deque>
#include <string>

#include "gtest/gtest.h"
#include "pinion/server/snapshot.h"
#include "pinion/tests/server/session/session_fixture.h"
#include "pinion/tests/support/sanitized.h"
#include "pinion/tests/support/session_client.h"
#include "pinion/v1/session.pb.h"

namespace pinion {
namespace {

using ::pinion::testing::Add;
using ::pinion::testing::EmptyCalls;
using ::pinion::testing::ExpectAdded;
using ::pinion::testing::HeldWorker;
using ::pinion::testing::kTimesSlower;
using ::pinion::testing::Message;
using ::pinion::testing::SessionClient;
using ::pinion::testing::SessionTest;
using ::pinion::testing::TransportName;

// As many as are possible in a message.
constexpr int kRefused = 131'000;

// What malloc has given out. A sanitizer has a malloc of its own.
int64_t GivenOut() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<int64_t>(info.uordblks + info.hblkhd);
}

class SessionMemoryTest : public SessionTest {
 protected:
  void SetUp() override {
    if (kTimesSlower > 1) GTEST_SKIP() << "malloc is a sanitizer's";
    gate_.Open();
  }
};

INSTANTIATE_TEST_SUITE_P(, SessionMemoryTest, ::testing::Bool(), TransportName);

TEST_P(SessionMemoryTest, ACallThatWaitsKeepsNothingOfThoseThatWereRefused) {
  Start({.workers = 1});
  HeldWorker held(channel());
  SessionClient session(channel());
  // The call that runs has room for its answer.
  const int64_t held_before = server().Snapshot().held_bytes;
  int64_t given_out = 0;
  // The first round is for what the client keeps, too.
  for (const uint64_t id : {1, 2}) {
    given_out = GivenOut();
    session.SendBytes(Message({Add(id)}).SerializeAsString() +
                      EmptyCalls(kRefused));
    for (int i = 0; i < kRefused; ++i) session.Await(0);
    AwaitWaiting(id);
  }
  // What the client notes of each answer may have doubled.
  EXPECT_LE(GivenOut() - given_out, 8 << 20);
  EXPECT_LE(server().Snapshot().held_bytes - held_before, 2048);
  held.Release();
  ExpectAdded(session.Await(1));
  ExpectAdded(session.Await(2));
}

TEST_P(SessionMemoryTest, ASessionThatTakesNothingHoldsFewTimesWhatItSent) {
  // Of a connection the client's end, which is in this process, takes megabytes
  // though nobody reads them; the server's end does not. The benchmark has each
  // in a process of its own.
  if (GetParam()) GTEST_SKIP() << "gRPC's client takes more than the server";
  Start({.workers = 1, .write_timeout = absl::Hours(1)});
  HeldWorker held(channel());
  SessionClient other(channel());
  other.AwaitHello();
  const int64_t given_out = GivenOut();
  constexpr int kSessions = 10;
  std::deque<SessionClient> sessions;
  for (int i = 0; i < kSessions; ++i) {
    sessions.emplace_back(channel(), SessionClient::Takes::kNothing)
        .SendBytes(Message({Add(1)}).SerializeAsString() +
                   EmptyCalls(kRefused));
  }
  AwaitWaiting(kSessions);
  // Each answer that the other gets lets a portion of them go on.
  for (int i = 0; i < 2000; ++i) {
    other.SendBytes(EmptyCalls(1));
    other.Await(0);
  }
  // 256 KiB of it, as much of refusals, and what gRPC has of both.
  EXPECT_LE(GivenOut() - given_out, kSessions * (int64_t{2} << 20));
  held.Release();
}

TEST_P(SessionMemoryTest, WhatMetadataTakesIsCountedAndBounded) {
  constexpr int64_t kBytes = 8 << 20;
  constexpr int kCalls = 1000;
  constexpr int kMessages = 6;
  Start({.workers = 1, .session_bytes = kBytes});
  HeldWorker held(channel());
  SessionClient session(channel());
  const int64_t held_before = server().Snapshot().held_bytes;
  const int64_t given_out = GivenOut();
  uint64_t id = 0;
  for (int i = 0; i < kMessages; ++i) {
    v1::OpenRequest request;
    for (int call = 0; call < kCalls; ++call) {
      *request.add_calls() = Add(++id);
      for (int entry = 0; entry < 490; ++entry) {
        request.mutable_calls()->rbegin()->add_metadata()->set_name("m");
      }
    }
    session.Send(request);
  }
  // What does not wait is refused.
  AwaitLane(
      [&](const auto& lane) {
        return lane.counts.waiting + session.answers_come();
      },
      id);
  for (uint64_t i = 1; i <= id; ++i) session.Poll(i);
  const int64_t held_bytes = server().Snapshot().held_bytes - held_before;
  EXPECT_GT(held_bytes, kBytes - (1 << 20));
  EXPECT_LE(held_bytes, kBytes + 8192);
  EXPECT_LE(GivenOut() - given_out, kBytes + (6 << 20));
  held.Release();
  AwaitNothingHeld();
}

}  // namespace
}  // namespace pinion
