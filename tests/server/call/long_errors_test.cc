// SPDX-License-Identifier: Apache-2.0
//
// A handler's error arrives with its code and its Failure, however long its
// text is, whatever bytes it has and whatever goes with it; in-process and over
// TCP.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gtest/gtest.h"
#include "pinion/proto/wire/utf8.h"
#include "pinion/server/stream.h"
#include "pinion/tests/support/grpc_order.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/tests/support/open_call.h"
#include "pinion/tests/support/session_client.h"
#include "pinion/tests/support/stream_client.h"
#include "pinion/v1/session.pb.h"
#include "tests/server/support/bad.pb.h"

namespace pinion {
namespace {

using ::pinion::testing::AddOf;
using ::pinion::testing::kAdd;
using ::pinion::testing::LaneTest;
using ::pinion::testing::OpenCall;
using ::pinion::testing::OpenCallOptions;
using ::pinion::testing::OrderAsGrpcDoes;
using ::pinion::testing::SessionClient;
using ::pinion::testing::StreamClient;
using ::pinion::testing::TransportName;

constexpr char kStreaming[] = "/pinion.test.GoodService/Streaming";

std::string Repeated(absl::string_view part, size_t bytes) {
  std::string text;
  while (text.size() < bytes) absl::StrAppend(&text, part);
  return text;
}

std::vector<std::string> LongTexts() {
  std::vector<std::string> texts;
  for (const size_t bytes : {2000, 3000, 4000, 8000, 20000, 1 << 20}) {
    texts.push_back(Repeated("x", bytes));
    texts.push_back(Repeated("\xc3\xa4", bytes));
    texts.push_back(Repeated("%\n", bytes));
    texts.push_back(Repeated("\x80", bytes));
    texts.push_back(Repeated(absl::string_view("\0\xff", 2), bytes));
  }
  return texts;
}

// The same error, of which two threads share no part: ThreadSanitizer does not
// see how Abseil's library counts who has one.
absl::Status Anew(const absl::Status& error) {
  absl::Status anew(error.code(), error.message());
  error.ForEachPayload([&](absl::string_view type, const absl::Cord& payload) {
    anew.SetPayload(type, absl::Cord(std::string(payload)));
  });
  return anew;
}

struct FailingStreamShard {
  void Do(const test::Thing&, Stream<test::Thing> stream) {
    OrderAsGrpcDoes();
    const absl::Status anew = Anew(error);
    OrderAsGrpcDoes();
    stream.Finish(anew);
  }
  const absl::Status& error;
};

class LongErrorsTest : public LaneTest {
 protected:
  LongErrorsTest() {
    on_add_ = [this](const auto&, auto*, CallContext& context) {
      for (const std::string& value : trailing_) {
        EXPECT_TRUE(context.AddTrailingMetadata("note-bin", value).ok());
      }
      return Anew(error_);
    };
  }
  void HostMore(Server& server) override {
    server
        .Host<FailingStreamShard>("pinion.test.GoodService",
                                  [this] {
                                    return std::unique_ptr<FailingStreamShard>(
                                        new FailingStreamShard{error_});
                                  })
        .On("Streaming", &FailingStreamShard::Do);
  }

  // That `text` is the handler's, or its beginning, and valid.
  void ExpectIsOrBegins(absl::string_view text) const {
    const std::string whole = ValidUtf8(error_.message());
    EXPECT_EQ(ValidUtf8(text), text);
    if (text == whole) return;
    ASSERT_TRUE(absl::EndsWith(text, "..."));
    EXPECT_TRUE(absl::StartsWith(whole, absl::StripSuffix(text, "...")));
    EXPECT_GT(text.size(), 300u);
  }

  void ExpectIsTheHandlers(const absl::Status& status,
                           const v1::Failure& failure) const {
    EXPECT_EQ(status.code(), error_.code()) << error_.message().size();
    EXPECT_EQ(failure.reason(), v1::REASON_HANDLER);
    EXPECT_EQ(failure.executed(), v1::EXECUTED_YES);
    ExpectIsOrBegins(status.message());
  }

  absl::Status error_;
  std::vector<std::string> trailing_;
};

INSTANTIATE_TEST_SUITE_P(, LongErrorsTest, ::testing::Bool(), TransportName);

TEST_P(LongErrorsTest, KeepTheirCodeInAUnaryCall) {
  Start({.workers = 1});
  for (const std::string& text : LongTexts()) {
    error_ = absl::DataLossError(text);
    OpenCall add(channel(), kAdd, AddOf("a"));
    const absl::Status status = add.Await();
    ExpectIsTheHandlers(status, add.failure());
  }
}

TEST_P(LongErrorsTest, AreWholeUpToThreeThousandBytes) {
  error_ = absl::DataLossError(std::string(3000, 'x'));
  Start({.workers = 1});
  OpenCall add(channel(), kAdd, AddOf("a"));
  EXPECT_EQ(add.Await().message(), error_.message());
}

TEST_P(LongErrorsTest, KeepTheirCodeBesideAllThatAHandlerMaySend) {
  trailing_ = {std::string(4096 - 32 - 8, '\xff')};
  Start({.workers = 1});
  for (const std::string& text : LongTexts()) {
    error_ = absl::DataLossError(text);
    error_.SetPayload("x.org/x", absl::Cord(std::string(4000, '\xff')));
    const OpenCallOptions timed = {.metadata = {{"pinion-timing", "1"}}};
    OpenCall add(channel(), kAdd, AddOf("a"), timed);
    const absl::Status status = add.Await();
    ExpectIsTheHandlers(status, add.failure());
    EXPECT_EQ(add.trailer("note-bin"), trailing_[0]);
    EXPECT_NE(add.trailer("pinion-timing-bin"), "");
  }
}

TEST_P(LongErrorsTest, KeepTheirCodeAtTheEndOfAStream) {
  Start({.workers = 1});
  test::Thing thing;
  thing.set_name("a");
  for (const std::string& text : LongTexts()) {
    error_ = absl::DataLossError(text);
    OrderAsGrpcDoes();
    StreamClient stream(channel(), kStreaming, thing.SerializeAsString());
    const absl::Status status = stream.AwaitEnd();
    OrderAsGrpcDoes();
    ExpectIsTheHandlers(status, stream.failure());
  }
}

TEST_P(LongErrorsTest, KeepTheirCodeInASession) {
  // Most of them are longer than a message may be.
  Start({.workers = 1, .max_message_bytes = 4096});
  SessionClient session(channel());
  uint64_t id = 0;
  for (const std::string& text : LongTexts()) {
    error_ = absl::DataLossError(text);
    v1::OpenRequest request;
    v1::SessionCall& call = *request.add_calls();
    call.set_id(++id);
    call.set_method(kAdd);
    call.set_payload(AddOf("a"));
    session.Send(request);
    const v1::SessionAnswer answer = session.Await(id);
    ExpectIsTheHandlers(
        absl::Status(static_cast<absl::StatusCode>(answer.code()),
                     answer.message()),
        answer.failure());
  }
}

}  // namespace
}  // namespace pinion
