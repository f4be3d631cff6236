// SPDX-License-Identifier: Apache-2.0
//
// publish: what those who watch a key cost the others on its worker: how long a
// Put of that key keeps the worker, and how long a Get waits that comes right
// behind it, with many watchers and with none.
//
// By the server's own timing, on one worker, puts of the two keys in turns; so
// what else the machine does is the same for both. Before the next put all
// watchers have had theirs: what is compared is the worker's work, and not how
// much the client can take.
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/client_callback.h>
#include <grpcpp/support/slice.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "pinion/client/client.h"
#include "pinion/kv/v1/kv.pb.h"
#include "pinion/server/kv/host_kv.h"
#include "pinion/server/server.h"
#include "pinion/tests/bench/support/bench_servers.h"
#include "pinion/tests/bench/support/child_process.h"
#include "pinion/tests/bench/support/percentile.h"
#include "pinion/tests/bench/support/program.h"
#include "pinion/tests/bench/support/progress.h"
#include "pinion/tests/bench/support/report.h"
#include "pinion/tests/bench/support/serve_on_loopback.h"

ABSL_FLAG(bool, json, false, "one JSON object per line in place of the table");
ABSL_FLAG(int, rounds, 5, "how often each is measured; 1 to 100");
ABSL_FLAG(int, puts, 10, "puts of each key in a round; 1 to 1000");
ABSL_FLAG(int, watchers, 500, "how many watch the one key; 1 to 10000");
ABSL_FLAG(int, bytes, 1 << 20, "of a value; 1 to 4000000");

namespace pinion::bench {
namespace {

constexpr char kUsage[] =
    "usage: publish [FLAG]...\n\n"
    "Measures a Put of a key that many clients watch (`with`), and of one that "
    "nobody\nwatches (`without`): how long it runs, and how long a Get waits "
    "that comes right\nbehind it.";

// As long as that the watchers may take for one value.
constexpr absl::Duration kMaxPatience = absl::Seconds(30);

std::string StartKv() {
  return ServeOnLoopback({.workers = 1},
                         [](Server& server) { kv::HostKv(server); });
}

const BenchServers& Servers() {
  static const auto* const servers = new BenchServers{{"server", StartKv}};
  return *servers;
}

// A watcher that takes whatever comes, and counts it.
class Watcher final
    : private grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  Watcher(const std::shared_ptr<grpc::Channel>& channel, const std::string& key,
          std::atomic<int64_t>& taken)
      : stub_(channel), taken_(taken) {
    kv::v1::WatchRequest request;
    request.set_key(key);
    const grpc::Slice slice(request.SerializeAsString());
    request_ = grpc::ByteBuffer(&slice, 1);
    stub_.PrepareBidiStreamingCall(&context_, "/pinion.kv.v1.KvService/Watch",
                                   grpc::StubOptions(), this);
    StartWriteLast(&request_, grpc::WriteOptions());
    StartRead(&incoming_);
    StartCall();
  }
  ~Watcher() override {
    context_.TryCancel();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return done_; });
  }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return;
    taken_.fetch_add(1, std::memory_order_relaxed);
    StartRead(&incoming_);
  }
  void OnDone(const grpc::Status&) override {
    std::unique_lock lock(mutex_);
    done_ = true;
    changed_.notify_all();
  }

  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer incoming_;
  std::atomic<int64_t>& taken_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;  // Guarded by mutex_.
};

// What the server says of the two calls.
struct Step {
  int64_t put_ran_ns = 0;
  int64_t get_waited_ns = 0;
};

class Measurement {
 public:
  Measurement(const std::string& address, int watchers, int bytes)
      : watchers_count_(watchers),
        value_(bytes, 'x'),
        client_(Connect(address, bytes)) {
    const auto channel = Connect(address, bytes);
    for (int i = 0; i < watchers; ++i) {
      watchers_.emplace_back(channel, "with", taken_);
    }
  }

  absl::Status AwaitWatchers(int64_t messages) {
    const absl::Time end = absl::Now() + kMaxPatience;
    while (taken_.load(std::memory_order_relaxed) <
           messages * watchers_count_) {
      if (absl::Now() > end) {
        return absl::DeadlineExceededError(
            absl::StrCat("the watchers have taken ", taken_.load(),
                         " messages, of ", messages * watchers_count_));
      }
      absl::SleepFor(absl::Milliseconds(1));
    }
    return absl::OkStatus();
  }

  // A put of `key`, and a get right behind it.
  absl::StatusOr<Step> Try(const std::string& key) {
    kv::v1::PutRequest put;
    put.set_key(key);
    put.set_value(value_);
    kv::v1::GetRequest get;
    get.set_key("other");
    auto put_timing = Begin("Put", put.SerializeAsString());
    auto get_timing = Begin("Get", get.SerializeAsString());
    const absl::StatusOr<v1::Timing> of_put = put_timing.get();
    const absl::StatusOr<v1::Timing> of_get = get_timing.get();
    if (!of_put.ok()) return of_put.status();
    if (!of_get.ok()) return of_get.status();
    return Step{.put_ran_ns = static_cast<int64_t>(of_put->ran_ns()),
                .get_waited_ns = static_cast<int64_t>(of_get->waited_ns())};
  }

 private:
  static std::shared_ptr<grpc::Channel> Connect(const std::string& address,
                                                int bytes) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(2 * bytes + 1024);
    // One connection for each channel.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(
        address, grpc::InsecureChannelCredentials(), arguments);
  }

  std::future<absl::StatusOr<v1::Timing>> Begin(const char* method,
                                                const std::string& request) {
    auto timing = std::make_shared<std::promise<absl::StatusOr<v1::Timing>>>();
    client_.StartRaw(absl::StrCat("/pinion.kv.v1.KvService/", method), request,
                     {.want_timing = true}, [timing](const Reply& reply) {
                       // A get of what is not there has run as well.
                       if (reply.timing.has_value()) {
                         timing->set_value(*reply.timing);
                       } else {
                         timing->set_value(reply.status);
                       }
                     });
    return timing->get_future();
  }

  const int64_t watchers_count_;
  const std::string value_;
  Client client_;
  std::atomic<int64_t> taken_{0};
  std::deque<Watcher> watchers_;
};

absl::Status Measure(int rounds, int puts, int watchers, int bytes) {
  Report report("publish", {},
                {{"get_waited_us", 1},
                 {"get_waited_p99_us", 1},
                 {"put_ran_us", 1},
                 {"put_ran_most_us", 1}},
                "watchers");
  report.Compare("with", "without", "get_waited_p99_us");
  report.Compare("with", "without", "put_ran_us");
  auto server = ChildProcess::Start("server");
  if (!server.ok()) return server.status();
  Measurement measurement((*server)->address(), watchers, bytes);
  int64_t messages = 1;  // What is there, first.
  absl::Status status = measurement.AwaitWatchers(messages);
  Progress progress;
  // One more at first, to warm up.
  for (int round = -1; round < rounds && status.ok(); ++round) {
    progress.Show(absl::StrFormat("round %d of %d", round + 1, rounds));
    std::vector<int64_t> ran[2], waited[2];
    for (int i = 0; i < 2 * puts && status.ok(); ++i) {
      const bool with = i % 2 == 1;
      const auto step = measurement.Try(with ? "with" : "without");
      if (!step.ok()) return step.status();
      ran[with].push_back(step->put_ran_ns);
      waited[with].push_back(step->get_waited_ns);
      if (with) status = measurement.AwaitWatchers(++messages);
    }
    if (round < 0) continue;
    for (const bool with : {false, true}) {
      report.Add(
          with ? "with" : "without", {},
          {Percentile(0.5, waited[with]) / 1e3,
           Percentile(0.99, waited[with]) / 1e3,
           Percentile(0.5, ran[with]) / 1e3, Percentile(1, ran[with]) / 1e3});
    }
  }
  if (!status.ok()) return status;
  report.Print(absl::GetFlag(FLAGS_json),
               absl::StrFormat("A Put of %d bytes, with %d watchers of its key "
                               "and with none, and a Get behind it;\n"
                               "medians of %d rounds of %d puts.",
                               bytes, watchers, rounds, puts));
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  ServeIfChild(argc, argv, Servers());
  ParseFlags(argc, argv, kUsage);
  return ExitCode(Measure(CheckedFlag(FLAGS_rounds, 1, 100),
                          CheckedFlag(FLAGS_puts, 1, 1000),
                          CheckedFlag(FLAGS_watchers, 1, 10'000),
                          CheckedFlag(FLAGS_bytes, 1, 4'000'000)));
}

}  // namespace
}  // namespace pinion::bench

int main(int argc, char** argv) { return pinion::bench::Main(argc, argv); }
