// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/bench_command.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "pinion/client/cli/bench_flags.h"
#include "pinion/client/cli/bench_report.h"
#include "pinion/client/cli/clock.h"
#include "pinion/client/cli/failure_text.h"
#include "pinion/client/cli/hdr_text.h"
#include "pinion/client/cli/interrupts.h"
#include "pinion/client/cli/load_generator.h"
#include "pinion/client/cli/load_target.h"
#include "pinion/client/cli/server_target.h"
#include "pinion/client/cli/stream_target.h"
#include "pinion/client/client.h"
#include "pinion/tools/command_line.h"

namespace pinion::cli {
namespace {

constexpr int kNothingMeasured = 1;

// How often it is looked whether there is something to do, and how often what
// the load has done is told.
constexpr absl::Duration kLook = absl::Milliseconds(20);
constexpr absl::Duration kInterval = absl::Seconds(1);

// A line on standard error that is always the latest, where that is a terminal.
class ProgressLine {
 public:
  explicit ProgressLine(bool wanted)
      : shown_(wanted && isatty(STDERR_FILENO) != 0) {}
  ~ProgressLine() { Show(""); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  bool shown() const { return shown_; }
  void Show(const std::string& text) {
    if (shown_) std::fprintf(stderr, "\r\x1b[K%s", text.c_str());
  }

 private:
  const bool shown_;
};

// One call beforehand: what it makes the server's or this side's mistake, each
// call would. Of a stream, its first message is awaited.
bool FirstCallIsWrong(Client& client, const BenchPlan& plan,
                      Interrupts& interrupts) {
  absl::Status status;
  std::atomic<bool> answered{false};
  bool has_message = false;
  std::optional<RawStreamReader> stream;
  Random random(plan.load.seed);
  std::string buffer;
  const absl::string_view request = plan.requests.Next(random, buffer);
  if (plan.setup.streams()) {
    stream.emplace(client.StreamRaw(plan.setup.method, request, plan.call));
    stream->StartNext([&](std::optional<absl::string_view> message) {
      has_message = message.has_value();
      answered.store(true);
    });
  } else {
    client.StartRaw(plan.setup.method, request, plan.call,
                    [&](const Reply& reply) {
                      status = reply.status;
                      answered.store(true);
                    });
  }
  while (!answered.load()) {
    // Nothing was measured that would be worth waiting for.
    if (interrupts.Await(kLook)) std::_Exit(kNothingMeasured);
  }
  if (stream.has_value() && !has_message) status = stream->status();
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kInvalidArgument:
      std::fprintf(stderr, "pinion: the first call, of %s, failed: %s\n",
                   plan.setup.method.c_str(), DescribeError(status).c_str());
      if (absl::IsUnimplemented(status)) {
        std::fputs(
            "  name a method that the server has; for the echo service, start "
            "pinion-server with --echo\n",
            stderr);
      }
      return true;
    default:
      return false;
  }
}

std::unique_ptr<LoadTarget> TargetOf(Client& client, const BenchPlan& plan) {
  if (!plan.setup.streams()) {
    return std::make_unique<ServerTarget>(client, plan.setup.method, plan.call);
  }
  return std::make_unique<StreamTarget>(
      client, plan.setup.method, plan.call,
      StreamTarget::Options{.in_flight = plan.load.in_flight,
                            .messages = plan.setup.messages});
}

// Runs the load and tells how it goes.
void RunAndWatch(const BenchPlan& plan, LoadGenerator& load,
                 Interrupts& interrupts) {
  std::atomic<bool> over{false};
  std::thread runner([&] {
    // Or each sleep would be up to 50 microseconds too long.
    prctl(PR_SET_TIMERSLACK, 1UL);
    load.Run();
    over.store(true);
  });
  ProgressLine progress(!plan.json);
  const bool watched = plan.json || progress.shown();
  LoadGenerator::State before;
  absl::Time next = absl::Now() + kInterval;
  while (!over.load()) {
    if (interrupts.Await(kLook)) load.Stop();
    if (!watched || absl::Now() < next) continue;
    next += kInterval;
    LoadGenerator::State now = load.Look();
    // The warm-up may end within an interval; the little that follows goes to
    // the next.
    if (now.measured - before.measured < kInterval / 2) {
      progress.Show("warms up");
      continue;
    }
    progress.Show(IntervalText(plan.setup, before, now));
    if (plan.json) {
      std::printf("%s\n", IntervalJson(plan.setup, before, now).c_str());
      std::fflush(stdout);
    }
    before = std::move(now);
  }
  runner.join();
}

// Writes all, or tells why not.
bool Written(std::FILE* file, const std::string& text, const char* name) {
  if (std::fputs(text.c_str(), file) >= 0 && std::fflush(file) == 0) {
    return true;
  }
  std::fprintf(stderr, "pinion: %s cannot be written: %s\n", name,
               std::strerror(errno));
  return false;
}

}  // namespace

int BenchCommand(int argc, char** argv) {
  Interrupts interrupts;  // Before the threads of any client.
  const BenchPlan plan = [&] {
    const InterruptsEndProgram while_it_asks;
    return BenchPlanOf(argc, argv);
  }();
  std::FILE* hdr_file = nullptr;
  if (!plan.hdr_file.empty()) {
    hdr_file = std::fopen(plan.hdr_file.c_str(), "w");
    if (hdr_file == nullptr) {
      ExitWithUsageError(
          absl::StrCat("--hdr=", plan.hdr_file,
                       " cannot be written: ", std::strerror(errno)));
    }
  }
  auto client = Client::Connect(plan.setup.target, plan.client);
  if (FirstCallIsWrong(*client, plan, interrupts)) return kNothingMeasured;
  if (!plan.json) {
    std::printf("%s\n", SetupText(plan.setup).c_str());
    std::fflush(stdout);
  }
  SteadyClock clock;
  const std::unique_ptr<LoadTarget> target = TargetOf(*client, plan);
  LoadGenerator load(plan.load, plan.requests, *target, clock);
  RunAndWatch(plan, load, interrupts);
  const LoadGenerator::State state = load.Look();
  bool written = Written(
      stdout,
      plan.json ? ReportJson(plan.setup, state) : ReportText(plan.setup, state),
      "the result");
  if (hdr_file != nullptr) {
    written &= Written(hdr_file, HdrText(state.answers.succeeded), "--hdr");
    written &= std::fclose(hdr_file) == 0;
  }
  const int code =
      written && state.answers.succeeded.total() > 0 ? 0 : kNothingMeasured;
  // Calls without an answer are the load's, which must not go before them.
  client.reset();
  return code;
}

}  // namespace pinion::cli
