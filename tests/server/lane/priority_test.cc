// SPDX-License-Identifier: Apache-2.0
//
// Which calls a worker runs first; in-process and over TCP.
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/server/snapshot.h"
#include "pinion/tests/support/lane_test.h"
#include "tests/server/support/priority.pb.h"

namespace pinion {
namespace {

using ::pinion::test::Mark;
using ::pinion::testing::ExpectFailure;
using ::pinion::testing::Gate;
using ::pinion::testing::HeldWorker;
using ::pinion::testing::LaneTest;
using ::pinion::testing::OpenCall;
using ::pinion::testing::OpenCallOptions;
using ::pinion::testing::TransportName;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kService[] = "pinion.test.PriorityService";

// Writes down which calls ran, in order; one named "gate" waits at a gate.
struct NotingShard {
  absl::Status Note(const Mark& request, Mark*) {
    if (request.name() == "gate") gate.Pass();
    names.push_back(request.name());
    return absl::OkStatus();
  }
  Gate& gate;
  std::vector<std::string>& names;
};

// A handler that is kept from its CPU uses up the normal calls' part of a
// round, and bulk ones have theirs before the next; so where bulk calls wait
// there is one normal call at most.
class PriorityTest : public LaneTest {
 protected:
  void HostMore(Server& server) override {
    server
        .Host<NotingShard>(kService,
                           [this] {
                             return std::unique_ptr<NotingShard>(
                                 new NotingShard{gate_, names_});
                           })
        .On("Urgent", &NotingShard::Note)
        .On("Normal", &NotingShard::Note)
        .On("Bulk", &NotingShard::Note)
        .On("Unspecified", &NotingShard::Note);
  }

  // Holds the worker by the first call after a sleep: in the midst of a round
  // the turn of the normal calls may be over already.
  void HoldIdleWorker() {
    for (;;) {
      const uint64_t before = WakesOutOfSleep();
      held_.emplace(channel());
      if (WakesOutOfSleep() > before) return;
      held_.reset();
    }
  }

  // Begins a call, and returns when the server has it waiting.
  void BeginWaiting(absl::string_view method, absl::string_view name,
                    absl::string_view priority = "") {
    const uint64_t before = Accepted();
    Begin(method, name, priority);
    while (Accepted() == before) std::this_thread::yield();
    // What the one I/O thread refuses now it does so after it has listed that.
    OpenCall refused(channel(), absl::StrCat("/", kService, "/Normal"), "",
                     {.metadata = {{"pinion-priority", "none"}}});
    EXPECT_EQ(refused.Await().code(), absl::StatusCode::kInvalidArgument);
  }
  OpenCall& Begin(absl::string_view method, absl::string_view name,
                  absl::string_view priority = "") {
    OpenCallOptions options;
    if (!priority.empty()) {
      options.metadata.emplace_back("pinion-priority", priority);
    }
    Mark mark;
    mark.set_name(std::string(name));
    return calls_.emplace_back(channel(),
                               absl::StrCat("/", kService, "/", method),
                               mark.SerializeAsString(), options);
  }

  // Which calls have run, when all have. Once.
  const std::vector<std::string>& NamesInOrder() {
    for (OpenCall& call : calls_) EXPECT_TRUE(call.Await().ok());
    test().Stop();  // The worker has left the names.
    return names_;
  }

  std::optional<HeldWorker> held_;

 private:
  uint64_t WakesOutOfSleep() {
    return server().Snapshot().workers[0].wakes_sent;
  }
  uint64_t Accepted() {
    uint64_t accepted = 0;
    for (const MethodSnapshot& method : server().Snapshot().methods) {
      accepted += method.counts.accepted;
    }
    return accepted;
  }

  std::vector<std::string> names_;
  std::deque<OpenCall> calls_;
};

INSTANTIATE_TEST_SUITE_P(, PriorityTest, ::testing::Bool(), TransportName);

TEST_P(PriorityTest, RunsUrgentBeforeNormalBeforeBulk) {
  Start({.workers = 1});
  HoldIdleWorker();
  BeginWaiting("Bulk", "bulk");
  BeginWaiting("Normal", "normal");
  BeginWaiting("Urgent", "urgent");
  held_->Release();
  EXPECT_THAT(NamesInOrder(), ElementsAre("urgent", "normal", "bulk"));
}

TEST_P(PriorityTest, TakesACallWithoutAPriorityForNormal) {
  Start({.workers = 1});
  HoldIdleWorker();
  BeginWaiting("Bulk", "bulk");
  BeginWaiting("Unspecified", "unspecified");
  BeginWaiting("Urgent", "urgent");
  held_->Release();
  EXPECT_THAT(NamesInOrder(), ElementsAre("urgent", "unspecified", "bulk"));
}

TEST_P(PriorityTest, RunsAnUrgentCallAfterTheOneThatRunsAndBeforeTheRest) {
  Start({.workers = 1});
  HoldIdleWorker();
  BeginWaiting("Normal", "gate");
  BeginWaiting("Normal", "normal");
  held_->Release();
  gate_.AwaitArrivals(1);
  // The worker has taken both normal ones.
  BeginWaiting("Urgent", "urgent");
  gate_.Open();
  EXPECT_THAT(NamesInOrder(), ElementsAre("gate", "urgent", "normal"));
}

TEST_P(PriorityTest, LowersACallThatAsksForLess) {
  Start({.workers = 1});
  HoldIdleWorker();
  BeginWaiting("Urgent", "urgent as bulk", "bulk");
  BeginWaiting("Urgent", "urgent as normal", "normal");
  BeginWaiting("Normal", "normal as bulk", "bulk");
  BeginWaiting("Urgent", "urgent", "urgent");
  held_->Release();
  EXPECT_THAT(NamesInOrder(), ElementsAre("urgent", "urgent as normal",
                                          "urgent as bulk", "normal as bulk"));
}

TEST_P(PriorityTest, NeverRaisesACallThatAsksForMore) {
  Start({.workers = 1});
  HoldIdleWorker();
  BeginWaiting("Bulk", "bulk as urgent", "urgent");
  BeginWaiting("Bulk", "bulk as normal", "normal");
  BeginWaiting("Normal", "normal as urgent", "urgent");
  BeginWaiting("Urgent", "urgent");
  held_->Release();
  EXPECT_THAT(NamesInOrder(), ElementsAre("urgent", "normal as urgent",
                                          "bulk as urgent", "bulk as normal"));
}

TEST_P(PriorityTest, RefusesAPriorityThatIsNoneAndSaysWhichAre) {
  Start({.workers = 1});
  for (const char* bad :
       {"Urgent", "high", "0", "PRIORITY_BULK", "bulk,bulk"}) {
    OpenCall& call = Begin("Normal", "a", bad);
    ExpectFailure(call, absl::StatusCode::kInvalidArgument,
                  v1::REASON_BAD_REQUEST, v1::EXECUTED_NO);
    EXPECT_THAT(std::string(call.Await().message()),
                HasSubstr(absl::StrCat(
                    "\"", bad, "\"; valid are urgent, normal and bulk")));
  }
}

TEST_P(PriorityTest, RefusesAPriorityThatIsGivenTwice) {
  Start({.workers = 1});
  OpenCall call(
      channel(), absl::StrCat("/", kService, "/Normal"), "",
      {.metadata = {{"pinion-priority", "bulk"}, {"pinion-priority", "bulk"}}});
  ExpectFailure(call, absl::StatusCode::kInvalidArgument,
                v1::REASON_BAD_REQUEST, v1::EXECUTED_NO);
}

}  // namespace
}  // namespace pinion
