// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/admin/grpc_connection.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/fake_clock.h"
#include "pinion/tests/server/admin/raw_http2.h"

namespace pinion {
namespace {

using ::testing::ElementsAre;
using testing::Framed;
using ::testing::HasSubstr;
using testing::RawHttp2;

constexpr char kEcho[] = "/a.B/Echo";

// A connection and its client, without a socket between them.
class GrpcConnectionTest : public ::testing::Test {
 protected:
  GrpcConnectionTest()
      : connection_(
            [this](absl::string_view path, absl::string_view request) {
              return Method(path, request);
            },
            time_.clock()) {}

  absl::StatusOr<std::string> Method(absl::string_view path,
                                     absl::string_view request) {
    asked_.push_back(absl::StrCat(path, " ", request));
    if (path == kEcho) return std::string(request);
    if (path == "/a.B/Large") return std::string(kLarge, 'x');
    return absl::UnimplementedError(absl::StrCat("no ", path, ": 100%\n\xc3"));
  }

  // Takes bytes to and fro until nobody has any. False if it is over.
  bool Exchange() {
    while (true) {
      const std::string there = client_.TakeBytes();
      connection_.Receive(there);
      const std::string back(connection_.Unsent());
      if (there.empty() && back.empty()) return !connection_.over();
      client_.Feed(back);
      connection_.Sent(back.size());
    }
  }

  RawHttp2::Answer& Call(absl::string_view path, std::string body,
                         RawHttp2::Headers more = {}) {
    const int32_t id = client_.Begin(path, std::move(body), std::move(more));
    EXPECT_TRUE(Exchange());
    EXPECT_TRUE(client_.answer(id).ended);
    return client_.answer(id);
  }

  static constexpr size_t kLarge = 1 << 20;

  FakeClock time_;
  std::vector<std::string> asked_;
  RawHttp2 client_;
  GrpcConnection connection_;
};

TEST_F(GrpcConnectionTest, AUnaryCallIsAnswered) {
  RawHttp2::Answer& answer = Call(kEcho, Framed("hello"));
  EXPECT_EQ(answer.headers[":status"], "200");
  EXPECT_EQ(answer.headers["content-type"], "application/grpc");
  EXPECT_EQ(answer.headers["grpc-status"], "0");
  EXPECT_EQ(answer.body, Framed("hello"));
  EXPECT_THAT(asked_, ElementsAre("/a.B/Echo hello"));
  EXPECT_TRUE(connection_.idle());
}

TEST_F(GrpcConnectionTest, AnEmptyRequestAndResponseAreMessages) {
  RawHttp2::Answer& answer = Call(kEcho, Framed(""));
  EXPECT_EQ(answer.headers["grpc-status"], "0");
  EXPECT_EQ(answer.body, Framed(""));
}

TEST_F(GrpcConnectionTest, ADeadlineAndMetadataAreAccepted) {
  EXPECT_EQ(Call(kEcho, Framed("a"),
                 {{"grpc-timeout", "1n"},
                  {"x-trace", "7"},
                  {"grpc-accept-encoding", "gzip"},
                  {"content-type", "application/grpc+proto"}})
                .headers["grpc-status"],
            "0");
}

TEST_F(GrpcConnectionTest, CallsAtATimeGetEachItsOwnAnswer) {
  std::vector<int32_t> ids;
  for (size_t i = 0; i < GrpcConnection::kMostStreams; ++i) {
    ids.push_back(client_.Begin(kEcho, Framed(absl::StrCat("call ", i))));
  }
  EXPECT_TRUE(Exchange());
  for (size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(client_.answer(ids[i]).body, Framed(absl::StrCat("call ", i)));
  }
}

TEST_F(GrpcConnectionTest, ARequestInSingleBytesIsTheSame) {
  const int32_t id = client_.Begin(kEcho, Framed("slow"));
  for (const char byte : client_.TakeBytes()) {
    connection_.Receive(absl::string_view(&byte, 1));
  }
  EXPECT_TRUE(Exchange());
  EXPECT_EQ(client_.answer(id).body, Framed("slow"));
}

TEST_F(GrpcConnectionTest, ALargeResponseIsMadeAsItIsRead) {
  const int32_t id = client_.Begin("/a.B/Large", Framed(""));
  size_t most = 0;
  connection_.Receive(client_.TakeBytes());
  while (!client_.answer(id).ended) {
    const std::string part(connection_.Unsent());
    ASSERT_FALSE(part.empty());
    most = std::max(most, part.size());
    client_.Feed(part);
    connection_.Sent(part.size());
    connection_.Receive(client_.TakeBytes());
  }
  EXPECT_EQ(client_.answer(id).body, Framed(std::string(kLarge, 'x')));
  constexpr size_t kFrame = 9 + 16 * 1024;
  EXPECT_LE(most, GrpcConnection::kUnsentBytes + kFrame);
}

TEST_F(GrpcConnectionTest, AnErrorsTextIsEscapedAsGrpcSays) {
  RawHttp2::Answer& answer = Call("/a.B/Other", Framed(""));
  EXPECT_EQ(answer.headers["grpc-status"], "12");
  EXPECT_EQ(answer.headers["grpc-message"], "no /a.B/Other: 100%25%0A%C3");
  EXPECT_EQ(answer.body, "");
}

TEST_F(GrpcConnectionTest, WhatIsNoUnaryRequestIsSaid) {
  const struct {
    const char* name;
    std::string body;
    const char* code;
    const char* text;
  } cases[] = {
      {"nothing", "", "13", "ended before its message"},
      {"half a prefix", std::string(3, '\0'), "13", "ended before its message"},
      {"half a message", Framed("hello").substr(0, 7), "13",
       "ended after 2 of the 5 bytes"},
      {"two messages", Framed("a") + Framed("b"), "13",
       "more than one message"},
      {"compressed", "\1" + Framed("a").substr(1), "12", "is compressed"},
      {"too long", Framed(std::string(64 * 1024 + 1, 'x')), "8",
       "more than 65536 bytes"},
      {"much too long", std::string(400'000, '\0'), "8",
       "more than 65536 bytes"},
  };
  for (const auto& one : cases) {
    RawHttp2::Answer& answer = Call(kEcho, one.body);
    EXPECT_EQ(answer.headers["grpc-status"], one.code) << one.name;
    EXPECT_THAT(answer.headers["grpc-message"], HasSubstr(one.text))
        << one.name;
  }
  EXPECT_THAT(asked_, ElementsAre());
  EXPECT_EQ(
      Call(kEcho, Framed(std::string(64 * 1024, 'x'))).headers["grpc-status"],
      "0");
}

TEST_F(GrpcConnectionTest, WhatIsNoGrpcGetsAnHttpStatus) {
  EXPECT_EQ(Call(kEcho, "", {{":method", "GET"}}).headers[":status"], "405");
  EXPECT_EQ(Call(kEcho, "{}", {{"content-type", "application/json"}})
                .headers[":status"],
            "415");
  EXPECT_EQ(Call(kEcho, Framed("still here")).headers["grpc-status"], "0");
}

TEST_F(GrpcConnectionTest, LargeHeadersEndTheirStreamOnly) {
  // Each below what one header may have.
  RawHttp2::Headers many;
  for (int i = 0; i < 5; ++i) {
    many.emplace_back(absl::StrCat("x-", i), std::string(4000, 'x'));
  }
  RawHttp2::Answer& answer = Call(kEcho, Framed("a"), many);
  EXPECT_NE(answer.error, 0u);
  EXPECT_EQ(answer.headers.count("grpc-status"), 0u);
  EXPECT_EQ(Call(kEcho, Framed("still here")).headers["grpc-status"], "0");
  EXPECT_THAT(asked_, ElementsAre("/a.B/Echo still here"));
}

TEST_F(GrpcConnectionTest, ACallThatItsClientResetsIsForgotten) {
  const int32_t id = client_.Begin(kEcho, Framed("a"), {}, /*ends=*/false);
  EXPECT_TRUE(Exchange());
  EXPECT_FALSE(connection_.idle());
  client_.Reset(id);
  EXPECT_TRUE(Exchange());
  EXPECT_TRUE(connection_.idle());
  EXPECT_THAT(asked_, ElementsAre());
}

TEST_F(GrpcConnectionTest, NoMoreCallsAreOpenThanAllowed) {
  EXPECT_TRUE(Exchange());  // The client knows the bound.
  std::vector<int32_t> ids;
  for (size_t i = 0; i <= GrpcConnection::kMostStreams; ++i) {
    ids.push_back(client_.Begin(kEcho, Framed("a"), {}, /*ends=*/false));
  }
  EXPECT_TRUE(Exchange());
  EXPECT_FALSE(client_.answer(ids.back()).ended);  // It waits in the client.
  client_.Reset(ids.front());
  EXPECT_TRUE(Exchange());
  EXPECT_FALSE(connection_.idle());
}

TEST_F(GrpcConnectionTest, WhatIsNoHttp2EndsTheConnection) {
  connection_.Receive("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  connection_.Sent(connection_.Unsent().size());
  EXPECT_TRUE(connection_.over());
  connection_.Receive(client_.TakeBytes());
  EXPECT_TRUE(connection_.over());
}

TEST_F(GrpcConnectionTest, ABadFrameEndsTheConnectionWithAReason) {
  EXPECT_TRUE(Exchange());
  // DATA of no stream.
  connection_.Receive(absl::string_view("\0\0\1\0\0\0\0\0\0x", 10));
  EXPECT_FALSE(connection_.Unsent().empty());
  EXPECT_FALSE(connection_.over());  // The reason is not sent yet.
  EXPECT_FALSE(Exchange());
  EXPECT_TRUE(client_.sent_away());
}

TEST_F(GrpcConnectionTest, AClientThatSaysNothingIsOverdue) {
  EXPECT_EQ(connection_.overdue_at(),
            time_.Now() + GrpcConnection::kLongestCall);
  EXPECT_TRUE(Exchange());
  EXPECT_EQ(connection_.overdue_at(), std::nullopt);
}

TEST_F(GrpcConnectionTest, ACallThatNeverEndsIsOverdue) {
  EXPECT_TRUE(Exchange());
  time_.Advance(std::chrono::seconds(100));
  const Moment begun = time_.Now();
  client_.Begin(kEcho, Framed("a"), {}, /*ends=*/false);
  EXPECT_TRUE(Exchange());
  time_.Advance(std::chrono::seconds(5));
  client_.Begin(kEcho, Framed("b"), {}, /*ends=*/false);
  EXPECT_TRUE(Exchange());
  EXPECT_EQ(connection_.overdue_at(), begun + GrpcConnection::kLongestCall);
}

TEST_F(GrpcConnectionTest, AClientThatReadsNothingIsOverdueWithoutACall) {
  EXPECT_TRUE(Exchange());
  client_.Ping();
  connection_.Receive(client_.TakeBytes());
  ASSERT_FALSE(connection_.Unsent().empty());
  const Moment last = time_.Now();
  time_.Advance(std::chrono::seconds(3));
  client_.Ping();
  connection_.Receive(client_.TakeBytes());
  ASSERT_FALSE(connection_.Unsent().empty());
  EXPECT_EQ(connection_.overdue_at(), last + GrpcConnection::kLongestCall);
  connection_.Sent(1);  // It reads something.
  EXPECT_EQ(connection_.overdue_at(),
            time_.Now() + GrpcConnection::kLongestCall);
}

}  // namespace
}  // namespace pinion
