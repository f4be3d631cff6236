// SPDX-License-Identifier: Apache-2.0
//
// Watch() of the kv service: what a watcher is told, and when it is not told
// all; in-process and over TCP.
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "pinion/kv/v1/kv.pb.h"
#include "pinion/server/kv/host_kv.h"
#include "pinion/server/snapshot.h"
#include "pinion/tests/support/stream_client.h"
#include "pinion/tests/support/test_server.h"

namespace pinion::kv {
namespace {

using ::pinion::testing::GuardedChannel;
using ::pinion::testing::StreamClient;
using ::pinion::testing::TestServer;
using v1::WatchResponse;

constexpr char kWatch[] = "/pinion.kv.v1.KvService/Watch";

class KvWatchTest : public ::testing::TestWithParam<bool> {
 protected:
  void Start(HostingOptions options = {.workers = 2},
             const KvOptions& kv = {}) {
    test_ = std::make_unique<TestServer>(std::move(options));
    HostKv(test_->server(), kv);
    test_->Start();
    channel_ = GetParam() ? test_->TcpChannel() : test_->InProcessChannel();
  }

  std::unique_ptr<StreamClient> Watch(const std::string& key) {
    v1::WatchRequest request;
    request.set_key(key);
    return std::make_unique<StreamClient>(channel_, kWatch,
                                          request.SerializeAsString());
  }

  uint64_t Put(const std::string& key, const std::string& value,
               uint64_t ttl_ms = 0) {
    v1::PutRequest request;
    request.set_key(key);
    request.set_value(value);
    request.set_ttl_ms(ttl_ms);
    const auto put = test_->client().Call<v1::PutResponse>(
        "/pinion.kv.v1.KvService/Put", request);
    EXPECT_TRUE(put.ok()) << put.status();
    return put.ok() ? put->version() : 0;
  }
  void Delete(const std::string& key) {
    v1::DeleteRequest request;
    request.set_key(key);
    const auto deleted = test_->client().Call<v1::DeleteResponse>(
        "/pinion.kv.v1.KvService/Delete", request);
    EXPECT_TRUE(deleted.ok()) << deleted.status();
  }

  static WatchResponse Next(StreamClient& watch) {
    WatchResponse response;
    const std::optional<std::string> bytes = watch.Next();
    EXPECT_TRUE(bytes.has_value()) << watch.AwaitEnd();
    if (bytes.has_value()) {
      EXPECT_TRUE(response.ParseFromString(*bytes));
    }
    return response;
  }

  int64_t OpenWatches() {
    int64_t open = 0;
    for (const LaneSnapshot& lane : test_->server().Snapshot().lanes) {
      open += lane.open_streams;
    }
    return open;
  }
  int64_t KeptWatches() {
    int64_t kept = 0;
    for (const LaneSnapshot& lane : test_->server().Snapshot().lanes) {
      kept += lane.kept_streams;
    }
    return kept;
  }

  std::unique_ptr<TestServer> test_;
  GuardedChannel channel_;
};

INSTANTIATE_TEST_SUITE_P(, KvWatchTest, ::testing::Bool(),
                         [](const auto& info) {
                           return info.param ? "OverTcp" : "InProcess";
                         });

TEST_P(KvWatchTest, TellsWhatIsThereAndThenEachChangeInOrder) {
  Start();
  const uint64_t first = Put("a", "1");
  const auto watch = Watch("a");
  WatchResponse told = Next(*watch);
  EXPECT_EQ(told.change(), WatchResponse::CHANGE_PRESENT);
  EXPECT_EQ(told.value(), "1");
  EXPECT_EQ(told.version(), first);
  uint64_t version = first;
  for (int i = 2; i < 50; ++i) {
    const uint64_t written = Put("a", absl::StrCat(i));
    Put("b", "another key");
    told = Next(*watch);
    EXPECT_EQ(told.change(), WatchResponse::CHANGE_WRITTEN);
    EXPECT_EQ(told.value(), absl::StrCat(i));
    EXPECT_EQ(told.version(), written);
    EXPECT_GT(told.version(), version);
    version = told.version();
  }
  Delete("a");
  told = Next(*watch);
  EXPECT_EQ(told.change(), WatchResponse::CHANGE_DELETED);
  EXPECT_FALSE(told.has_value());
  EXPECT_GT(told.version(), version);
}

TEST_P(KvWatchTest, TellsThatThereIsNothingAndOfTheFirstValue) {
  Start();
  const auto watch = Watch("a");
  WatchResponse told = Next(*watch);
  EXPECT_EQ(told.change(), WatchResponse::CHANGE_PRESENT);
  EXPECT_FALSE(told.has_value());
  EXPECT_EQ(told.version(), 0u);
  Put("a", "");
  told = Next(*watch);
  EXPECT_EQ(told.change(), WatchResponse::CHANGE_WRITTEN);
  EXPECT_TRUE(told.has_value());
}

TEST_P(KvWatchTest, TellsThatTheTimeToLiveHasPassed) {
  Start();
  const auto watch = Watch("a");
  Next(*watch);
  Put("a", "1", /*ttl_ms=*/1);
  EXPECT_EQ(Next(*watch).change(), WatchResponse::CHANGE_WRITTEN);
  EXPECT_EQ(Next(*watch).change(), WatchResponse::CHANGE_EXPIRED);
}

TEST_P(KvWatchTest, TellsThatTheValueWentToMakeRoom) {
  Start({.workers = 1}, {.bytes = 1024, .when_full = WhenFull::kEvict});
  Put("a", "1");
  const auto watch = Watch("a");
  EXPECT_EQ(Next(*watch).change(), WatchResponse::CHANGE_PRESENT);
  for (int i = 0; i < 10; ++i) Put(absl::StrCat("b", i), "1");
  EXPECT_EQ(Next(*watch).change(), WatchResponse::CHANGE_EVICTED);
}

TEST_P(KvWatchTest, TellsAllWhoWatchAKeyAndLetsGoOfWhoLeaves) {
  Start();
  std::vector<std::unique_ptr<StreamClient>> watches;
  for (int i = 0; i < 10; ++i) {
    watches.push_back(Watch("a"));
    Next(*watches.back());
  }
  EXPECT_EQ(OpenWatches(), 10);
  watches.resize(3);
  while (OpenWatches() != 3) std::this_thread::yield();
  Put("a", "1");
  for (const auto& watch : watches) EXPECT_EQ(Next(*watch).value(), "1");
  watches.clear();
  while (OpenWatches() != 0) std::this_thread::yield();
  Put("a", "2");
}

TEST_P(KvWatchTest, AnyNumberMayComeAndGoThoughTheKeyIsNeverWritten) {
  Start({.workers = 1, .lane_calls = 4, .lane_streams = 4});
  for (int i = 0; i < 20; ++i) {
    const auto watch = Watch("a");
    EXPECT_EQ(Next(*watch).change(), WatchResponse::CHANGE_PRESENT);
    watch->Cancel();
    while (OpenWatches() != 0) std::this_thread::yield();
  }
  Put("a", "1");
  // Nothing is left of them either.
  while (KeptWatches() != 0) std::this_thread::yield();
  while (test_->server().Snapshot().held_calls != 0) std::this_thread::yield();
}

TEST_P(KvWatchTest, OneThatIsSlowIsToldOfTheLatestAloneAndHoldsLittle) {
  constexpr int kWrites = 2000;
  constexpr int kBytes = 20'000;
  Start(
      {.workers = 1, .stream_bytes = 64 << 10, .max_message_bytes = 32 << 10});
  const auto watch = Watch("a");
  for (int i = 1; i <= kWrites; ++i) {
    Put("a", absl::StrCat(i, std::string(kBytes, 'x')));
  }
  const int64_t held = test_->server().Snapshot().held_bytes;
  EXPECT_LT(held, 128 << 10);
  int told = 0;
  int last = 0;
  while (last != kWrites) {
    const WatchResponse response = Next(*watch);
    if (response.change() != WatchResponse::CHANGE_WRITTEN) continue;
    ++told;
    const int number = std::stoi(response.value());
    EXPECT_GT(number, last);
    ASSERT_FALSE(::testing::Test::HasFailure());
    last = number;
  }
  // What gRPC and the system have room for was told; the rest was left out.
  EXPECT_LT(told, kWrites);
}

TEST_P(KvWatchTest, OneThatIsSlowIsToldOfAValueOfAnySize) {
  Start(
      {.workers = 1, .stream_bytes = 64 << 10, .max_message_bytes = 64 << 10});
  const auto watch = Watch("a");  // Takes nothing yet.
  while (test_->server().Snapshot().held_bytes < 20 << 10) {
    Put("a", std::string(1000, 'x'));
  }
  const uint64_t last = Put("a", std::string(50'000, 'y'));
  uint64_t told = 0;
  while (told < last && !HasFailure()) told = Next(*watch).version();
  EXPECT_EQ(told, last);
}

TEST_P(KvWatchTest, EndsWhenTheServerBeginsToStop) {
  Start({.workers = 1, .grace = absl::Hours(1)});
  const auto watch = Watch("a");
  Next(*watch);
  std::thread stop([this] { test_->Stop(); });
  EXPECT_FALSE(watch->Next().has_value());
  EXPECT_EQ(watch->AwaitEnd().code(), absl::StatusCode::kUnavailable);
  stop.join();
}

TEST_P(KvWatchTest, NeedsAKey) {
  Start();
  const auto watch = Watch("");
  EXPECT_FALSE(watch->Next().has_value());
  EXPECT_EQ(watch->AwaitEnd().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace pinion::kv
