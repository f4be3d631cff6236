// SPDX-License-Identifier: Apache-2.0
//
// SessionTest: a server and what tests of its sessions say to it and expect of
//              it, in-process and over TCP.
//
// Threads: the test's; see lane_test.h.
// Example: TEST_P(SessionTest, Answers) {
//            Start({.workers = 1});
//            SessionClient session(channel());
//            session.Send(Message({Add(1)}));
//            ExpectAdded(session.Await(1));
//          }
#ifndef PINION_TESTS_SERVER_SESSION_SESSION_FIXTURE_H_
#define PINION_TESTS_SERVER_SESSION_SESSION_FIXTURE_H_

#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "pinion/server/snapshot.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/tests/support/session_client.h"
#include "pinion/v1/session.pb.h"

namespace pinion::testing {

// A call of Add.
inline v1::SessionCall Add(uint64_t id, absl::string_view name = "a",
                           int64_t by = 1) {
  v1::SessionCall call;
  call.set_id(id);
  call.set_method(kAdd);
  call.set_payload(AddOf(name, by));
  return call;
}

inline v1::SessionCall AddWithin(absl::Duration timeout, uint64_t id) {
  v1::SessionCall call = Add(id);
  call.set_timeout_us(absl::ToInt64Microseconds(timeout));
  return call;
}

inline v1::OpenRequest Message(const std::vector<v1::SessionCall>& calls) {
  v1::OpenRequest request;
  request.mutable_calls()->Assign(calls.begin(), calls.end());
  return request;
}

// The bytes of so many calls that have nothing, which are refused.
inline std::string EmptyCalls(int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes += std::string("\x0a\0", 2);
  return bytes;
}

inline v1::OpenRequest Cancel(uint64_t id) {
  v1::OpenRequest request;
  request.add_cancel(id);
  return request;
}

inline void AddName(v1::OpenRequest& request, uint32_t index,
                    const char* name) {
  v1::MethodName* method = request.add_methods();
  method->set_index(index);
  method->set_name(name);
}

// That the call was answered so, with the response to an Add of `by`.
inline void ExpectAdded(const v1::SessionAnswer& answer, int64_t by = 1) {
  EXPECT_EQ(answer.code(), 0) << answer.DebugString();
  EXPECT_FALSE(answer.has_failure()) << answer.DebugString();
  shop::v1::AddResponse response;
  EXPECT_TRUE(response.ParseFromString(answer.payload()));
  EXPECT_EQ(response.value(), by);
}

inline void ExpectFailed(const v1::SessionAnswer& answer, absl::StatusCode code,
                         v1::Reason reason, v1::Executed executed) {
  EXPECT_EQ(answer.code(), static_cast<int>(code)) << answer.DebugString();
  EXPECT_NE(answer.message(), "");
  EXPECT_EQ(answer.failure().reason(), reason) << answer.DebugString();
  EXPECT_EQ(answer.failure().executed(), executed) << answer.DebugString();
}

inline void ExpectBadRequest(const v1::SessionAnswer& answer) {
  ExpectFailed(answer, absl::StatusCode::kInvalidArgument,
               v1::REASON_BAD_REQUEST, v1::EXECUTED_NO);
}

inline void ExpectExpired(const v1::SessionAnswer& answer,
                          v1::Executed executed) {
  ExpectFailed(answer, absl::StatusCode::kDeadlineExceeded, v1::REASON_EXPIRED,
               executed);
}

inline void ExpectCancelled(const v1::SessionAnswer& answer,
                            v1::Executed executed) {
  ExpectFailed(answer, absl::StatusCode::kCancelled, v1::REASON_CANCELLED,
               executed);
}

inline void ExpectStopped(const v1::SessionAnswer& answer,
                          v1::Executed executed) {
  ExpectFailed(answer, absl::StatusCode::kUnavailable, v1::REASON_STOPPING,
               executed);
}

class SessionTest : public LaneTest {
 protected:
  void AwaitCancelled(uint64_t calls) {
    AwaitLane([](const auto& lane) { return lane.counts.cancelled; }, calls);
  }

  // Waits until nothing is held of any call.
  void AwaitNothingHeld() {
    AwaitHeld(0);
    // A block goes with the last who looks at it, perhaps the expirer.
    const auto holds = [this] {
      const ServerSnapshot snapshot = server().Snapshot();
      return snapshot.held_calls != 0 || snapshot.held_bytes != 0;
    };
    while (holds()) std::this_thread::yield();
  }
};

}  // namespace pinion::testing

#endif  // PINION_TESTS_SERVER_SESSION_SESSION_FIXTURE_H_
