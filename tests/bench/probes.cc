// SPDX-License-Identifier: Apache-2.0
//
// probes: how long /readyz takes to be answered while every worker is stuck and
// calls wait, with a connection for each probe.
//
// Server and clients are one process; the probes have a thread of their own.
#include "pinion/server/probes.h"

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "pinion/client/method.h"
#include "pinion/core/monotonic_nanos.h"
#include "pinion/core/scheduler.h"
#include "pinion/server/listener/socket_address.h"
#include "pinion/server/server.h"
#include "pinion/server/snapshot.h"
#include "pinion/server/testing.h"
#include "pinion/tests/bench/support/percentile.h"
#include "pinion/tests/bench/support/program.h"
#include "pinion/tests/bench/support/progress.h"
#include "pinion/tests/bench/support/report.h"
#include "shop/v1/counter.pb.h"

ABSL_FLAG(bool, json, false, "one JSON object per line in place of the table");
ABSL_FLAG(int, rounds, 5, "how often each is measured; 1 to 1000");
ABSL_FLAG(int, probes, 200, "how many probes each round has; 1 to 100000");
ABSL_FLAG(int, waiting, 16384, "how many calls wait; 1 to 100000");

namespace pinion::bench {
namespace {

using ::pinion::testing::Gate;
using ::pinion::testing::InProcessServer;
using ::pinion::testing::PendingCall;
using ::shop::v1::AddRequest;
using ::shop::v1::AddResponse;

constexpr char kUsage[] =
    "usage: probes [FLAG]...\n\n"
    "Asks a server for /readyz, one connection for each probe, in these "
    "states:\n"
    "  idle      nothing runs\n"
    "  slow      so do clients that send half a request and no more, 200 of "
    "them\n"
    "  held      a handler on each worker waits, and calls wait behind it\n"
    "  spinning  a handler on each worker computes, and calls wait behind it\n"
    "The answer should come within 100 ms in each. A round takes seconds.";

constexpr char kService[] = "shop.v1.CounterService";
constexpr Method<AddRequest, AddResponse> kAdd("/shop.v1.CounterService/Add");
constexpr int kSlowClients = 200;

// What the handlers do until they are released.
struct Hold {
  bool spins;
  Gate gate = {};
  std::atomic<bool> released{false};

  void Pass() {
    if (!spins) return gate.Pass();
    while (!released) {
    }
  }
  void Release() {
    released = true;
    gate.Open();
  }
};

struct HeldShard {
  absl::Status Add(const AddRequest&, AddResponse*) {
    hold.Pass();
    return absl::OkStatus();
  }
  Hold& hold;
};

// A server whose handlers are held, and its probes.
class ProbedServer {
 public:
  ProbedServer(bool spins, int waiting)
      : hold_{.spins = spins},
        server_(
            [&](Server& to) {
              const auto make = [&] {
                return std::unique_ptr<HeldShard>(new HeldShard{hold_});
              };
              to.Host<HeldShard>(kService, make).On("Add", &HeldShard::Add);
            },
            {.hosting = {.workers = 0,
                         .lane_calls = 4 * waiting,
                         .stall_after = absl::Hours(1)}}) {}
  ~ProbedServer() {
    Release();
    probes_.Stop();
  }

  absl::Status Start() {
    const absl::Status started = probes_.Start();
    if (started.ok()) probes_.SetStarted(server_.server().hosting());
    return started;
  }

  // Has a handler run on each worker, and so many calls wait behind.
  void Fill(int waiting) {
    const auto workers =
        static_cast<uint64_t>(server_.server().scheduler().worker_count());
    AddRequest request;
    const auto counts = [&] {
      return server_.server().Snapshot().methods[0].counts;
    };
    for (int key = 0; counts().running < workers; ++key) {
      request.set_name(absl::StrCat(key));
      calls_.push_back(server_.Begin(kAdd, request));
      while (counts().accepted < calls_.size()) {
      }
    }
    while (static_cast<int>(counts().waiting) < waiting) {
      request.set_name(absl::StrCat(calls_.size()));
      for (int i = 0; i < 64; ++i)
        calls_.push_back(server_.Begin(kAdd, request));
      while (counts().accepted < calls_.size()) {
      }
    }
  }

  void Release() {
    hold_.Release();
    for (const auto& call : calls_) call.Await().IgnoreError();
    calls_.clear();
  }

  const std::string& probes() const { return probes_.address(); }

 private:
  Hold hold_;
  InProcessServer server_;
  Probes probes_{"127.0.0.1:0"};
  std::deque<PendingCall<AddResponse>> calls_;
};

// A connection that has sent `text`.
class Connection {
 public:
  Connection(const SocketAddress& to, absl::string_view text)
      : descriptor_(socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (connect(descriptor_, to.get(), to.size) == 0) {
      send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL);
    }
  }
  ~Connection() { close(descriptor_); }

  std::string ReadToEnd() const {
    std::string all;
    char part[1024];
    for (ssize_t size; (size = recv(descriptor_, part, sizeof(part), 0)) > 0;) {
      all.append(part, static_cast<size_t>(size));
    }
    return all;
  }

 private:
  const int descriptor_;
};

// Nanoseconds from the connect to the end of the answer.
absl::StatusOr<int64_t> Probe(const SocketAddress& to) {
  const int64_t begun = MonotonicNanos();
  const std::string answer =
      Connection(to, "GET /readyz HTTP/1.1\r\nHost: bench\r\n\r\n").ReadToEnd();
  const int64_t took = MonotonicNanos() - begun;
  if (!absl::StartsWith(answer, "HTTP/1.1 200 ")) {
    return absl::InternalError(absl::StrCat("the answer was: ", answer));
  }
  return took;
}

struct State {
  const char* name;
  bool calls = false;
  bool spins = false;
  int slow_clients = 0;
};

constexpr State kStates[] = {
    {.name = "idle"},
    {.name = "slow", .slow_clients = kSlowClients},
    {.name = "held", .calls = true},
    {.name = "spinning", .calls = true, .spins = true},
};

absl::StatusOr<std::vector<int64_t>> MeasureIn(const State& state, int probes,
                                               int waiting) {
  ProbedServer server(state.spins, waiting);
  const absl::Status started = server.Start();
  if (!started.ok()) return started;
  if (state.calls) server.Fill(waiting);
  const SocketAddress to = Resolve(server.probes()).value().at(0);
  std::deque<Connection> slow;
  for (int i = 0; i < state.slow_clients; ++i) {
    slow.emplace_back(to, "GET /readyz HTTP/1.1\r\n");
  }
  std::vector<int64_t> times;
  for (int i = 0; i < probes; ++i) {
    const absl::StatusOr<int64_t> took = Probe(to);
    if (!took.ok()) return took.status();
    times.push_back(*took);
  }
  return times;
}

absl::Status Measure(int rounds, int probes, int waiting) {
  Report report("probes", {"waiting"},
                {{"p50_ms", 3}, {"worst_ms", 3, Over::kGreatest}}, "state");
  Progress progress;
  for (int round = 0; round < rounds; ++round) {
    progress.Show(absl::StrCat("round ", round + 1, " of ", rounds));
    for (const State& state : kStates) {
      auto times = MeasureIn(state, probes, waiting);
      if (!times.ok()) return times.status();
      report.Add(state.name, {state.calls ? int64_t{waiting} : int64_t{0}},
                 {Percentile(0.5, *times) / 1e6, Percentile(1, *times) / 1e6});
    }
  }
  report.Print(absl::GetFlag(FLAGS_json),
               absl::StrCat("From the connect to the end of the answer to "
                            "/readyz; ",
                            rounds, " rounds of ", probes, " probes."));
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  ParseFlags(argc, argv, kUsage);
  return ExitCode(Measure(CheckedFlag(FLAGS_rounds, 1, 1000),
                          CheckedFlag(FLAGS_probes, 1, 100'000),
                          CheckedFlag(FLAGS_waiting, 1, 100'000)));
}

}  // namespace
}  // namespace pinion::bench

int main(int argc, char** argv) { return pinion::bench::Main(argc, argv); }
