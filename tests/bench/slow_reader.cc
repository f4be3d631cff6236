// SPDX-License-Identifier: Apache-2.0
//
// slow_reader: what a session that takes none of its answers does to the
// server's memory and to another session.
//
// The slow one sends a million calls as fast as the server reads them, and
// never reads. The server is to stop reading it; the other's p99 should stay
// within 1.5 times of what it is alone.
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/client_callback.h>
#include <grpcpp/support/slice.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "pinion/echo/v1/echo.pb.h"
#include "pinion/v1/session.pb.h"
#include "tests/bench/echo/echo_servers.h"
#include "tests/bench/echo/session_echo.h"
#include "tests/bench/support/bench_servers.h"
#include "tests/bench/support/call_loop.h"
#include "tests/bench/support/child_process.h"
#include "tests/bench/support/program.h"
#include "tests/bench/support/progress.h"
#include "tests/bench/support/report.h"

ABSL_FLAG(bool, json, false, "one JSON object per line in place of the table");
ABSL_FLAG(int, rounds, 5, "how often each is measured; 1 to 100");
ABSL_FLAG(double, seconds, 1,
          "how long one measurement takes; above 0, at most 20");
ABSL_FLAG(int, in_flight, 16, "calls the other session keeps open; 1 to 1000");

namespace pinion::bench {
namespace {

constexpr char kUsage[] =
    "usage: slow_reader [FLAG]...\n\n"
    "Measures an echo of 64 bytes within a session, `without` and `with` "
    "another\nsession on the same server that has a million calls to send and "
    "takes no answer;\nand how much memory the server has.";

constexpr int kCalls = 1'000'000;
constexpr int kCallsOfMessage = 500;

// How long the slow one may fill what there is to fill, before it is measured.
constexpr absl::Duration kFills = absl::Milliseconds(500);

const BenchServers& Servers() {
  static const auto* const servers = new BenchServers{{"server", StartPinion}};
  return *servers;
}

// A session that sends and never reads.
class SlowReader final
    : private grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  explicit SlowReader(const std::string& address)
      : stub_(
            grpc::CreateChannel(address, grpc::InsecureChannelCredentials())) {
    stub_.PrepareBidiStreamingCall(&context_, "/pinion.v1.SessionService/Open",
                                   grpc::StubOptions(), this);
    Write();
    StartCall();
  }
  ~SlowReader() override {
    context_.TryCancel();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return done_; });
  }

 private:
  void Write() {
    v1::OpenRequest request;
    echo::v1::EchoRequest echo;
    echo.set_payload(std::string(64, 'x'));
    for (int i = 0; i < kCallsOfMessage; ++i) {
      v1::SessionCall& call = *request.add_calls();
      call.set_id(next_id_++);
      call.set_method("/pinion.echo.v1.EchoService/Echo");
      call.set_payload(echo.SerializeAsString());
    }
    const std::string bytes = request.SerializeAsString();
    const grpc::Slice slice(bytes);
    outgoing_ = grpc::ByteBuffer(&slice, 1);
    StartWrite(&outgoing_);
  }

  void OnWriteDone(bool ok) override {
    if (ok && next_id_ < kCalls) Write();
  }

  void OnDone(const grpc::Status&) override {
    std::unique_lock lock(mutex_);
    done_ = true;
    changed_.notify_all();
  }

  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::ByteBuffer outgoing_;
  uint64_t next_id_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;  // Guarded by mutex_.
};

absl::Status Measure(int rounds, absl::Duration length, int in_flight) {
  Report report("slow_reader", {},
                {{"p99_us", 1}, {"p50_us", 1}, {"rps", 0}, {"rss_mib", 1}},
                "slow_reader");
  report.Compare("with", "without", "p99_us");
  auto server = ChildProcess::Start("server");
  if (!server.ok()) return server.status();
  SessionEchoWay way((*server)->address());
  Progress progress;
  // One more at first, to warm up.
  for (int round = -1; round < rounds; ++round) {
    progress.Show(absl::StrFormat("round %d of %d", round + 1, rounds));
    for (const bool slow : {false, true}) {
      std::unique_ptr<SlowReader> reader;
      if (slow) {
        reader = std::make_unique<SlowReader>((*server)->address());
        absl::SleepFor(kFills);
      }
      const auto figures = CallLoop(way, **server, in_flight).Measure(length);
      if (!figures.ok()) return figures.status();
      if (round < 0) continue;
      report.Add(slow ? "with" : "without", {},
                 {figures->p99_us, figures->p50_us, figures->rps,
                  (*server)->ResidentBytes() / 1048576.0});
    }
  }
  report.Print(
      absl::GetFlag(FLAGS_json),
      absl::StrFormat("Echo of 64 bytes in a session, %d in flight; "
                      "medians of %d rounds of %s.",
                      in_flight, rounds, absl::FormatDuration(length)));
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  ServeIfChild(argc, argv, Servers());
  ParseFlags(argc, argv, kUsage);
  return ExitCode(Measure(CheckedFlag(FLAGS_rounds, 1, 100),
                          CheckedSeconds(FLAGS_seconds, 20),
                          CheckedFlag(FLAGS_in_flight, 1, 1000)));
}

}  // namespace
}  // namespace pinion::bench

int main(int argc, char** argv) { return pinion::bench::Main(argc, argv); }
