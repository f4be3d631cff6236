// SPDX-License-Identifier: Apache-2.0
//
// counted_server: the echo server whose instructions tools/count-instructions
//                 counts.
//
// Its one worker has no thread: the I/O thread steps it, when it has looked at
// everything that had arrived and a whole batch waits. So a batch is one batch
// on the lane and one message out each time, and no thread sleeps, wakes
// another or spins in between. It serves until it is killed.
#include <chrono>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "pinion/core/base/check.h"
#include "pinion/core/clock.h"
#include "pinion/core/scheduler.h"
#include "pinion/server/echo/echo_shard.h"
#include "pinion/server/hosting/for_test.h"
#include "pinion/server/hosting/process_setup.h"
#include "pinion/server/internal/manual_run.h"
#include "pinion/server/server.h"
#include "pinion/server/snapshot.h"
#include "pinion/tests/bench/instructions/counted_phase.h"
#include "pinion/tests/bench/support/child_process.h"
#include "pinion/tests/bench/support/many_rules.h"
#include "pinion/tests/bench/support/program.h"

ABSL_FLAG(int, rules, 0,
          "how many rules a policy has; 0 to 1000, 0: no policy");

namespace pinion::bench {
namespace {

constexpr absl::string_view kUsage =
    "usage: counted_server [FLAG]...\n\n"
    "Serves the echo service to one counted_client with the same flags. Prints "
    "its\naddress, and \"counted\" when the batches that count are over.\n"
    "tools/count-instructions runs it.";

// Threads: made by main; the rest runs on the server's one I/O thread.
class SteppedEcho {
 public:
  // `policy` is there until this is made.
  SteppedEcho(const BatchPlan& plan, const ManyRules& policy)
      : plan_(plan),
        phase_(plan),
        server_(internal::ServerForTest::Make(
            {.listen = "127.0.0.1:0"},
            {.workers = 1,
             .io_threads = 1,
             .policy = {.policy_file = policy.file()}},
            // The machine's clock, because reading it counts.
            {.clock = Clock(), .after_io_turn = [this] { AfterTurn(); }})) {
    // A batch is never cut short. Under callgrind a call takes fifty times as
    // long as without.
    server_->Host<echo::EchoShard>("pinion.echo.v1.EchoService")
        .Batch({.calls = plan.in_batch, .time = std::chrono::hours(1)})
        .On("Echo", &echo::EchoShard::Echo);
    const absl::Status status = server_->Start();
    PINION_CHECK(status.ok(), status.message());
  }

  const std::string& address() const { return server_->address(); }

 private:
  void AfterTurn() {
    CallCounts counts;
    NotCounted([&] { counts = Counts(); });
    // The first call comes alone, and opens the session.
    const uint64_t due = opened_ ? plan_.in_batch : 1;
    if (counts.waiting < due) return;
    Scheduler& workers =
        internal::ServerForTest::runtime(*server_).manual_scheduler();
    PINION_CHECK(workers.Step(0), "calls wait, but their worker has no work");
    if (!std::exchange(opened_, true)) return;
    switch (phase_.EndBatch()) {
      case CountedPhase::Mark::kNone:
        break;
      case CountedPhase::Mark::kBegin:
        before_ = counts.ok;
        break;
      case CountedPhase::Mark::kEnd:
        TellCalls(counts.ok - before_);
    }
  }

  CallCounts Counts() const { return server_->Snapshot().methods[0].counts; }

  void TellCalls(uint64_t calls) const {
    const uint64_t expected = uint64_t{1} * plan_.batches * plan_.in_batch;
    if (calls != expected) {
      std::fprintf(stderr,
                   "counted_server: the worker ran %" PRIu64
                   " calls in %d steps, "
                   "not %" PRIu64 ": a step is no longer a whole batch\n",
                   calls, plan_.batches, expected);
      std::_Exit(1);
    }
    std::puts("counted");
    std::fflush(stdout);
  }

  // Fixed at construction.
  const BatchPlan plan_;

  CountedPhase phase_;
  bool opened_ = false;
  uint64_t before_ = 0;  // So many calls were answered when counting began.

  const std::unique_ptr<Server> server_;  // Last: its thread uses the others.
};

int Main(int argc, char** argv) {
  ParseFlags(argc, argv, kUsage);
  DontLookForDeadlocks();  // As pinion-server.
  auto policy = std::make_unique<ManyRules>(CheckedFlag(FLAGS_rules, 0, 1000),
                                            "/pinion.echo.v1.EchoService/Echo");
  const auto* const server = new SteppedEcho(PlanOfFlags(), *policy);
  policy.reset();  // It serves until it is killed.
  ServeAt(server->address());
}

}  // namespace
}  // namespace pinion::bench

int main(int argc, char** argv) { return pinion::bench::Main(argc, argv); }
