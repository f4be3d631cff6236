// SPDX-License-Identifier: Apache-2.0
//
// The echo service: how long its calls may keep a worker.
#include <cstdint>
#include <optional>
#include <string>
#include <thread>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/echo/v1/echo.pb.h"
#include "pinion/server/echo/asked_work.h"
#include "pinion/server/echo/echo_shard.h"
#include "pinion/server/snapshot.h"
#include "pinion/tests/support/open_call.h"
#include "pinion/tests/support/test_server.h"

namespace pinion {
namespace {

using ::pinion::testing::OpenCall;
using ::pinion::testing::TestServer;
using ::testing::HasSubstr;

constexpr char kEcho[] = "/pinion.echo.v1.EchoService/Echo";
constexpr uint32_t kMinute = 60'000'000;  // The most that may be asked.

TEST(AskedWorkTest, RefusesMoreThanAMinuteAndDoesNoneOfIt) {
  const auto never = [] {
    ADD_FAILURE() << "it works";
    return true;
  };
  for (const absl::Status& status : {echo::DoAskedWork(kMinute + 1, 0, never),
                                     echo::DoAskedWork(0, kMinute + 1, never),
                                     echo::DoAskedWork(1, UINT32_MAX, never)}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("0 to 60000000"));
  }
}

TEST(AskedWorkTest, ASpinAndABlockEndWhenNobodyAwaitsThem) {
  for (const bool spins : {true, false}) {
    int asked = 0;
    const absl::Status status = echo::DoAskedWork(
        spins ? kMinute : 0, spins ? 0 : kMinute, [&] { return ++asked == 3; });
    EXPECT_EQ(status.code(), absl::StatusCode::kCancelled) << status;
    EXPECT_EQ(asked, 3);
  }
}

TEST(AskedWorkTest, DoesAllOfItWhenItIsAwaited) {
  EXPECT_TRUE(echo::DoAskedWork(1000, 1000, [] { return false; }).ok());
}

// What the handler of an echo does when nobody waits for it any more shows in
// the stop, which waits for the handlers that run.
class EchoTest : public ::testing::Test {
 protected:
  void Start(absl::Duration grace) {
    test_.emplace(HostingOptions{.workers = 1, .grace = grace});
    echo::HostEcho(test_->server());
    test_->Start();
  }
  std::string ABlock() const {
    echo::v1::EchoRequest request;
    request.set_block_us(kMinute);
    return request.SerializeAsString();
  }
  void AwaitRunning() {
    while (test_->server().Snapshot().methods[0].counts.running == 0) {
      std::this_thread::yield();
    }
  }

  std::optional<TestServer> test_;
};

TEST_F(EchoTest, ABlockEndsWhenItsCallIsCancelled) {
  Start(absl::Hours(1));
  OpenCall block(test_->TcpChannel(), kEcho, ABlock());
  AwaitRunning();
  block.Cancel();
  EXPECT_EQ(block.Await().code(), absl::StatusCode::kCancelled);
  // It would wait behind the block.
  OpenCall next(test_->TcpChannel(), kEcho, "");
  EXPECT_TRUE(next.Await().ok()) << next.Await();
  EXPECT_EQ(test_->server().Snapshot().methods[0].counts.abandoned, 0u);
}

TEST_F(EchoTest, ABlockEndsWhenItsCallHasExpired) {
  Start(absl::Hours(1));
  OpenCall block(test_->TcpChannel(), kEcho, ABlock(),
                 {.timeout = absl::Milliseconds(300)});
  EXPECT_EQ(block.Await().code(), absl::StatusCode::kDeadlineExceeded);
  OpenCall next(test_->TcpChannel(), kEcho, "");
  EXPECT_TRUE(next.Await().ok()) << next.Await();
  EXPECT_EQ(test_->server().Snapshot().methods[0].counts.abandoned, 0u);
}

TEST_F(EchoTest, ABlockEndsWhenTheGraceOfAStopIsOver) {
  Start(absl::ZeroDuration());
  OpenCall block(test_->TcpChannel(), kEcho, ABlock());
  AwaitRunning();
  test_->Stop();  // No handler is stuck.
  EXPECT_EQ(block.Await().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace pinion
