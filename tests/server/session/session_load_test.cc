// SPDX-License-Identifier: Apache-2.0
//
// Sessions under load: a million calls, some of which are cancelled or expire,
// and a client that takes none of its answers; in-process and over TCP.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/tests/support/sanitized.h"
#include "pinion/tests/support/session_client.h"
#include "pinion/v1/session.pb.h"

namespace pinion {
namespace {

using ::pinion::testing::AddOf;
using ::pinion::testing::HeldWorker;
using ::pinion::testing::kAdd;
using ::pinion::testing::kTimesSlower;
using ::pinion::testing::LaneTest;
using ::pinion::testing::SessionClient;
using ::pinion::testing::TransportName;

constexpr int64_t kCalls = 1'000'000 / kTimesSlower;

// Calls of Add, by the index 1.
v1::SessionCall& AddCall(v1::OpenRequest& request, int64_t id,
                         absl::string_view key) {
  v1::SessionCall* const call = request.add_calls();
  call->set_id(id);
  call->set_method_index(1);
  call->set_payload(AddOf(key, id));
  return *call;
}

v1::OpenRequest Names() {
  v1::OpenRequest request;
  v1::MethodName* const method = request.add_methods();
  method->set_index(1);
  method->set_name(kAdd);
  return request;
}

int64_t ValueIn(const v1::SessionAnswer& answer) {
  shop::v1::AddResponse response;
  EXPECT_TRUE(response.ParseFromString(answer.payload()));
  return response.value();
}

using SessionLoadTest = LaneTest;
INSTANTIATE_TEST_SUITE_P(, SessionLoadTest, ::testing::Bool(), TransportName);

TEST_P(SessionLoadTest, OfEachKeyWhatRunsRunsAsSentAndEachCallHasOneAnswer) {
  constexpr int kKeys = 16;
  constexpr int64_t kOfMessage = 2000;
  // How many messages are ahead of the answers that were looked at.
  constexpr int64_t kAhead = 6;
  std::array<std::atomic<int64_t>, kKeys> last = {};
  std::atomic<int64_t> in_disorder{0};
  on_add_ = [&](const auto& request, auto* response, CallContext&) {
    const int key = std::stoi(request.name());
    if (last[key].exchange(request.by()) >= request.by()) ++in_disorder;
    response->set_value(request.by());
    return absl::OkStatus();
  };
  Start({.workers = 2, .io_threads = 2});
  SessionClient session(channel());
  session.Send(Names());
  std::map<int, int64_t> codes;
  const auto look = [&](int64_t from, int64_t to) {
    for (int64_t id = from; id < to; ++id) {
      const v1::SessionAnswer answer = session.Await(id);
      ++codes[answer.code()];
      if (answer.code() == 0) {
        EXPECT_EQ(ValueIn(answer), id);
      }
    }
  };
  // The calls of the first message wait, so that some are surely cancelled.
  std::optional<HeldWorker> held(std::in_place, channel());
  for (int64_t first = 1; first <= kCalls; first += kOfMessage) {
    v1::OpenRequest request;
    const int64_t end = std::min(first + kOfMessage, kCalls + 1);
    for (int64_t id = first; id < end; ++id) {
      v1::SessionCall& call =
          AddCall(request, id, absl::StrCat(id * 7 % kKeys));
      if (id % 11 == 0) call.set_timeout_us(id % 3000 + 1);
      // Of the message before.
      if (first > 1 && id % 13 == 0) request.add_cancel(id - kOfMessage);
    }
    session.Send(request);
    if (first > kOfMessage && held.has_value()) {
      AwaitLane([](const auto& lane) { return lane.counts.cancelled > 0; },
                true);
      held.reset();
    }
    if (first > kAhead * kOfMessage) {
      look(first - kAhead * kOfMessage, first - (kAhead - 1) * kOfMessage);
    }
  }
  held.reset();
  const int64_t messages = (kCalls + kOfMessage - 1) / kOfMessage;
  look(std::max<int64_t>(messages - kAhead, 0) * kOfMessage + 1, kCalls + 1);
  session.EndSends();
  EXPECT_TRUE(session.AwaitEnd().ok()) << session.AwaitEnd();
  EXPECT_EQ(session.answers_come(), static_cast<uint64_t>(kCalls));
  EXPECT_EQ(in_disorder, 0);
  EXPECT_GT(codes[0], 0);
  EXPECT_GT(codes[static_cast<int>(absl::StatusCode::kCancelled)], 0);
  EXPECT_GT(codes[static_cast<int>(absl::StatusCode::kDeadlineExceeded)] +
                codes[static_cast<int>(absl::StatusCode::kResourceExhausted)],
            0);
  EXPECT_LE(codes[0], adds_begun());
}

TEST_P(SessionLoadTest, HoldsFewAnswersForAClientThatTakesNoneAndServesOthers) {
  constexpr int64_t kOfMessage = 5000;
  constexpr int64_t kAnswerBytes = 200;
  // Some 16,000 are the 4 MiB that the session has unsent, 10,000 the calls of
  // two messages; gRPC and the system take as many as 16 MiB have room for.
  constexpr int kMax = 200'000;
  on_add_ = [](const auto& request, auto* response, CallContext&) {
    response->set_value(request.by());
    response->GetReflection()
        ->MutableUnknownFields(response)
        ->AddLengthDelimited(15)
        ->assign(kAnswerBytes, 'x');
    return absl::OkStatus();
  };
  Start({.workers = 1, .lane_calls = 100'000, .write_timeout = absl::Hours(1)});
  SessionClient slow(channel(), SessionClient::Takes::kNothing);
  slow.Send(Names());
  for (int64_t first = 1; first <= kCalls; first += kOfMessage) {
    v1::OpenRequest request;
    const int64_t end = std::min(first + kOfMessage, kCalls + 1);
    for (int64_t id = first; id < end; ++id) AddCall(request, id, "a");
    slow.Send(request);
  }
  SessionClient other(channel());
  other.Send(Names());
  constexpr int64_t kOfOther = 2000 / kTimesSlower;
  for (int64_t id = 1; id <= kOfOther; ++id) {
    v1::OpenRequest request;
    AddCall(request, id, "b");
    other.Send(request);
    const v1::SessionAnswer answer = other.Await(id);
    // The lane may be full of the slow one's for a moment.
    if (answer.code() == 0) {
      EXPECT_EQ(ValueIn(answer), id);
    }
  }
  EXPECT_LE(adds_begun(), kMax);
  slow.TakeAll();
  for (int64_t id = 1; id <= kCalls; ++id) {
    const v1::SessionAnswer answer = slow.Await(id);
    if (answer.code() == 0) {
      EXPECT_EQ(ValueIn(answer), id);
    }
  }
  EXPECT_EQ(slow.answers_come(), static_cast<uint64_t>(kCalls));
}

}  // namespace
}  // namespace pinion
