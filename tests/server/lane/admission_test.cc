// SPDX-License-Identifier: Apache-2.0
//
// What is refused, and what the refusal says; in-process and over TCP.
#include <deque>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/server/snapshot.h"
#include "pinion/tests/support/lane_test.h"

namespace pinion {
namespace {

using ::pinion::testing::AddOf;
using ::pinion::testing::ExpectFailure;
using ::pinion::testing::Gate;
using ::pinion::testing::HeldWorker;
using ::pinion::testing::kAdd;
using ::pinion::testing::LaneTest;
using ::pinion::testing::OpenCall;
using ::pinion::testing::TransportName;
using ::testing::HasSubstr;

// That `call` was refused, and is told why and when to retry in the ways of
// clients of any make.
void ExpectRefused(OpenCall& call, v1::Reason reason) {
  ExpectFailure(call, absl::StatusCode::kResourceExhausted, reason,
                v1::EXECUTED_NO);
  EXPECT_EQ(call.failure().worker(), 0u);
  const uint64_t micros = call.failure().retry_after_us();
  EXPECT_GT(micros, 0u);
  EXPECT_EQ(call.trailer("grpc-retry-pushback-ms"),
            absl::StrCat((micros + 999) / 1000));
  EXPECT_THAT(call.details(),
              HasSubstr("type.googleapis.com/google.rpc.RetryInfo"));
}

class AdmissionTest : public LaneTest {
 protected:
  static constexpr int kAdds = 5;

  // Begins kAdds calls of that name for a worker that is held, waits until
  // `refused` of them are, for `reason`, and lets the others go. (gRPC chooses
  // which.)
  void ExpectRefusals(int refused, v1::Reason reason, absl::string_view name) {
    Gate failed;
    failed.Open();
    std::deque<OpenCall> adds;
    for (int i = 0; i < kAdds; ++i) {
      adds.emplace_back(channel(), kAdd, AddOf(name),
                        testing::OpenCallOptions{.failed = &failed});
    }
    failed.AwaitArrivals(refused);
    AwaitHeld(kAdds - refused);
    gate_.Open();
    for (OpenCall& add : adds) {
      if (add.Await().ok()) continue;
      ExpectRefused(add, reason);
      EXPECT_THAT(std::string(add.Await().message()),
                  HasSubstr("already holds"));
    }
    EXPECT_EQ(Lane().counts.refused[reason], static_cast<uint64_t>(refused));
  }

  // That all that is held comes back, and a call is let in again.
  void ExpectPlacesReturned(absl::string_view name) {
    AwaitHeld(0);
    EXPECT_EQ(Lane().held_bytes, 0);
    // What the server holds is given back when the answers have left.
    while (server().Snapshot().held_calls > 0) std::this_thread::yield();
    EXPECT_EQ(server().Snapshot().held_bytes, 0);
    OpenCall add(channel(), kAdd, AddOf(name));
    EXPECT_TRUE(add.Await().ok()) << add.Await();
  }
};

INSTANTIATE_TEST_SUITE_P(, AdmissionTest, ::testing::Bool(), TransportName);

// Its calls stand alone, so that all places are theirs: shares are for
// share_test.
constexpr char kAnyone[] = "127.0.0.0/8, ::1";

// A request of which two have less than 1024 bytes, but not three.
std::string LongName() { return std::string(400, 'a'); }

TEST_P(AdmissionTest, RefusesTheCallsThatALaneHasNoPlaceFor) {
  Start({.workers = 1, .lane_calls = 3, .trusted_proxies = kAnyone});
  ExpectRefusals(kAdds - 3, v1::REASON_LANE_FULL, "a");
  ExpectPlacesReturned("a");
}

TEST_P(AdmissionTest, RefusesTheBytesThatALaneHasNoPlaceFor) {
  Start({.workers = 1,
         .lane_bytes = 1024,
         .trusted_proxies = kAnyone,
         .max_message_bytes = 1024});
  ExpectRefusals(kAdds - 2, v1::REASON_LANE_FULL, LongName());
  ExpectPlacesReturned(LongName());
}

TEST_P(AdmissionTest, RefusesTheCallsThatTheServerHasNoPlaceFor) {
  Start({.workers = 1, .server_calls = 3, .trusted_proxies = kAnyone});
  ExpectRefusals(kAdds - 3, v1::REASON_SERVER_FULL, "a");
  ExpectPlacesReturned("a");
}

TEST_P(AdmissionTest, RefusesTheBytesThatTheServerHasNoPlaceFor) {
  Start({.workers = 1,
         .server_bytes = 4096,
         .trusted_proxies = kAnyone,
         .max_message_bytes = 1024});
  // Four of them have less than 4096 bytes, with the metadata that gRPC adds
  // over TCP, but not five without it.
  const std::string name(830, 'a');
  ExpectRefusals(kAdds - 4, v1::REASON_SERVER_FULL, name);
  ExpectPlacesReturned(name);
}

TEST_P(AdmissionTest, RefusesAtOnceWhatWouldWaitLongerThanItMay) {
  Start({.workers = 1,
         .default_timeout = absl::Milliseconds(20),
         .stall_after = absl::Hours(1)});
  OpenCall runs(channel(), kAdd, AddOf("a"), {.timeout = absl::Hours(1)});
  gate_.AwaitArrivals(1);
  // When this one has its answer the handler has run for longer than the next
  // may wait.
  OpenCall(channel(), kAdd, AddOf("a")).Await().IgnoreError();
  OpenCall add(channel(), kAdd, AddOf("a"));
  ExpectRefused(add, v1::REASON_WAIT_TOO_LONG);
  EXPECT_THAT(std::string(add.Await().message()),
              HasSubstr("worker 0 is expected"));
  // What may wait for longer is let in.
  OpenCall patient(channel(), kAdd, AddOf("a"), {.timeout = absl::Hours(1)});
  AwaitWaiting(1);
  gate_.Open();
  EXPECT_TRUE(runs.Await().ok());
  EXPECT_TRUE(patient.Await().ok());
}

TEST_P(AdmissionTest, SaysThatTheLaneIsStalledByAHandlerThatHasRunForLong) {
  Start({.workers = 1,
         .default_timeout = absl::Milliseconds(20),
         .stall_after = absl::Milliseconds(10)});
  OpenCall runs(channel(), kAdd, AddOf("a"), {.timeout = absl::Hours(1)});
  gate_.AwaitArrivals(1);
  // As above.
  OpenCall(channel(), kAdd, AddOf("a")).Await().IgnoreError();
  OpenCall add(channel(), kAdd, AddOf("a"));
  ExpectRefused(add, v1::REASON_LANE_STALLED);
  EXPECT_THAT(std::string(add.Await().message()),
              HasSubstr("kept by a handler that has run for"));
  gate_.Open();
}

TEST_P(AdmissionTest, LetsACallIntoAnEmptyLaneHoweverLongItsWorkerIsHeld) {
  Start({.workers = 1,
         .default_timeout = absl::Milliseconds(20),
         .stall_after = absl::Milliseconds(10)});
  HeldWorker held(channel());
  // When this one, of the same lane as the handler, has its answer, that has
  // run for longer than a call may wait.
  OpenCall(channel(), testing::kHold, "", testing::OnWorker0())
      .Await()
      .IgnoreError();
  OpenCall first(channel(), kAdd, AddOf("a"));
  ExpectFailure(first, absl::StatusCode::kDeadlineExceeded, v1::REASON_EXPIRED,
                v1::EXECUTED_NO);
  OpenCall second(channel(), kAdd, AddOf("a"));
  ExpectRefused(second, v1::REASON_LANE_STALLED);
}

}  // namespace
}  // namespace pinion
