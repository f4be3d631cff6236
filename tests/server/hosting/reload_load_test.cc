// SPDX-License-Identifier: Apache-2.0
//
// A server that is reloaded under load: no call fails, unary or in a session.
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "pinion/client/client.h"
#include "pinion/client/method.h"
#include "pinion/server/options.h"
#include "pinion/server/server.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/tests/support/sanitized.h"
#include "pinion/tests/support/test_server.h"
#include "shop/v1/counter.pb.h"

namespace pinion {
namespace {

using ::pinion::testing::HostAdd;
using ::pinion::testing::kTimesSlower;
using ::pinion::testing::TestServer;

constexpr Method<shop::v1::AddRequest, shop::v1::AddResponse> kAddMethod(
    testing::kAdd);

constexpr int kReloads = 400 / kTimesSlower;

// What may change, in one of two ways.
struct Both {
  ListenOptions listen;
  HostingOptions hosting;
};
Both OptionsOf(bool other) {
  Both both = {.listen = {.listen = "127.0.0.1:0"}, .hosting = {.workers = 2}};
  if (!other) return both;
  both.listen.max_connections = 100;
  both.listen.max_connections_per_address = 50;
  both.hosting.default_timeout = absl::Hours(1);
  both.hosting.stall_after = absl::Milliseconds(10);
  both.hosting.healthy_share = 1;
  both.hosting.lame_duck = absl::Seconds(1);
  both.hosting.grace = absl::Minutes(1);
  // Sessions that are older move their calls to others.
  both.hosting.max_session_age = absl::Milliseconds(100);
  return both;
}

// Calls until it is told to end, and counts what fails.
class Caller {
 public:
  explicit Caller(std::unique_ptr<Client> client)
      : client_(std::move(client)), thread_([this] { Run(); }) {}
  ~Caller() {
    ends_ = true;
    thread_.join();
    EXPECT_EQ(failures_, 0) << first_failure_;
    EXPECT_GT(calls_, 0);
  }

  // Waits until it has made so many calls more.
  void AwaitCalls(int more) const {
    const int until = calls_ + more;
    while (calls_ < until) std::this_thread::yield();
  }

 private:
  void Run() {
    while (!ends_) {
      shop::v1::AddRequest request;
      request.set_name(absl::StrCat("key ", calls_ % 64));
      const auto answer = client_->Call(kAddMethod, request);
      if (!answer.ok() && failures_++ == 0) {
        first_failure_ = answer.status().ToString();
      }
      ++calls_;
    }
  }

  const std::unique_ptr<Client> client_;
  std::atomic<bool> ends_{false};
  std::atomic<int> calls_{0};
  int failures_ = 0;
  std::string first_failure_;
  std::thread thread_;
};

TEST(ReloadLoadTest, NoCallFailsWhileTheServerIsReloaded) {
  const Both first = OptionsOf(false);
  TestServer test(first.hosting, first.listen);
  HostAdd(test.server(), [](auto&, auto*, auto&) { return absl::OkStatus(); });
  test.Start();
  {
    const auto to_server = [&](bool unary) {
      return std::make_unique<Client>(test.TcpChannel().channel,
                                      ClientOptions{.unary = unary});
    };
    const Caller unary(to_server(/*unary=*/true));
    const Caller session(to_server(/*unary=*/false));
    for (int i = 0; i < kReloads; ++i) {
      const Both options = OptionsOf(i % 2 == 0);
      const absl::Status reloaded =
          test.server().Reload(options.listen, options.hosting);
      ASSERT_TRUE(reloaded.ok()) << reloaded;
      unary.AwaitCalls(1);
      session.AwaitCalls(1);
    }
  }
  test.Stop();
}

}  // namespace
}  // namespace pinion
