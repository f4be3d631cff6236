// SPDX-License-Identifier: Apache-2.0
//
// session_memory: what a session costs that is idle; what a call of one costs
// that waits; and what a client that means no good has the server hold for each
// byte that it sends.
//
// An idle session should take at most 32 KiB more than a stream of gRPC's that
// does nothing; a waiting call at most 160 bytes beside its payload. The rest
// is bounded as docs/clients.md says, and should be few times what was sent.
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/client_callback.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "pinion/core/base/check.h"
#include "pinion/echo/v1/echo.pb.h"
#include "pinion/kv/v1/kv.pb.h"
#include "pinion/server/call_context.h"
#include "pinion/server/server.h"
#include "pinion/tests/bench/support/child_process.h"
#include "pinion/tests/bench/support/program.h"
#include "pinion/tests/bench/support/progress.h"
#include "pinion/tests/bench/support/report.h"
#include "pinion/v1/session.pb.h"

ABSL_FLAG(bool, json, false, "one JSON object per line in place of the table");
ABSL_FLAG(int, rounds, 3, "how often each is measured; 1 to 100");
ABSL_FLAG(int, sessions, 1000, "how many sessions are idle; 10 to 10000");
ABSL_FLAG(int, calls, 1'000'000,
          "how many calls wait, over 100 sessions; 1000 to 1000000");

namespace pinion::bench {
namespace {

constexpr char kUsage[] =
    "usage: session_memory [FLAG]...\n\n"
    "Measures by how much the memory of a server grows for each idle session, "
    "and\n"
    "for each stream of gRPC's own that is as idle; and for each call of a "
    "session\n"
    "that waits, beside its payload of 64 bytes: what has the message around "
    "it "
    "is\n"
    "counted in. And how many bytes it holds for each that was sent to it: of "
    "calls\nthat wait and have nothing but an id; of calls with empty metadata "
    "that wait; of\nempty calls that are refused beside one that waits; and of "
    "such on sessions that\ntake no answer. Each round has servers of its own. "
    "By default it takes two\nminutes.";

constexpr int kSessions = 100;  // Over which the waiting calls are spread.
// As a client has them that asks for thousands at once.
constexpr int kOfMessage = 1000;
constexpr int kPayloadBytes = 64;
// Two services, as one lane has not room for all.
constexpr char kEcho[] = "/pinion.echo.v1.EchoService/Echo";
constexpr char kGet[] = "/pinion.kv.v1.KvService/Get";

// They never end.
struct KeptEcho {
  // With the context, so that metadata is kept for it.
  absl::Status Echo(const echo::v1::EchoRequest&, echo::v1::EchoResponse*,
                    CallContext&) {
    for (;;) pause();
  }
};
struct KeptKv {
  absl::Status Get(const kv::v1::GetRequest&, kv::v1::GetResponse*) {
    for (;;) pause();
  }
};

std::string StartPinionThatKeeps() {
  auto* const server =
      new Server({.listen = "127.0.0.1:0"}, {.workers = 1,
                                             .io_threads = 1,
                                             .lane_calls = 524'287,
                                             .lane_bytes = int64_t{1} << 30,
                                             .server_calls = 2'000'000});
  server->Host<KeptEcho>("pinion.echo.v1.EchoService")
      .On("Echo", &KeptEcho::Echo);
  server->Host<KeptKv>("pinion.kv.v1.KvService").On("Get", &KeptKv::Get);
  const absl::Status status = server->Start();
  PINION_CHECK(status.ok(), status.message());
  return server->address();
}

// A stream that says a word, as a session says hello, and then waits.
class BareStream final : public grpc::ServerGenericBidiReactor {
 public:
  BareStream() {
    const grpc::Slice word(std::string(64, 'x'));
    word_ = grpc::ByteBuffer(&word, 1);
    StartWrite(&word_);
    StartRead(&incoming_);
  }
  void OnReadDone(bool) override { Finish(grpc::Status::OK); }
  void OnDone() override { delete this; }

 private:
  grpc::ByteBuffer word_;
  grpc::ByteBuffer incoming_;
};

class BareService final : public grpc::CallbackGenericService {
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext*) override {
    return new BareStream;
  }
};

std::string StartBare() {
  auto* const service = new BareService;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.RegisterCallbackGenericService(service);
  PINION_CHECK(builder.BuildAndStart().release() != nullptr,
               "gRPC's server does not start");
  return absl::StrCat("127.0.0.1:", port);
}

// One stream of a client. It ends when it is destroyed.
class Stream final
    : private grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  // It takes `max_messages` and no more.
  explicit Stream(const std::shared_ptr<grpc::Channel>& channel,
                  int max_messages)
      : stub_(channel), max_messages_(max_messages) {
    stub_.PrepareBidiStreamingCall(&context_, "/pinion.v1.SessionService/Open",
                                   grpc::StubOptions(), this);
    AddHold();
    StartRead(&incoming_);
    StartCall();
  }
  ~Stream() override {
    context_.TryCancel();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return done_; });
  }

  // Waits until so many messages have come in all.
  void AwaitMessages(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return done_ || messages_ >= count; });
    PINION_CHECK(!done_, "a stream ended");
  }

  // Waits until so many answers have come in all.
  void AwaitAnswers(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return done_ || answers_ >= count; });
    PINION_CHECK(!done_, "a stream ended");
  }

  void Send(const v1::OpenRequest& request) {
    SendBytes(request.SerializeAsString());
  }
  void SendBytes(const std::string& bytes) {
    const grpc::Slice slice(bytes);
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return done_ || !writing_; });
    PINION_CHECK(!done_, "a stream ended");
    writing_ = true;
    outgoing_ = grpc::ByteBuffer(&slice, 1);
    StartWrite(&outgoing_);
  }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return RemoveHold();
    grpc::Slice slice;
    v1::OpenResponse response;
    PINION_CHECK(incoming_.DumpToSingleSlice(&slice).ok(), "no memory");
    // What is no session's has none.
    const bool parsed =
        response.ParseFromArray(slice.begin(), static_cast<int>(slice.size()));
    std::unique_lock lock(mutex_);
    if (parsed) answers_ += response.answers_size();
    ++messages_;
    changed_.notify_all();
    if (messages_ < max_messages_) return StartRead(&incoming_);
    lock.unlock();
    RemoveHold();
  }
  void OnWriteDone(bool) override {
    std::unique_lock lock(mutex_);
    writing_ = false;
    changed_.notify_all();
  }
  void OnDone(const grpc::Status&) override {
    std::unique_lock lock(mutex_);
    done_ = true;
    changed_.notify_all();
  }

  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::ByteBuffer incoming_;
  grpc::ByteBuffer outgoing_;
  std::mutex mutex_;
  std::condition_variable changed_;
  const int max_messages_;
  int messages_ = 0;
  int answers_ = 0;
  bool writing_ = false;
  bool done_ = false;
};

// Streams on one connection, of which each has heard of the server.
class Streams {
 public:
  explicit Streams(const std::string& address)
      : channel_(
            grpc::CreateChannel(address, grpc::InsecureChannelCredentials())) {}
  void Open(int count, int max_messages = std::numeric_limits<int>::max()) {
    const size_t before = streams_.size();
    for (int i = 0; i < count; ++i) {
      streams_.emplace_back(channel_, max_messages);
    }
    for (size_t i = before; i < streams_.size(); ++i) {
      streams_[i].AwaitMessages(1);
    }
  }
  Stream& operator[](int index) { return streams_[index]; }

 private:
  const std::shared_ptr<grpc::Channel> channel_;
  std::deque<Stream> streams_;
};

absl::StatusOr<double> BytesOfIdle(const std::string& role, int sessions) {
  auto server = ChildProcess::Start(role);
  if (!server.ok()) return server.status();
  Streams streams((*server)->address());
  // What comes with the first of them is not the others'.
  streams.Open(10);
  const int64_t before = (*server)->ResidentBytes();
  streams.Open(sessions);
  return static_cast<double>((*server)->ResidentBytes() - before) / sessions;
}

v1::OpenRequest CallsFrom(uint64_t first, int count) {
  echo::v1::EchoRequest echo;
  echo.set_payload(std::string(kPayloadBytes - 2, 'x'));
  kv::v1::GetRequest get;
  get.set_key(std::string(kPayloadBytes - 2, 'x'));
  v1::OpenRequest request;
  for (int i = 0; i < count; ++i) {
    v1::SessionCall* const call = request.add_calls();
    call->set_id(first + i);
    call->set_method_index(1 + i % 2);
    call->set_payload(i % 2 == 0 ? echo.SerializeAsString()
                                 : get.SerializeAsString());
    PINION_CHECK(call->payload().size() == kPayloadBytes, "another size");
  }
  return request;
}

// Has a session refuse a message of calls: what it needs to read one is there.
void Refuse(Stream& session) {
  v1::OpenRequest request = CallsFrom(1, kOfMessage);
  for (v1::SessionCall& call : *request.mutable_calls()) {
    call.clear_method_index();
  }
  session.Send(request);
  session.AwaitMessages(2);
}

// Sends so many calls on a session, and waits until it has taken them.
void SendCalls(Stream& session, int count) {
  v1::OpenRequest names;
  for (const char* name : {kEcho, kGet}) {
    v1::MethodName* const method = names.add_methods();
    method->set_index(names.methods_size());
    method->set_name(name);
  }
  session.Send(names);
  for (int sent = 0; sent < count; sent += kOfMessage) {
    session.Send(CallsFrom(1 + sent, std::min(kOfMessage, count - sent)));
  }
  v1::OpenRequest last;
  last.add_calls();  // Of no method: answered when all before are taken.
  session.Send(last);
  session.AwaitMessages(3);
}

absl::StatusOr<double> BytesOfWaiting(int calls) {
  auto server = ChildProcess::Start("pinion");
  if (!server.ok()) return server.status();
  Streams streams((*server)->address());
  streams.Open(kSessions);
  for (int i = 0; i < kSessions; ++i) Refuse(streams[i]);
  const int each = calls / kSessions;
  const int64_t before = (*server)->ResidentBytes();
  for (int i = 0; i < kSessions; ++i) SendCalls(streams[i], each);
  return static_cast<double>((*server)->ResidentBytes() - before) /
             (each * kSessions) -
         kPayloadBytes;
}

// What each of some sessions sends to have the server hold more.
struct Attack {
  const char* name;
  std::string (*message)();
  int answers;  // To it; the rest of its calls wait.
  bool takes_answers = true;
};

// As many as a message may have, of two bytes each.
constexpr int kEmptyCalls = 131'000;
// What one session may have open, but for one or two.
constexpr int kOpenCalls = 16'000;

std::string NameOfEcho() {
  v1::OpenRequest names;
  v1::MethodName* const method = names.add_methods();
  method->set_index(1);
  method->set_name(kEcho);
  return names.SerializeAsString();
}

// So many calls that wait, each with so many of the shortest entries of
// metadata.
std::string CallsThatWait(int count, int entries) {
  v1::OpenRequest request;
  for (int i = 0; i < count; ++i) {
    v1::SessionCall* const call = request.add_calls();
    call->set_id(1 + i);
    call->set_method_index(1);
    for (int entry = 0; entry < entries; ++entry) {
      call->add_metadata()->set_name("m");
    }
  }
  return NameOfEcho() + request.SerializeAsString();
}

std::string EmptyCalls() {
  std::string bytes = CallsThatWait(1, 0);
  for (int i = 0; i < kEmptyCalls; ++i) bytes += std::string("\x0a\0", 2);
  return bytes;
}

std::vector<Attack> Attacks() {
  return {
      {"byte of calls that wait", [] { return CallsThatWait(kOpenCalls, 0); },
       0},
      {"byte of metadata that waits", [] { return CallsThatWait(1600, 490); },
       0},
      {"byte of refused beside one that waits", EmptyCalls, kEmptyCalls},
      {"byte of refused and not taken", EmptyCalls, 0, false},
  };
}

absl::StatusOr<double> BytesOfByte(const Attack& attack) {
  constexpr int kAttackers = 10;
  auto server = ChildProcess::Start("pinion");
  if (!server.ok()) return server.status();
  Streams streams((*server)->address());
  streams.Open(kAttackers,
               attack.takes_answers ? std::numeric_limits<int>::max() : 1);
  const std::string message = attack.message();
  const int64_t before = (*server)->ResidentBytes();
  for (int i = 0; i < kAttackers; ++i) streams[i].SendBytes(message);
  for (int i = 0; i < kAttackers; ++i) {
    streams[i].AwaitAnswers(attack.answers);
  }
  // For what nothing tells of: that it waits, or cannot be sent.
  absl::SleepFor(absl::Seconds(1));
  return static_cast<double>((*server)->ResidentBytes() - before) /
         static_cast<double>(kAttackers * message.size());
}

absl::Status Measure(int rounds, int sessions, int calls) {
  Report report("session_memory", {"of"}, {{"bytes", 1}});
  {
    Progress progress;
    for (int round = 1; round <= rounds; ++round) {
      progress.Show(absl::StrCat("round ", round, " of ", rounds));
      const auto pinion = BytesOfIdle("pinion", sessions);
      if (!pinion.ok()) return pinion.status();
      const auto bare = BytesOfIdle("grpc_stream", sessions);
      if (!bare.ok()) return bare.status();
      const auto waiting = BytesOfWaiting(calls);
      if (!waiting.ok()) return waiting.status();
      report.Add("pinion", {"idle session"}, {*pinion});
      report.Add("grpc_stream", {"idle session"}, {*bare});
      report.Add("pinion_beside_grpc_stream", {"idle session"},
                 {*pinion - *bare});
      report.Add("pinion", {"waiting call"}, {*waiting});
      for (const Attack& attack : Attacks()) {
        const auto bytes = BytesOfByte(attack);
        if (!bytes.ok()) return bytes.status();
        report.Add("pinion", {attack.name}, {*bytes});
      }
    }
  }
  report.Print(
      absl::GetFlag(FLAGS_json),
      absl::StrFormat("Memory per idle session, of %d; and per waiting "
                      "call beside its payload, of %d; and per byte that 10 "
                      "sessions send.",
                      sessions, calls));
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  if (const auto role = ChildRole(argc, argv)) {
    ServeAt(*role == "pinion" ? StartPinionThatKeeps() : StartBare());
  }
  ParseFlags(argc, argv, kUsage);
  return ExitCode(Measure(CheckedFlag(FLAGS_rounds, 1, 100),
                          CheckedFlag(FLAGS_sessions, 10, 10000),
                          CheckedFlag(FLAGS_calls, 1000, 1'000'000)));
}

}  // namespace
}  // namespace pinion::bench

int main(int argc, char** argv) { return pinion::bench::Main(argc, argv); }
