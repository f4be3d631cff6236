// SPDX-License-Identifier: Apache-2.0
//
// Who attaches a Hosting and forgets to start it is told.
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/fake_clock.h"
#include "pinion/core/scheduler.h"
#include "pinion/server/hosting.h"
#include "pinion/server/hosting/for_test.h"
#include "shop/v1/counter.pb.h"

namespace pinion {
namespace {

using ::pinion::internal::HostingForTest;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Counter {
  absl::Status Add(const shop::v1::AddRequest&, shop::v1::AddResponse*) {
    return absl::OkStatus();
  }
};

class ForgottenStartTest : public ::testing::Test {
 protected:
  ForgottenStartTest() {
    hosting_->Host<Counter>("shop.v1.CounterService").On("Add", &Counter::Add);
    EXPECT_TRUE(hosting_->Attach(builder_).ok());
    server_ = builder_.BuildAndStart();
  }
  void Pass(std::chrono::seconds span) {
    time_.Advance(span);
    HostingForTest::runtime(*hosting_).manual_scheduler().RunUntilIdle(0);
  }

  FakeClock time_;
  std::vector<std::string> log_;
  grpc::ServerBuilder builder_;
  std::unique_ptr<Hosting> hosting_ = HostingForTest::Make(
      {.workers = 1,
       .log = [this](absl::string_view line) { log_.emplace_back(line); }},
      {.clock = time_.clock()});
  std::shared_ptr<grpc::Server> server_;
};

TEST_F(ForgottenStartTest, IsToldOnceAfterSeconds) {
  Pass(std::chrono::seconds(4));
  EXPECT_THAT(log_, IsEmpty());
  Pass(std::chrono::seconds(1));
  EXPECT_THAT(
      log_, ElementsAre(AllOf(HasSubstr("Hosting::Start()"), HasSubstr("5s"))));
  Pass(std::chrono::hours(1));
  EXPECT_EQ(log_.size(), 1u);
  EXPECT_TRUE(hosting_->Start(server_).ok()) << "it may still be started";
}

TEST_F(ForgottenStartTest, IsNotToldOfOneThatWasStarted) {
  Pass(std::chrono::seconds(4));
  EXPECT_TRUE(hosting_->Start(server_).ok());
  Pass(std::chrono::hours(1));
  EXPECT_THAT(log_, IsEmpty());
}

}  // namespace
}  // namespace pinion
