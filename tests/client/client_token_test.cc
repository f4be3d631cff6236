// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/internal/client_token.h"

#include <cstdio>
#include <fstream>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/client/client.h"
#include "pinion/client/failure.h"
#include "pinion/client/token_file.h"

namespace pinion::client_internal {
namespace {

using ::testing::HasSubstr;

// A source that gives what the test says.
struct Source {
  TokenSource source() {
    return [this] {
      ++asked;
      return token;
    };
  }
  absl::StatusOr<std::string> token = std::string("a.b.c");
  int asked = 0;
};

ClientOptions With(Source& source, absl::Duration refresh = absl::Hours(1)) {
  ClientOptions options;
  options.token_source = source.source();
  options.token_refresh = refresh;
  return options;
}

TEST(ClientTokenTest, AsksItsSourceOnce) {
  Source source;
  ClientToken token(With(source));
  EXPECT_TRUE(token.due());
  EXPECT_EQ(*token.Get(), "a.b.c");
  EXPECT_FALSE(token.due());
  EXPECT_EQ(*token.Get(), "a.b.c");
  EXPECT_EQ(source.asked, 1);
}

TEST(ClientTokenTest, WithoutASourceIsNeverDue) {
  ClientToken token{ClientOptions()};
  EXPECT_FALSE(token.exists());
  EXPECT_FALSE(token.due());
  grpc::ClientContext context;
  EXPECT_TRUE(token.AddTo({}, context).ok());
}

TEST(ClientTokenTest, SaysWhyThereIsNoneAndThatNothingRan) {
  Source source{.token = absl::NotFoundError("no such file")};
  ClientToken token(With(source));
  const absl::Status status = token.Get().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no such file"));
  EXPECT_EQ(FailureOf(status)->executed(), v1::EXECUTED_NO);
  EXPECT_EQ(FailureOf(status)->reason(), v1::REASON_UNAUTHENTICATED);
}

TEST(ClientTokenTest, KeepsTheOneOfBeforeWhileItsSourceHasNone) {
  Source source;
  ClientToken token(With(source, absl::Milliseconds(1)));
  EXPECT_EQ(*token.Get(), "a.b.c");
  source.token = absl::NotFoundError("no such file");
  while (source.asked == 1) EXPECT_EQ(*token.Get(), "a.b.c");
  EXPECT_EQ(*token.Get(), "a.b.c");
}

TEST(ClientTokenTest, SendsNothingThatMetadataMayNotHave) {
  for (const char* bad : {"", "a b", "a\r\nb", "\x80"}) {
    Source source{.token = std::string(bad)};
    ClientToken token(With(source));
    EXPECT_EQ(token.Get().status().code(), absl::StatusCode::kUnauthenticated)
        << bad;
  }
}

TEST(ClientTokenTest, IsNotSentInClearToOtherMachines) {
  Source source;
  for (const bool unary : {false, true}) {
    ClientOptions options = With(source);
    options.unary = unary;
    const auto client = Client::Connect("192.0.2.1:50051", options);
    EXPECT_EQ(client->CallRaw("/a/B", "").response.status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(source.asked, 0);
}

TEST(TokenFileTest, IsReadEachTimeWithoutTheSpaceAround) {
  const std::string path = ::testing::TempDir() + "/token";
  const TokenSource source = TokenFile(path);
  std::remove(path.c_str());
  EXPECT_THAT(std::string(source().status().message()), HasSubstr(path));
  std::ofstream(path) << " a.b.c\n";
  EXPECT_EQ(*source(), "a.b.c");
  std::ofstream(path) << "d.e.f";
  EXPECT_EQ(*source(), "d.e.f");
  std::ofstream(path) << " \n";
  EXPECT_THAT(std::string(source().status().message()), HasSubstr("is empty"));
  std::ofstream(path) << std::string(8193, 'x');
  EXPECT_THAT(std::string(source().status().message()), HasSubstr("8192"));
}

}  // namespace
}  // namespace pinion::client_internal
