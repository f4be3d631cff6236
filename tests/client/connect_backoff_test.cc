// SPDX-License-Identifier: Apache-2.0
//
// When the next attempt begins, and when calls have waited long enough. Time is
// the test's.
#include "pinion/client/internal/connect_backoff.h"

#include <chrono>

#include "absl/status/status.h"
#include "gtest/gtest.h"

namespace pinion::client_internal {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr seconds kTimeout(20);
constexpr SteadyTime kStart = SteadyTime(std::chrono::hours(100));

const absl::Status kRefused = absl::UnavailableError("connection refused");
const absl::Status kReset = absl::UnavailableError("connection reset");

TEST(ConnectBackoffTest, TheFirstAttemptBeginsAtOnceAndNothingHasFailed) {
  const ConnectBackoff connect(kTimeout);
  EXPECT_LE(connect.next_attempt(), kStart);
  EXPECT_EQ(connect.due_at(), kNever);
  EXPECT_EQ(connect.failures(), 0);
  EXPECT_TRUE(connect.last_failure().ok());
}

TEST(ConnectBackoffTest, TheNextAttemptBeginsABackoffAfterTheLastFailure) {
  ConnectBackoff connect(kTimeout);
  connect.AttemptBegins(kStart);
  connect.AttemptFailed(kRefused, kStart + seconds(1), seconds(2));
  EXPECT_EQ(connect.next_attempt(), kStart + seconds(3));
  EXPECT_EQ(connect.last_failure(), kRefused);
  connect.AttemptBegins(kStart + seconds(3));
  connect.AttemptFailed(kReset, kStart + seconds(4), seconds(5));
  EXPECT_EQ(connect.next_attempt(), kStart + seconds(9));
  EXPECT_EQ(connect.last_failure(), kReset);
  EXPECT_EQ(connect.failures(), 2);
}

TEST(ConnectBackoffTest, CallsWaitFromTheFirstOfManyFailedAttempts) {
  ConnectBackoff connect(kTimeout);
  for (int i = 0; i < 10; ++i) {
    connect.AttemptBegins(kStart + seconds(i));
    EXPECT_EQ(connect.due_at(), kStart + kTimeout) << i;
    EXPECT_EQ(connect.DueAt(kStart + seconds(i)), kStart + kTimeout) << i;
    connect.AttemptFailed(kRefused, kStart + seconds(i), nanoseconds(1));
  }
  EXPECT_EQ(connect.due_at(), kStart + kTimeout);
}

TEST(ConnectBackoffTest, AnAttemptThatBeginsAfterThatHasATimeoutOfItsOwn) {
  ConnectBackoff connect(kTimeout);
  connect.AttemptBegins(kStart);
  connect.AttemptFailed(kRefused, kStart + seconds(1), seconds(1));
  const SteadyTime late = kStart + kTimeout;
  connect.AttemptBegins(late);
  EXPECT_EQ(connect.due_at(), late);
  EXPECT_EQ(connect.DueAt(late), late + kTimeout);
  EXPECT_EQ(connect.DueAt(late - nanoseconds(1)), late);
}

TEST(ConnectBackoffTest, ASessionEndsTheWaitButNotTheCountOfFailures) {
  ConnectBackoff connect(kTimeout);
  connect.AttemptBegins(kStart);
  connect.AttemptFailed(kRefused, kStart, seconds(1));
  connect.AttemptBegins(kStart + seconds(1));
  connect.Connected();
  EXPECT_EQ(connect.due_at(), kNever);
  EXPECT_EQ(connect.failures(), 1);
  connect.CallSucceeded();
  EXPECT_EQ(connect.failures(), 0);
  // The wait counts anew.
  connect.AttemptBegins(kStart + seconds(50));
  EXPECT_EQ(connect.due_at(), kStart + seconds(50) + kTimeout);
}

TEST(ConnectBackoffTest, ASessionThatAnsweredNothingIsAFailedAttempt) {
  ConnectBackoff connect(kTimeout);
  connect.AttemptBegins(kStart);
  connect.Connected();
  connect.AttemptFailed(kReset, kStart + seconds(5), seconds(1));
  EXPECT_EQ(connect.next_attempt(), kStart + seconds(6));
  EXPECT_EQ(connect.due_at(), kStart + seconds(5) + kTimeout);
  EXPECT_EQ(connect.failures(), 1);
}

TEST(ConnectBackoffTest, AfterASessionThatAnsweredTheNextBeginsAtOnce) {
  ConnectBackoff connect(kTimeout);
  connect.AttemptFailed(kRefused, kStart, seconds(1));
  connect.SessionEnded(kReset);
  EXPECT_LE(connect.next_attempt(), kStart);
  EXPECT_EQ(connect.last_failure(), kReset);
}

TEST(ConnectBackoffTest, ADrainLetsTheNextBeginAtOnceAndIsNoFailure) {
  ConnectBackoff connect(kTimeout);
  connect.AttemptFailed(kRefused, kStart, seconds(1));
  connect.SessionDrains();
  EXPECT_LE(connect.next_attempt(), kStart);
  EXPECT_EQ(connect.last_failure(), kRefused);
}

TEST(ConnectBackoffTest, TimesBeyondTheClockAreNever) {
  ConnectBackoff connect(nanoseconds::max());
  connect.AttemptBegins(kStart);
  EXPECT_EQ(connect.due_at(), kNever);
  EXPECT_EQ(connect.DueAt(kStart), kNever);
  connect.AttemptFailed(kRefused, kStart, nanoseconds::max());
  EXPECT_EQ(connect.next_attempt(), kNever);
}

}  // namespace
}  // namespace pinion::client_internal
