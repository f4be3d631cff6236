// SPDX-License-Identifier: Apache-2.0
//
// Programs as systemd runs them: what they say of themselves, the sockets that
// they take over, and what clients see of a restart.
#include <dirent.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/client/client.h"
#include "pinion/client/echo_methods.h"
#include "pinion/client/kv_methods.h"
#include "pinion/client/method.h"
#include "pinion/echo/v1/echo.pb.h"
#include "pinion/kv/v1/kv.pb.h"
#include "pinion/server/listener/socket_address.h"
#include "pinion/server/testing/pending_call.h"
#include "pinion/tests/support/http_client.h"
#include "pinion/tests/support/notify_receiver.h"
#include "pinion/tests/support/program_process.h"
#include "shop/v1/counter.pb.h"

namespace pinion {
namespace {

using ::pinion::testing::HttpGet;
using ::pinion::testing::NotifyReceiver;
using ::pinion::testing::PendingCall;
using ::pinion::testing::ProgramOptions;
using ::pinion::testing::ProgramProcess;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kServer[] = "server/pinion-server";
constexpr char kCounter[] = "server/examples/counter/counter_server";
constexpr char kProbedServer[] = "tests/server/hosting/stubborn-server";

// A listening socket, as systemd has it.
class Listener {
 public:
  explicit Listener(absl::string_view address, bool listens = true) {
    const SocketAddress wanted = Resolve(address).value().at(0);
    descriptor_ = socket(wanted.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(bind(descriptor_, wanted.get(), wanted.size), 0);
    if (listens) listen(descriptor_, 4096);
    getsockname(descriptor_, address_.get(), &address_.size);
  }
  ~Listener() { close(descriptor_); }

  int descriptor() const { return descriptor_; }
  std::string address() const { return ToString(address_); }

  // Whether the kernel takes a connection now.
  bool TakesConnection() const {
    const int client = socket(address_.family(), SOCK_STREAM, 0);
    const bool taken = connect(client, address_.get(), address_.size) == 0;
    close(client);
    return taken;
  }

  // Whether `process` has it open, too.
  bool IsOpenIn(pid_t process) const {
    struct stat own;
    EXPECT_EQ(fstat(descriptor_, &own), 0);
    const std::string folder = absl::StrCat("/proc/", process, "/fd/");
    DIR* const files = opendir(folder.c_str());
    if (files == nullptr) return false;
    bool open = false;
    while (const dirent* const entry = readdir(files)) {
      struct stat file;
      open = open || (stat((folder + entry->d_name).c_str(), &file) == 0 &&
                      file.st_dev == own.st_dev && file.st_ino == own.st_ino);
    }
    closedir(files);
    return open;
  }

 private:
  int descriptor_ = -1;
  SocketAddress address_;
};

// A client whose connection may wait as long as it takes.
std::unique_ptr<Client> ClientOf(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 600'000);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return std::make_unique<Client>(
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(),
                                arguments),
      ClientOptions{.unary = true});
}

template <typename Request, typename Response>
PendingCall<Response> Begin(Client& client,
                            const Method<Request, Response>& method,
                            const Request& request) {
  const PendingCall<Response> call(method.name());
  client.Start(method, request, {}, [call](absl::StatusOr<Response> answer) {
    call.Answer(std::move(answer));
  });
  return call;
}

kv::v1::PutRequest PutA() {
  kv::v1::PutRequest request;
  request.set_key("a");
  request.set_value("1");
  return request;
}

void ExpectServes(const std::string& address) {
  const auto put = ClientOf(address)->Call(kv::kPut, PutA());
  EXPECT_TRUE(put.ok()) << put.status();
}

ProgramOptions Adopting(const Listener& listener) {
  return {
      .program = kServer,
      .arguments = {"--listen=systemd", "--workers=1", "--echo", "--grace=1h"},
      .sockets = {listener.descriptor()}};
}

// Checks how a server ends that cannot start.
void ExpectRefuses(const ProgramOptions& options,
                   const ::testing::Matcher<std::string>& line) {
  ProgramProcess server(options);
  EXPECT_THAT(server.AwaitLine("cannot start: "), line);
  EXPECT_EQ(server.AwaitExit(), 2);
}

TEST(SystemdProgramTest, SaysThatItIsReadyWhenItListensAndThatItStops) {
  NotifyReceiver systemd;
  ProgramProcess server({.program = kServer,
                         .arguments = {"--listen=127.0.0.1:0", "--workers=1"},
                         .environment = {"NOTIFY_SOCKET=" + systemd.address(),
                                         "WATCHDOG_USEC=100000"}});
  const std::string ready = systemd.Await("READY=1");
  const std::string serving = "STATUS=serving on ";
  const size_t at = ready.find(serving);
  ASSERT_NE(at, std::string::npos) << ready;
  ExpectServes(ready.substr(at + serving.size()));
  for (int i = 0; i < 3; ++i) systemd.Await("WATCHDOG=1");
  server.Signal(SIGTERM);
  systemd.Await("STOPPING=1");
  EXPECT_EQ(server.AwaitExit(), 0);
}

TEST(SystemdProgramTest, SaysWhyItCannotStart) {
  NotifyReceiver systemd;
  ProgramProcess server(
      {.program = kServer,
       .arguments = {"--listen=127.0.0.1:0", "--lane_bytes=5KiB"},
       .environment = {"NOTIFY_SOCKET=" + systemd.address()}});
  EXPECT_THAT(systemd.Next(),
              AllOf(StartsWith("STATUS=cannot start: "),
                    HasSubstr("lane_bytes"), HasSubstr("5120")));
  EXPECT_EQ(server.AwaitExit(), 2);
}

TEST(SystemdProgramTest, SaysWhichFlagIsWrong) {
  for (const auto& [flag, says] :
       std::vector<std::pair<const char*, const char*>>{
           {"--workers=-5", "--workers: \"-5\" is out of range"},
           {"--wokers=5", "there is no flag --wokers"}}) {
    NotifyReceiver systemd;
    ProgramProcess server(
        {.program = kServer,
         .arguments = {"--listen=127.0.0.1:0", flag},
         .environment = {"NOTIFY_SOCKET=" + systemd.address()}});
    EXPECT_THAT(systemd.Next(),
                StartsWith(absl::StrCat("STATUS=cannot start: ", says)));
    EXPECT_EQ(server.AwaitExit(), 2);
  }
}

TEST(ProbedProgramTest, AnswersProbesWhileItsWorkerIsHeldAndStops) {
  ProgramProcess server({.program = kProbedServer,
                         .arguments = {"--probe_listen=127.0.0.1:0",
                                       "--workers=1", "--grace=1h"}});
  const std::string serves = server.AwaitLine("listening on ");
  const std::string target =
      serves.substr(13, serves.find(';') - 13);  // After "listening on ".
  const std::string line = server.AwaitLine("probes on ");
  const std::string probes = line.substr(10, line.find(": /") - 10);
  EXPECT_EQ(line, "probes on " + probes + ": /healthz, /readyz, /startupz");
  for (const char* path : {"/healthz", "/readyz", "/startupz"}) {
    EXPECT_EQ(HttpGet(probes, path).status, 200) << path;
  }
  const std::unique_ptr<Client> client = ClientOf(target);
  echo::v1::EchoRequest request;
  request.set_block_us(600'000'000);
  const auto held = Begin(*client, echo::kEcho, request);
  server.AwaitLine("has run for");  // It is reported as stalled.
  while (HttpGet(probes, "/readyz").status != 503) {
  }
  EXPECT_EQ(HttpGet(probes, "/healthz").status, 200);
  server.Signal(SIGTERM);
  server.AwaitLine("the stop waits");
  EXPECT_EQ(HttpGet(probes, "/healthz").status, 200);
  EXPECT_EQ(HttpGet(probes, "/readyz").status, 503);
  server.Signal(SIGTERM);
  EXPECT_EQ(server.AwaitExit(), 3);
}

TEST(ProbedProgramTest, DoesNotStartIfThePortIsTaken) {
  const Listener taken("127.0.0.1:0");
  ExpectRefuses({.program = kProbedServer,
                 .arguments = {"--probe_listen=" + taken.address()}},
                AllOf(HasSubstr("probe_listen"), HasSubstr(taken.address()),
                      HasSubstr("in use")));
  ExpectRefuses(
      {.program = kProbedServer, .arguments = {"--probe_listen=nonsense"}},
      HasSubstr("probe_listen is \"nonsense\"; valid are host:port"));
}

TEST(SocketActivationTest, ServesOnTheSocketThatIsHandedOver) {
  const Listener listener("127.0.0.1:0");
  ProgramProcess server(Adopting(listener));
  server.AwaitLine("listening on " + listener.address() + ";");
  ExpectServes(listener.address());
  server.Signal(SIGTERM);
  EXPECT_EQ(server.AwaitExit(), 0);
  EXPECT_TRUE(listener.TakesConnection());
}

TEST(SocketActivationTest, ServesOnAUnixSocketAndLeavesItsFile) {
  const std::string path = absl::StrCat("/tmp/pinion-activation-", getpid());
  const Listener listener("unix:" + path);
  ProgramProcess server(Adopting(listener));
  server.AwaitLine("listening on unix:" + path + ";");
  ExpectServes("unix:" + path);
  server.Signal(SIGTERM);
  EXPECT_EQ(server.AwaitExit(), 0);
  EXPECT_TRUE(listener.TakesConnection());
  unlink(path.c_str());
}

TEST(SocketActivationTest, TakesTheSocketOfThatNameAndTellsOfTheOther) {
  const Listener other("127.0.0.1:0");
  const Listener mine("127.0.0.1:0");
  ProgramProcess server({.program = kServer,
                         .arguments = {"--listen=systemd:mine", "--workers=1"},
                         .sockets = {other.descriptor(), mine.descriptor()},
                         .socket_names = "other:mine"});
  EXPECT_THAT(server.AwaitLine("was handed over"),
              AllOf(HasSubstr("\"other\""), HasSubstr("descriptor 3")));
  ExpectServes(mine.address());
  server.Signal(SIGTERM);
  EXPECT_EQ(server.AwaitExit(), 0);
}

TEST(SocketActivationTest, AdoptsNothingThatItWasNotToldToAdopt) {
  const Listener listener("127.0.0.1:0");
  ProgramOptions options = Adopting(listener);
  options.arguments[0] = "--listen=127.0.0.1:0";
  ProgramProcess server(options);
  EXPECT_THAT(server.AwaitLine("was handed over"),
              HasSubstr("set listen to \"systemd\""));
  server.Signal(SIGTERM);
  EXPECT_EQ(server.AwaitExit(), 0);
}

TEST(SocketActivationTest, RefusesToStartWithoutASocketThatListens) {
  ExpectRefuses({.program = kServer, .arguments = {"--listen=systemd"}},
                AllOf(HasSubstr("listen is \"systemd\", but no socket"),
                      HasSubstr("LISTEN_FDS")));
  const Listener silent("127.0.0.1:0", /*listens=*/false);
  ExpectRefuses(Adopting(silent), AllOf(HasSubstr("listen is \"systemd\""),
                                        HasSubstr("descriptor 3 does not "
                                                  "listen")));
  // What the variables promise, and nobody has opened.
  ExpectRefuses({.program = kServer,
                 .arguments = {"--listen=systemd"},
                 .environment = {"LISTEN_FDS=900"}},
                HasSubstr("is no socket"));
}

TEST(SocketActivationTest, ServesWhatOthersReachOnlyIfItIsAllowed) {
  const Listener reachable("0.0.0.0:0");
  ExpectRefuses(Adopting(reachable),
                AllOf(HasSubstr(reachable.address()),
                      HasSubstr("set allow_unencrypted_public_traffic")));
  ProgramOptions allowed = Adopting(reachable);
  allowed.arguments.push_back("--allow_unencrypted_public_traffic");
  ProgramProcess server(allowed);
  server.AwaitLine("listening on " + reachable.address() + ";");
}

TEST(SocketActivationTest, RefusesNoConnectionWhileTheServerRestarts) {
  constexpr int kConnections = 20;  // At each stage.
  const Listener listener("127.0.0.1:0");
  int taken = 0;
  const auto connect_some = [&] {
    for (int i = 0; i < kConnections; ++i) taken += listener.TakesConnection();
  };
  auto first = std::make_unique<ProgramProcess>(Adopting(listener));
  first->AwaitLine("listening on ");
  ExpectServes(listener.address());
  connect_some();
  // It stops while a call is open.
  const std::unique_ptr<Client> old_client = ClientOf(listener.address());
  echo::v1::EchoRequest request;
  request.set_block_us(60'000'000);
  const auto open = Begin(*old_client, echo::kEcho, request);
  first->AwaitLine("has run for");  // It is reported as stalled.
  first->Signal(SIGTERM);
  // From here on it leaves new connections to the next one.
  while (listener.IsOpenIn(first->pid())) {
  }
  connect_some();
  const std::unique_ptr<Client> new_client = ClientOf(listener.address());
  const auto put = Begin(*new_client, kv::kPut, PutA());
  first->Signal(SIGTERM);  // It waits no longer for the open call.
  EXPECT_EQ(first->AwaitExit(), 0);
  EXPECT_FALSE(open.Await().ok());
  connect_some();
  ProgramProcess second(Adopting(listener));
  connect_some();
  second.AwaitLine("listening on ");
  connect_some();
  EXPECT_TRUE(put.Await().ok()) << put.Await().status();
  EXPECT_EQ(taken, 5 * kConnections);
  second.Signal(SIGTERM);
  EXPECT_EQ(second.AwaitExit(), 0);
}

// Calls the counter over a session, from several threads, until it is told to
// end.
class Callers {
 public:
  explicit Callers(const std::string& address)
      : client_(Client::Connect(address)) {
    for (int i = 0; i < 16; ++i) {
      threads_.emplace_back([this] { Run(); });
    }
  }
  ~Callers() {
    ends_ = true;
    for (std::thread& thread : threads_) thread.join();
  }

  // Waits until they have made so many calls more.
  void AwaitCalls(int more) const {
    const int until = calls_ + more;
    while (calls_ < until) std::this_thread::yield();
  }

 private:
  void Run() {
    constexpr Method<shop::v1::AddRequest, shop::v1::AddResponse> kAdd(
        "/shop.v1.CounterService/Add");
    shop::v1::AddRequest request;
    request.set_name("a");
    while (!ends_) {
      const auto answer = client_->Call(kAdd, request);
      if (!answer.ok()) {
        EXPECT_EQ(answer.status().code(), absl::StatusCode::kUnavailable);
        EXPECT_THAT(std::string(answer.status().message()),
                    Not(HasSubstr("onnection refused")));
      }
      ++calls_;
    }
  }

  const std::unique_ptr<Client> client_;
  std::atomic<bool> ends_{false};
  std::atomic<int> calls_{0};
  std::vector<std::thread> threads_;
};

// What is refused while the server stops, the client sends again, and it waits
// at the socket for the next one. What was on its way on a connection that the
// server ended fails, since it may have run; nothing else does.
TEST(SocketActivationTest, NoCallFindsNobodyWhileTheCounterRestartsUnderLoad) {
  const Listener listener("127.0.0.1:0");
  const ProgramOptions counter = {
      .program = kCounter,
      .arguments = {"--listen=systemd", "--workers=1", "--grace=1h"},
      .sockets = {listener.descriptor()}};
  auto server = std::make_unique<ProgramProcess>(counter);
  const Callers callers(listener.address());
  for (int i = 0; i < 3; ++i) {
    callers.AwaitCalls(100);
    server->Signal(SIGTERM);
    EXPECT_EQ(server->AwaitExit(), 0);
    server = std::make_unique<ProgramProcess>(counter);
  }
  callers.AwaitCalls(100);
}

// As a crash: the connections wait for the next one just so.
TEST(SocketActivationTest, RefusesNoConnectionAfterTheServerWasKilled) {
  const Listener listener("127.0.0.1:0");
  auto first = std::make_unique<ProgramProcess>(Adopting(listener));
  first->AwaitLine("listening on ");
  first->Signal(SIGKILL);
  EXPECT_EQ(first->AwaitExit(), -1);
  const std::unique_ptr<Client> client = ClientOf(listener.address());
  const auto put = Begin(*client, kv::kPut, PutA());
  EXPECT_TRUE(listener.TakesConnection());
  ProgramProcess second(Adopting(listener));
  EXPECT_TRUE(put.Await().ok()) << put.Await().status();
}

}  // namespace
}  // namespace pinion
