// SPDX-License-Identifier: Apache-2.0
//
// stop_under_load: how unary calls end when a server stops while they come: by
// clients that wait for an answer before they call again, and by clients that
// call at a fixed rate.
//
// Server and clients are one process; the calls come over TCP loopback.
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "pinion/proto/wire/status_details.h"
#include "pinion/server/server.h"
#include "pinion/tests/bench/support/connections.h"
#include "pinion/tests/bench/support/program.h"
#include "pinion/tests/bench/support/progress.h"
#include "pinion/tests/bench/support/report.h"
#include "shop/v1/counter.pb.h"

ABSL_FLAG(bool, json, false, "one JSON object per line in place of the table");
ABSL_FLAG(int, stops, 30, "how many servers are stopped each way; 1 to 1000");
ABSL_FLAG(int, in_flight, 64,
          "how many clients wait for an answer each; 1 to 10000");
ABSL_FLAG(int, rate, 5000,
          "how many calls in a second come at a fixed rate; 100 to 100000");

namespace pinion::bench {
namespace {

using ::shop::v1::AddRequest;
using ::shop::v1::AddResponse;

constexpr char kUsage[] =
    "usage: stop_under_load [FLAG]...\n\n"
    "Stops servers while unary calls come, and counts how these end. An error "
    "with\n"
    "a Failure says if a handler ran. Without one, UNAVAILABLE means that the "
    "client\n"
    "had no connection to send it on, and CANCELLED that gRPC ended it as its\n"
    "server shut down. A stop takes about half a second.";

constexpr char kService[] = "shop.v1.CounterService";
constexpr char kAdd[] = "/shop.v1.CounterService/Add";

// Before each stop, so that all connections are in use.
constexpr absl::Duration kWarmUp = absl::Milliseconds(200);
// A paced client sends what is due this often.
constexpr std::chrono::milliseconds kPace(1);

struct CounterShard {
  absl::Status Add(const AddRequest& request, AddResponse* response) {
    response->set_value(value += request.by());
    return absl::OkStatus();
  }
  int64_t value = 0;
};

// How calls ended.
struct Ends {
  std::atomic<int64_t> ok{0};
  std::atomic<int64_t> with_failure{0};
  std::atomic<int64_t> bare_cancelled{0};
  std::atomic<int64_t> bare_unavailable{0};
  std::atomic<int64_t> other{0};
};

// Calls to one server, until they find no connection to it.
class Load {
 public:
  explicit Load(const std::string& address)
      : channels_(ConnectSeveralTimes(address)) {
    AddRequest request;
    request.set_name("a");
    request.set_by(1);
    const std::string bytes = request.SerializeAsString();
    const grpc::Slice slice(bytes.data(), bytes.size());
    request_ = grpc::ByteBuffer(&slice, 1);
  }
  ~Load() { AwaitAll(); }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  // Begins a call; if `repeats`, another one after each answer.
  void Begin(bool repeats) {
    {
      const std::lock_guard lock(mutex_);
      ++open_;
    }
    new Call(*this, repeats);  // Deletes itself.
  }

  bool server_is_gone() const { return ends_.bare_unavailable > 0; }
  const Ends& ends() const { return ends_; }

  // Waits until no call is open.
  void AwaitAll() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return open_ == 0; });
  }

 private:
  class Call {
   public:
    Call(Load& load, bool repeats)
        : load_(load),
          repeats_(repeats),
          request_(load.request_),
          stub_(load.channels_[load.next_++ % load.channels_.size()]) {
      stub_.UnaryCall(&context_, kAdd, grpc::StubOptions(), &request_,
                      &response_,
                      [this](const grpc::Status& status) { End(status); });
    }

   private:
    void End(const grpc::Status& status) {
      load_.Count(status);
      if (repeats_ && !load_.server_is_gone()) load_.Begin(/*repeats=*/true);
      Load& load = load_;
      delete this;
      load.End();
    }

    Load& load_;
    const bool repeats_;
    grpc::ByteBuffer request_;
    grpc::ByteBuffer response_;
    grpc::ClientContext context_;
    grpc::GenericStub stub_;
  };

  void Count(const grpc::Status& status) {
    if (status.ok()) {
      ++ends_.ok;
    } else if (FailureFromStatusDetails(status.error_details()).has_value()) {
      ++ends_.with_failure;
    } else if (status.error_code() == grpc::StatusCode::CANCELLED) {
      ++ends_.bare_cancelled;
    } else if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
      ++ends_.bare_unavailable;
    } else {
      ++ends_.other;
    }
  }

  void End() {
    const std::lock_guard lock(mutex_);
    --open_;
    changed_.notify_all();
  }

  const std::vector<std::shared_ptr<grpc::Channel>> channels_;
  grpc::ByteBuffer request_;
  std::atomic<size_t> next_{0};
  Ends ends_;

  std::mutex mutex_;
  std::condition_variable changed_;
  int64_t open_ = 0;  // With the mutex held.
};

// Sends calls at a fixed rate, answered or not, until the server is gone.
void Pace(Load& load, int rate) {
  const auto begun = std::chrono::steady_clock::now();
  int64_t sent = 0;
  for (auto now = begun; !load.server_is_gone();) {
    const std::chrono::duration<double> passed = now - begun;
    for (; sent < static_cast<int64_t>(passed.count() * rate); ++sent) {
      load.Begin(/*repeats=*/false);
    }
    std::this_thread::sleep_until(now + kPace);
    now = std::chrono::steady_clock::now();
  }
}

// The figures of one stop, as main's report has them.
absl::StatusOr<std::vector<double>> MeasureStop(bool paced) {
  Server server({.listen = "127.0.0.1:0"}, {.workers = 1});
  server.Host<CounterShard>(kService).On("Add", &CounterShard::Add);
  if (absl::Status status = server.Start(); !status.ok()) return status;
  Load load(server.address());
  std::thread pacer;
  if (paced) {
    pacer = std::thread([&] { Pace(load, absl::GetFlag(FLAGS_rate)); });
  } else {
    for (int i = 0; i < absl::GetFlag(FLAGS_in_flight); ++i) {
      load.Begin(/*repeats=*/true);
    }
  }
  absl::SleepFor(kWarmUp);
  const absl::Time begun = absl::Now();
  const absl::Status stopped = server.Stop();
  const absl::Duration took = absl::Now() - begun;
  if (pacer.joinable()) pacer.join();
  load.AwaitAll();
  if (!stopped.ok()) return stopped;
  const Ends& ends = load.ends();
  const auto figure = [](const std::atomic<int64_t>& count) {
    return static_cast<double>(count.load());
  };
  return std::vector<double>{1,
                             figure(ends.ok),
                             figure(ends.with_failure),
                             figure(ends.bare_cancelled),
                             figure(ends.bare_unavailable),
                             figure(ends.other),
                             absl::ToDoubleMilliseconds(took)};
}

absl::Status Measure(int stops) {
  Report report("stop_under_load", {},
                {{"stops", 0, Over::kSum},
                 {"ok", 0, Over::kSum},
                 {"with_failure", 0, Over::kSum},
                 {"bare_cancelled", 0, Over::kSum},
                 {"bare_unavailable", 0, Over::kSum},
                 {"other", 0, Over::kSum},
                 {"stop_ms", 0}},
                "clients");
  Progress progress;
  for (int stop = 0; stop < stops; ++stop) {
    progress.Show(absl::StrCat("stop ", stop + 1, " of ", stops));
    for (const bool paced : {false, true}) {
      const auto figures = MeasureStop(paced);
      if (!figures.ok()) return figures.status();
      report.Add(paced ? "paced" : "waiting", {}, *figures);
    }
  }
  report.Print(
      absl::GetFlag(FLAGS_json),
      absl::StrCat("How unary calls ended in ", stops,
                   " stops under load: of clients that wait for an answer\n"
                   "before they call again, and of clients that call at a "
                   "fixed rate."));
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  ParseFlags(argc, argv, kUsage);
  CheckedFlag(FLAGS_in_flight, 1, 10'000);
  CheckedFlag(FLAGS_rate, 100, 100'000);
  return ExitCode(Measure(CheckedFlag(FLAGS_stops, 1, 1000)));
}

}  // namespace
}  // namespace pinion::bench

int main(int argc, char** argv) { return pinion::bench::Main(argc, argv); }
