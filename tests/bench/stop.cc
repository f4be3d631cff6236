// SPDX-License-Identifier: Apache-2.0
//
// stop: what a stop costs for each of the calls that wait behind a handler that
// does not return, when few wait and when many do.
//
// Server and client are one process, so it is both their CPU time.
#include <memory>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "pinion/client/method.h"
#include "pinion/server/server.h"
#include "pinion/server/snapshot.h"
#include "pinion/server/testing.h"
#include "pinion/tests/bench/support/child_process.h"
#include "pinion/tests/bench/support/program.h"
#include "pinion/tests/bench/support/progress.h"
#include "pinion/tests/bench/support/report.h"
#include "shop/v1/counter.pb.h"

ABSL_FLAG(bool, json, false, "one JSON object per line in place of the table");
ABSL_FLAG(int, rounds, 5, "how often each is measured; 1 to 1000");

namespace pinion::bench {
namespace {

using ::pinion::testing::Gate;
using ::pinion::testing::InProcessServer;
using ::pinion::testing::PendingCall;
using ::shop::v1::AddRequest;
using ::shop::v1::AddResponse;

constexpr char kUsage[] =
    "usage: stop [FLAG]...\n\n"
    "Holds a handler, has calls wait behind it, and stops: each is answered "
    "without\n"
    "having run. What that takes of CPU time per call should not grow with how "
    "many\n"
    "wait. A round takes some seconds.";

constexpr int kFew = 1000;
constexpr int kMany = 10'000;

constexpr char kService[] = "shop.v1.CounterService";
constexpr Method<AddRequest, AddResponse> kAdd("/shop.v1.CounterService/Add");

struct HeldShard {
  absl::Status Add(const AddRequest&, AddResponse*) {
    gate.Pass();
    return absl::OkStatus();
  }
  Gate& gate;
};

// CPU microseconds for each call, from the stop's begin to the last answer.
absl::StatusOr<double> MeasureStop(int calls) {
  Gate gate;
  InProcessServer server(
      [&](Server& to) {
        const auto make = [&] {
          return std::unique_ptr<HeldShard>(new HeldShard{gate});
        };
        to.Host<HeldShard>(kService, make).On("Add", &HeldShard::Add);
      },
      {.hosting = {.workers = 1,
                   .lane_calls = 10 * kMany,
                   .grace = absl::ZeroDuration()}});
  AddRequest request;
  request.set_name("a");
  std::vector<PendingCall<AddResponse>> open;
  for (int i = 0; i <= calls; ++i) open.push_back(server.Begin(kAdd, request));
  const auto begun = [&] {
    const MethodSnapshot method = server.server().Snapshot().methods[0];
    return static_cast<int>(method.counts.accepted);
  };
  while (begun() <= calls) {
  }
  const absl::Duration before = OwnCpuTime();
  server.server().Drain();
  for (const auto& call : open) {
    if (call.Await().ok()) return absl::InternalError("a call was run");
  }
  const absl::Duration used = OwnCpuTime() - before;
  gate.Open();
  return absl::ToDoubleMicroseconds(used) / calls;
}

absl::Status Measure(int rounds) {
  Report report("stop", {}, {{"cpu_us_per_call", 2}}, "waiting");
  const auto name = [](int calls) { return absl::StrCat(calls); };
  Progress progress;
  for (int round = 0; round < rounds; ++round) {
    progress.Show(absl::StrCat("round ", round + 1, " of ", rounds));
    for (const int calls : {kFew, kMany}) {
      const auto figure = MeasureStop(calls);
      if (!figure.ok()) return figure.status();
      report.Add(name(calls), {}, {*figure});
    }
  }
  report.Compare(name(kMany), name(kFew));
  report.Print(
      absl::GetFlag(FLAGS_json),
      absl::StrCat("A stop with calls that wait behind a held handler; ",
                   rounds, " rounds."));
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  ParseFlags(argc, argv, kUsage);
  return ExitCode(Measure(CheckedFlag(FLAGS_rounds, 1, 1000)));
}

}  // namespace
}  // namespace pinion::bench

int main(int argc, char** argv) { return pinion::bench::Main(argc, argv); }
