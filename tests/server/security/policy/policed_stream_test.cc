// SPDX-License-Identifier: Apache-2.0
//
// Server streams, and watches of health, of a server with a policy and limits:
// they last, so a reload judges them anew.
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "pinion/server/options.h"
#include "pinion/server/server.h"
#include "pinion/server/stream.h"
#include "pinion/server/testing/gate.h"
#include "pinion/tests/support/health_watch.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/tests/support/stream_client.h"
#include "pinion/v1/failure.pb.h"
#include "tests/server/support/bad.pb.h"

namespace pinion {
namespace {

using ::pinion::test::Thing;
using ::pinion::testing::Gate;
using ::pinion::testing::HealthRequest;
using ::pinion::testing::HealthWatch;
using ::pinion::testing::LaneTest;
using ::pinion::testing::StreamClient;
using ::pinion::testing::TransportName;

constexpr char kStreaming[] = "/pinion.test.GoodService/Streaming";

struct KeepingShard {
  using Keep = std::function<void(Stream<Thing>)>;
  void Do(const Thing&, Stream<Thing> stream) { keep(std::move(stream)); }
  absl::Status Echo(const Thing& request, Thing* response) {
    *response = request;
    return absl::OkStatus();
  }
  const Keep& keep;
};

// A request with that key.
std::string Named(const std::string& name) {
  Thing thing;
  thing.set_name(name);
  return thing.SerializeAsString();
}

std::string Allow(absl::string_view path) {
  return absl::StrCat(
      "name: p\nallow_rules:\n  - name: one\n    request: "
      "{paths: [\"",
      path, "\"]}\n");
}

class PolicedStreamTest : public LaneTest {
 protected:
  void HostMore(Server& server) override {
    server
        .Host<KeepingShard>(
            "pinion.test.GoodService",
            [this] {
              return std::unique_ptr<KeepingShard>(new KeepingShard{keep_});
            })
        .On("Streaming", &KeepingShard::Do)
        .On("Keyed", &KeepingShard::Echo);
  }

  void StartWith(absl::string_view policy, PartyLimitOptions limits = {}) {
    options_ = {.workers = 1, .limits = limits};
    if (!policy.empty()) {
      options_.policy.policy_file =
          absl::StrCat(::testing::TempDir(), "/stream_policy");
      Write(policy);
    }
    gate_.Open();
    Start(options_);
  }
  void Write(absl::string_view policy) {
    std::ofstream(options_.policy.policy_file) << policy;
  }
  void ReloadWith(absl::string_view policy) {
    Write(policy);
    const absl::Status status =
        server().Reload({.listen = "127.0.0.1:0"}, options_);
    ASSERT_TRUE(status.ok()) << status;
  }

  HostingOptions options_;
  // The last stream that came.
  std::optional<Stream<Thing>> kept_;
  Gate is_kept_;
  const KeepingShard::Keep keep_ = [this](Stream<Thing> stream) {
    kept_.emplace(std::move(stream));
    is_kept_.Open();
  };
};

INSTANTIATE_TEST_SUITE_P(, PolicedStreamTest, ::testing::Bool(), TransportName);

TEST_P(PolicedStreamTest, AStreamIsJudgedByItsPath) {
  StartWith(Allow("/a.B/C"));
  StreamClient stream(channel(), kStreaming, Named("a"));
  EXPECT_EQ(stream.AwaitEnd().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(stream.failure().reason(), v1::REASON_NOT_ALLOWED);
  EXPECT_EQ(stream.failure().executed(), v1::EXECUTED_NO);
}

TEST_P(PolicedStreamTest, AReloadEndsAStreamThatIsNotAllowedAnyMore) {
  StartWith(Allow(kStreaming));
  StreamClient stream(channel(), kStreaming, Named("a"));
  is_kept_.Pass();
  ReloadWith(Allow("/a.B/C"));
  EXPECT_EQ(stream.AwaitEnd().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(stream.failure().reason(), v1::REASON_NOT_ALLOWED);
  EXPECT_EQ(stream.failure().executed(), v1::EXECUTED_MAYBE);
  EXPECT_EQ(kept_->Send(Thing()).code(), absl::StatusCode::kPermissionDenied);
  kept_.reset();
}

TEST_P(PolicedStreamTest, AReloadLeavesAStreamThatIsStillAllowed) {
  StartWith(Allow(kStreaming));
  StreamClient stream(channel(), kStreaming, Named("a"));
  is_kept_.Pass();
  ReloadWith(Allow("/pinion.test.GoodService/*"));
  Thing thing;
  thing.set_name("still there");
  EXPECT_TRUE(kept_->Send(thing).ok());
  EXPECT_EQ(stream.Next(), thing.SerializeAsString());
  kept_->Finish(absl::OkStatus());
  EXPECT_TRUE(stream.AwaitEnd().ok());
  kept_.reset();
}

TEST_P(PolicedStreamTest, AReloadEndsAWatchOfHealth) {
  StartWith(Allow("/grpc.health.v1.Health/Watch"));
  HealthWatch watch(channel().channel, HealthRequest(testing::kCounter));
  EXPECT_EQ(watch.Next(), HealthStatus::kServing);
  ReloadWith(Allow("/a.B/C"));
  EXPECT_EQ(watch.Next(), std::nullopt);
}

class LimitedStreamTest : public PolicedStreamTest {};

INSTANTIATE_TEST_SUITE_P(, LimitedStreamTest, ::testing::Values(true),
                         TransportName);

TEST_P(LimitedStreamTest, StreamsBeyondTheBoundAreRefused) {
  StartWith("", {.streams_per_party = 1});
  StreamClient first(channel(), kStreaming, Named("a"));
  is_kept_.Pass();
  StreamClient second(channel(), kStreaming, Named("a"));
  EXPECT_EQ(second.AwaitEnd().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(second.failure().reason(), v1::REASON_RATE_LIMITED);
  EXPECT_EQ(second.failure().executed(), v1::EXECUTED_NO);
  kept_->Finish(absl::OkStatus());
  EXPECT_TRUE(first.AwaitEnd().ok());
  kept_.reset();
}

}  // namespace
}  // namespace pinion
