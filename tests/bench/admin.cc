// SPDX-License-Identifier: Apache-2.0
//
// admin: how long an operator waits for an answer while every worker is stuck
// and calls wait: by the admin socket, and by the admin page.
//
// Server and clients are one process; the answers come from threads of their
// own.
#include "pinion/server/admin.h"

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/byte_buffer.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "pinion/admin/v1/admin.pb.h"
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
ABSL_FLAG(int, rounds, 1, "how often each is measured; 1 to 1000");
ABSL_FLAG(int, questions, 500,
          "how many questions of each kind a round has; 1 to 100000");
ABSL_FLAG(int, waiting, 16384, "how many calls wait; 1 to 100000");

namespace pinion::bench {
namespace {

using ::pinion::testing::Gate;
using ::pinion::testing::InProcessServer;
using ::pinion::testing::PendingCall;
using ::shop::v1::AddRequest;
using ::shop::v1::AddResponse;

constexpr char kUsage[] =
    "usage: admin [FLAG]...\n\n"
    "Asks a server what it does, in these states:\n"
    "  idle      nothing runs\n"
    "  held      a handler on each worker waits, and calls wait behind it\n"
    "  spinning  a handler on each worker computes, and calls wait behind it\n"
    "by the admin socket (state: GetState, why: ExplainKey of a key that "
    "waits) "
    "and\nby the admin page (metrics: /metrics, page: /, data: /api/state), "
    "with a connection\nfor each question by HTTP and one in all by gRPC. The "
    "answer should come within\n100 ms in each. A round takes seconds.";

constexpr char kService[] = "shop.v1.CounterService";
constexpr Method<AddRequest, AddResponse> kAdd("/shop.v1.CounterService/Add");
constexpr char kGetState[] = "/pinion.admin.v1.AdminService/GetState";
constexpr char kExplainKey[] = "/pinion.admin.v1.AdminService/ExplainKey";

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

std::string SocketPath() {
  return absl::StrCat("/tmp/pinion-bench-", getpid(), ".admin");
}

// A server whose handlers are held, and what its operator asks.
class AskedServer {
 public:
  AskedServer(bool spins, int waiting)
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
  ~AskedServer() {
    Release();
    admin_.Stop();
  }

  absl::Status Start() {
    const absl::Status started = admin_.Start();
    if (started.ok()) admin_.SetStarted(server_.server().hosting());
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

  const std::string& page() const { return admin_.address(); }

 private:
  void Release() {
    hold_.Release();
    for (const auto& call : calls_) call.Await().IgnoreError();
    calls_.clear();
  }

  Hold hold_;
  InProcessServer server_;
  Admin admin_{{.listen = "127.0.0.1:0", .socket = SocketPath()}};
  std::deque<PendingCall<AddResponse>> calls_;
};

// Asks by the admin socket.
class SocketAsker {
 public:
  SocketAsker()
      : stub_(grpc::CreateChannel(absl::StrCat("unix:", SocketPath()),
                                  grpc::InsecureChannelCredentials())) {}

  absl::Status Ask(const std::string& method, const std::string& request) {
    const grpc::Slice slice(request);
    const grpc::ByteBuffer sent(&slice, 1);
    grpc::ByteBuffer received;
    grpc::ClientContext context;
    grpc::CompletionQueue queue;
    const auto call = stub_.PrepareUnaryCall(&context, method, sent, &queue);
    call->StartCall();
    grpc::Status status;
    call->Finish(&received, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    if (status.ok()) return absl::OkStatus();
    return absl::InternalError(
        absl::StrCat(method, ": ", status.error_message()));
  }

 private:
  grpc::GenericStub stub_;
};

// Asks the page for `path`, on a connection of its own.
absl::Status AskPage(const SocketAddress& to, absl::string_view path) {
  const int descriptor = socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::string all;
  if (connect(descriptor, to.get(), to.size) == 0) {
    const std::string request = absl::StrCat("GET ", path,
                                             " HTTP/1.1\r\nHost: localhost\r\n"
                                             "Connection: close\r\n\r\n");
    send(descriptor, request.data(), request.size(), MSG_NOSIGNAL);
    char part[16 * 1024];
    for (ssize_t size; (size = recv(descriptor, part, sizeof(part), 0)) > 0;) {
      all.append(part, static_cast<size_t>(size));
    }
  }
  close(descriptor);
  if (absl::StartsWith(all, "HTTP/1.1 200 ")) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat(path, ": the answer was: ", all.substr(0, 100)));
}

struct State {
  const char* name;
  bool calls = false;
  bool spins = false;
};

constexpr State kStates[] = {
    {.name = "idle"},
    {.name = "held", .calls = true},
    {.name = "spinning", .calls = true, .spins = true},
};

struct Question {
  const char* name;
  std::function<absl::Status()> ask;
};

absl::Status MeasureIn(const State& state, int questions, int waiting,
                       Report& report) {
  AskedServer server(state.spins, waiting);
  const absl::Status started = server.Start();
  if (!started.ok()) return started;
  if (state.calls) server.Fill(waiting);
  const SocketAddress page = Resolve(server.page()).value().at(0);
  SocketAsker socket;
  admin::v1::ExplainKeyRequest key;
  key.set_key("0");
  const Question all[] = {
      {"state", [&] { return socket.Ask(kGetState, ""); }},
      {"why", [&] { return socket.Ask(kExplainKey, key.SerializeAsString()); }},
      {"metrics", [&] { return AskPage(page, "/metrics"); }},
      {"page", [&] { return AskPage(page, "/"); }},
      {"data", [&] { return AskPage(page, "/api/state"); }},
  };
  for (const Question& question : all) {
    std::vector<int64_t> times;
    for (int i = 0; i < questions; ++i) {
      const int64_t begun = MonotonicNanos();
      const absl::Status answered = question.ask();
      times.push_back(MonotonicNanos() - begun);
      if (!answered.ok()) return answered;
    }
    report.Add(absl::StrCat(state.name, " ", question.name),
               {state.calls ? int64_t{waiting} : int64_t{0}},
               {Percentile(0.5, times) / 1e6, Percentile(1, times) / 1e6});
  }
  return absl::OkStatus();
}

absl::Status Measure(int rounds, int questions, int waiting) {
  Report report("admin", {"waiting"},
                {{"p50_ms", 3}, {"worst_ms", 3, Over::kGreatest}}, "question");
  Progress progress;
  for (int round = 0; round < rounds; ++round) {
    progress.Show(absl::StrCat("round ", round + 1, " of ", rounds));
    for (const State& state : kStates) {
      const absl::Status measured =
          MeasureIn(state, questions, waiting, report);
      if (!measured.ok()) return measured;
    }
  }
  report.Print(absl::GetFlag(FLAGS_json),
               absl::StrCat("From the question to the end of its answer; ",
                            rounds, " rounds of ", questions, " questions."));
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  ParseFlags(argc, argv, kUsage);
  return ExitCode(Measure(CheckedFlag(FLAGS_rounds, 1, 1000),
                          CheckedFlag(FLAGS_questions, 1, 100'000),
                          CheckedFlag(FLAGS_waiting, 1, 100'000)));
}

}  // namespace
}  // namespace pinion::bench

int main(int argc, char** argv) { return pinion::bench::Main(argc, argv); }
