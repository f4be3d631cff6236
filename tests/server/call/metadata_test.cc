// SPDX-License-Identifier: Apache-2.0
//
// How much metadata a call may have, and that one with more harms no other on
// its connection; in-process and over TCP.
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/server/snapshot.h"
#include "pinion/server/stream.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/tests/support/open_call.h"
#include "pinion/tests/support/stream_client.h"
#include "tests/server/support/bad.pb.h"

namespace pinion {
namespace {

using ::pinion::testing::AddOf;
using ::pinion::testing::ExpectFailure;
using ::pinion::testing::kAdd;
using ::pinion::testing::LaneTest;
using ::pinion::testing::OpenCall;
using ::pinion::testing::OpenCallOptions;
using ::pinion::testing::StreamClient;
using ::pinion::testing::TransportName;
using ::testing::HasSubstr;

constexpr char kStreaming[] = "/pinion.test.GoodService/Streaming";
constexpr char kOpenSession[] = "/pinion.v1.SessionService/Open";

// An entry counts its name, its value, and 32 bytes.
constexpr int kEntries = 100;
constexpr int kMaxBytes = 16 << 10;

// `bytes` of metadata in all, as it counts.
OpenCallOptions WithMetadata(int bytes) {
  OpenCallOptions options;
  for (int i = 0; i < kEntries; ++i) {
    const std::string name = absl::StrCat("x-", i + 100);
    options.metadata.emplace_back(
        name, std::string(bytes / kEntries - 32 - name.size(), 'v'));
  }
  return options;
}

// Over TCP gRPC itself adds the client's name, which counts some 100 bytes.
OpenCallOptions Allowed() { return WithMetadata(kMaxBytes - 300); }
OpenCallOptions OneEntryMore() {
  OpenCallOptions options = Allowed();
  options.metadata.emplace_back("x-more", std::string(500, 'v'));
  return options;
}

struct EmptyStreamShard {
  void Do(const test::Thing&, Stream<test::Thing> stream) { stream.Finish(); }
};

class MetadataTest : public LaneTest {
 protected:
  void HostMore(Server& server) override {
    server.Host<EmptyStreamShard>("pinion.test.GoodService")
        .On("Streaming", &EmptyStreamShard::Do);
  }

  // The end of a call of a stream, with that metadata.
  absl::Status EndOfStream(const std::string& method,
                           const OpenCallOptions& options) {
    test::Thing thing;  // To a session, a message without calls.
    if (method == kStreaming) thing.set_name("a");
    StreamClient stream(channel(), method, thing.SerializeAsString(), options);
    absl::Status status = stream.AwaitEnd();
    failure_ = stream.failure();
    return status;
  }

  uint64_t RefusedForBadRequests() {
    uint64_t refused = 0;
    for (const MethodSnapshot& method : server().Snapshot().methods) {
      refused += method.counts.refused[v1::REASON_BAD_REQUEST];
    }
    return refused;
  }

  v1::Failure failure_;  // Of the last.
};

INSTANTIATE_TEST_SUITE_P(, MetadataTest, ::testing::Bool(), TransportName);

TEST_P(MetadataTest, AUnaryCallHasAsMuchAsIsAllowedAndNoMore) {
  gate_.Open();
  Start({.workers = 1});
  OpenCall allowed(channel(), kAdd, AddOf("a"), Allowed());
  EXPECT_EQ(allowed.Await(), absl::OkStatus());
  OpenCall more(channel(), kAdd, AddOf("a"), OneEntryMore());
  ExpectFailure(more, absl::StatusCode::kInvalidArgument,
                v1::REASON_BAD_REQUEST, v1::EXECUTED_NO);
  EXPECT_THAT(std::string(more.Await().message()),
              HasSubstr("more than the 16384 bytes"));
  EXPECT_EQ(adds_begun(), 1);
  EXPECT_EQ(RefusedForBadRequests(), 1u);
}

TEST_P(MetadataTest, AStreamHasAsMuchAsIsAllowedAndNoMore) {
  Start({.workers = 1});
  EXPECT_EQ(EndOfStream(kStreaming, Allowed()), absl::OkStatus());
  EXPECT_EQ(EndOfStream(kStreaming, OneEntryMore()).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(failure_.reason(), v1::REASON_BAD_REQUEST);
  EXPECT_EQ(failure_.executed(), v1::EXECUTED_NO);
}

TEST_P(MetadataTest, ASessionThatIsOpenedWithMoreEnds) {
  Start({.workers = 1});
  EXPECT_EQ(EndOfStream(kOpenSession, Allowed()), absl::OkStatus());
  const absl::Status end = EndOfStream(kOpenSession, OneEntryMore());
  EXPECT_EQ(end.code(), absl::StatusCode::kInvalidArgument) << end;
}

TEST_P(MetadataTest, ANameOfManyKilobytesIsAnsweredAndHarmsNoOther) {
  gate_.Open();
  Start({.workers = 1});
  OpenCall named(channel(), "/" + std::string(64 << 10, 'x'), "");
  ExpectFailure(named, absl::StatusCode::kUnimplemented,
                v1::REASON_NO_SUCH_METHOD, v1::EXECUTED_NO);
  EXPECT_LT(named.Await().message().size(), 1000u);
  OpenCall add(channel(), kAdd, AddOf("a"));
  EXPECT_TRUE(add.Await().ok()) << add.Await();
}

TEST_P(MetadataTest, OthersOnTheConnectionAreServedBesideCallsWithTooMuch) {
  Start({.workers = 1});
  OpenCall before(channel(), kAdd, AddOf("a"));
  gate_.AwaitArrivals(1);
  for (int i = 0; i < 20; ++i) {
    OpenCall large(channel(), kAdd, AddOf("a"), WithMetadata(100 << 10));
    ExpectFailure(large, absl::StatusCode::kInvalidArgument,
                  v1::REASON_BAD_REQUEST, v1::EXECUTED_NO);
    EXPECT_EQ(EndOfStream(kStreaming, WithMetadata(100 << 10)).code(),
              absl::StatusCode::kInvalidArgument);
  }
  gate_.Open();
  EXPECT_EQ(before.Await(), absl::OkStatus());
  EXPECT_EQ(server().Snapshot().connections.accepted, GetParam() ? 1 : 0);
}

}  // namespace
}  // namespace pinion
