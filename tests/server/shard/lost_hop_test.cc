// SPDX-License-Identifier: Apache-2.0
//
// What becomes of a call that is carried to a worker that does not exist.
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/client/failure.h"
#include "pinion/client/method.h"
#include "pinion/server/call.h"
#include "pinion/server/hop.h"
#include "pinion/server/server.h"
#include "pinion/server/testing/manual_server.h"
#include "pinion/v1/failure.pb.h"
#include "shop/v1/counter.pb.h"

namespace pinion {
namespace {

using ::pinion::testing::ManualServer;
using ::shop::v1::AddRequest;
using ::shop::v1::AddResponse;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr Method<AddRequest, AddResponse> kAdd("/shop.v1.CounterService/Add");
constexpr char kWhy[] =
    "a hop was posted to worker 7, which does not exist; there are 0 to 1, so "
    "its function did not run";

// Carries each call to the worker that it asks for, and answers it there.
class Carrier {
 public:
  void Add(Call<AddRequest, AddResponse> call) {
    const int to = static_cast<int>(call.request().by());
    const bool goes_round = call.request().name() == "goes round";
    Hop hop = call.context().TakeHop();
    if (!goes_round) return Carry(std::move(hop), to, std::move(call));
    std::move(hop).Post<Carrier>(
        0, [to, call = std::move(call)](Carrier&, Hop hop) mutable {
          Carry(std::move(hop), to, std::move(call));
        });
  }

 private:
  static void Carry(Hop hop, int to, Call<AddRequest, AddResponse> call) {
    std::move(hop).Post<Carrier>(
        to, [call = std::move(call)](Carrier&) mutable { call.Finish(); });
  }
};

class LostHopTest : public ::testing::Test {
 protected:
  absl::Status Add(const char* name, int to) {
    AddRequest request;
    request.set_name(name);
    request.set_by(to);
    const auto call = test_.Call(kAdd, request);
    test_.RunUntilIdle();
    return call.Await().status();
  }
  void ExpectLost(const absl::Status& answer) {
    EXPECT_EQ(answer.code(), absl::StatusCode::kInternal);
    EXPECT_EQ(std::string(answer.message()), kWhy);
    const auto failure = FailureOf(answer);
    ASSERT_TRUE(failure.has_value());
    EXPECT_EQ(failure->reason(), v1::REASON_HANDLER);
    EXPECT_EQ(failure->executed(), v1::EXECUTED_YES);
    EXPECT_THAT(logged_, ElementsAre(HasSubstr(kWhy)));
    EXPECT_EQ(Add("goes on", 1), absl::OkStatus());
  }

  std::vector<std::string> logged_;
  ManualServer test_{
      [](Server& server) {
        server.Host<Carrier>("shop.v1.CounterService").On("Add", &Carrier::Add);
      },
      {.hosting = {.workers = 2, .log = [this](absl::string_view line) {
                     logged_.emplace_back(line);
                   }}}};
};

TEST_F(LostHopTest, ACallThatItsHandlerSendsToNoWorkerIsAnsweredWithTheReason) {
  ExpectLost(Add("goes there", 7));
}

TEST_F(LostHopTest, ACallThatAHopSendsOnToNoWorkerIsAnsweredWithTheReason) {
  ExpectLost(Add("goes round", 7));
}

}  // namespace
}  // namespace pinion
