// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/bench/hostile_attacks.h"

#include <grpcpp/channel.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/status.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "pinion/client/client.h"
#include "pinion/client/kv_methods.h"
#include "pinion/echo/v1/echo.pb.h"
#include "pinion/kv/v1/kv.pb.h"
#include "pinion/proto/wire/reflection_message.h"
#include "pinion/tests/bench/support/connections.h"
#include "pinion/tests/bench/support/hostile_call.h"
#include "pinion/tests/bench/support/hostile_session.h"
#include "pinion/v1/session.pb.h"

namespace pinion::bench {
namespace {

constexpr char kGet[] = "/pinion.kv.v1.KvService/Get";
constexpr char kWatch[] = "/pinion.kv.v1.KvService/Watch";
constexpr char kEcho[] = "/pinion.echo.v1.EchoService/Echo";
constexpr char kEchoKeyed[] = "/pinion.echo.v1.EchoService/EchoKeyed";

constexpr char kBigKey[] = "big";
// What a message of 4 MiB has room for, with its key and version.
constexpr size_t kBigBytes = (4 << 20) - 100;

constexpr int kWatchedKeys = 64;
constexpr size_t kWatchedBytes = 1 << 20;

std::string WatchedKey(int i) { return absl::StrCat("watched-", i); }

v1::OpenRequest WithMethod(const char* name) {
  v1::OpenRequest request;
  request.add_methods()->set_index(1);
  request.mutable_methods(0)->set_name(name);
  return request;
}

void AddCall(v1::OpenRequest& request, uint64_t id, std::string payload) {
  v1::SessionCall& call = *request.add_calls();
  call.set_id(id);
  call.set_method_index(1);
  call.set_payload(std::move(payload));
}

// What is said once, and then nothing.
HostileSession::Next Once(std::string message) {
  return [message = std::optional(std::move(message))]() mutable {
    return std::exchange(message, std::nullopt);
  };
}

HostileSession::Next Always(std::string message) {
  return [message = std::move(message)] { return std::optional(message); };
}

std::string Repeated(const std::string& part, size_t bytes) {
  std::string all;
  while (all.size() + part.size() <= bytes) all += part;
  return all;
}

// Many large answers asked for by few bytes, and none of them read.
Attacker BigAnswers(const std::string& address) {
  kv::v1::GetRequest get;
  get.set_key(kBigKey);
  v1::OpenRequest request = WithMethod(kGet);
  for (int i = 0; i < 1500; ++i) AddCall(request, i, get.SerializeAsString());
  return {std::make_shared<HostileSession>(address,
                                           HostileSession::Reads::kNothing,
                                           Once(request.SerializeAsString()))};
}

// So many calls of a method, with this request, 500 in a message.
HostileSession::Next Calls(const char* method, std::string request,
                           uint64_t count) {
  return [method, request = std::move(request), count,
          next_id = uint64_t{0}]() mutable -> std::optional<std::string> {
    if (next_id >= count) return std::nullopt;
    v1::OpenRequest message = WithMethod(method);
    for (int i = 0; i < 500; ++i) AddCall(message, next_id++, request);
    return message.SerializeAsString();
  };
}

// A million small calls, of which no answer is read.
Attacker UnreadEchoes(const std::string& address) {
  echo::v1::EchoRequest echo;
  echo.set_payload(std::string(64, 'x'));
  return {std::make_shared<HostileSession>(
      address, HostileSession::Reads::kNothing,
      Calls(kEcho, echo.SerializeAsString(), 1'000'000))};
}

// Connections of which each call can be sent no more than HTTP/2's first window
// of 64 KiB, if it reads nothing: gRPC would widen it.
std::vector<std::shared_ptr<grpc::Channel>> ConnectWithSmallWindows(
    const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  return ConnectSeveralTimes(address, arguments);
}

// Large answers of plain calls, and none of them read.
Attacker UnreadGets(const std::string& address) {
  kv::v1::GetRequest get;
  get.set_key(kBigKey);
  auto calls = std::make_shared<std::deque<HostileCall>>();
  for (const auto& channel : ConnectWithSmallWindows(address)) {
    for (int i = 0; i < 100; ++i) {
      calls->emplace_back(channel, kGet, get.SerializeAsString(),
                          HostileCall::Reads::kNothing);
    }
  }
  return {calls};
}

// Streams of many large values, and none of them read.
Attacker UnreadWatches(const std::string& address) {
  auto streams = std::make_shared<std::deque<HostileCall>>();
  for (const auto& channel : ConnectWithSmallWindows(address)) {
    for (int i = 0; i < kWatchedKeys; ++i) {
      kv::v1::WatchRequest watch;
      watch.set_key(WatchedKey(i));
      streams->emplace_back(channel, kWatch, watch.SerializeAsString(),
                            HostileCall::Reads::kNothing);
    }
  }
  return {streams};
}

// Calls that run for 50 us, as many as the lane takes of one session: half of
// HostingOptions::lane_calls, which is 0.4 s of work. More would let others
// wait for longer than a measurement takes.
Attacker LongCalls(const std::string& address) {
  echo::v1::EchoKeyedRequest echo;
  echo.set_key("long");
  echo.set_spin_us(50);
  return {std::make_shared<HostileSession>(
      address, HostileSession::Reads::kAll,
      Calls(kEchoKeyed, echo.SerializeAsString(),
            std::numeric_limits<uint64_t>::max()))};
}

// Watches of a key that never changes. Each has had its first message, and is
// cancelled when kOpen younger ones are open.
class PassingWatches {
 public:
  explicit PassingWatches(const std::string& address)
      : channels_(ConnectSeveralTimes(address)), thread_([this] { Run(); }) {}
  ~PassingWatches() {
    ending_ = true;
    thread_.join();
  }

 private:
  static constexpr size_t kOpen = 3000;

  void Run() {
    kv::v1::WatchRequest watch;
    watch.set_key("quiet");
    const std::string request = watch.SerializeAsString();
    std::deque<HostileCall> open;
    for (size_t i = 0; !ending_; ++i) {
      open.emplace_back(channels_[i % channels_.size()], kWatch, request,
                        HostileCall::Reads::kFirst);
      if (open.size() <= kOpen) continue;
      open.front().AwaitFirst();
      open.pop_front();
    }
  }

  const std::vector<std::shared_ptr<grpc::Channel>> channels_;
  std::atomic<bool> ending_{false};
  std::thread thread_;  // The last: it uses the others.
};

Attacker ManyWatchers(const std::string& address) {
  return {std::make_shared<PassingWatches>(address)};
}

Attacker Flood(const std::string& address, std::string message) {
  return {std::make_shared<HostileSession>(address, HostileSession::Reads::kAll,
                                           Always(std::move(message)))};
}

// 256 KiB of calls of two bytes each, of which none is a call of anything.
std::string EmptyCallsMessage() {
  return Repeated(std::string("\x0a\0", 2), 256 << 10);
}

Attacker EmptyCalls(const std::string& address) {
  return Flood(address, EmptyCallsMessage());
}

// Sessions that read nothing but the hello, more than the server's 64 MiB have
// room for the messages of. The server must end those that come too late.
Attacker UnreadSessions(const std::string& address) {
  constexpr size_t kSessions = 300;
  constexpr size_t kTooMany = kSessions - 256;
  const std::string message = EmptyCallsMessage();
  const auto channels = ConnectWithSmallWindows(address);
  auto sessions = std::make_shared<std::deque<HostileSession>>();
  for (size_t i = 0; i < kSessions; ++i) {
    sessions->emplace_back(channels[i % channels.size()],
                           HostileSession::Reads::kHello, Once(message));
  }
  const auto enough_ended = [&] {
    size_t ended = 0;
    for (HostileSession& session : *sessions) {
      if (session.end() == grpc::StatusCode::RESOURCE_EXHAUSTED) ++ended;
    }
    return ended >= kTooMany;
  };
  const absl::Time patience_ends = absl::Now() + absl::Seconds(10);
  while (!enough_ended() && absl::Now() < patience_ends) {
    absl::SleepFor(absl::Milliseconds(10));
  }
  return {.parts = sessions, .refused = enough_ended()};
}

// Calls of methods that are not there, each of another name. Of its bytes each
// takes four in the text of the refusal.
Attacker UnknownMethods(const std::string& address) {
  const std::string unprintable(240, '\x01');
  v1::OpenRequest request;
  for (int i = 0; i < 1000; ++i) {
    v1::SessionCall& call = *request.add_calls();
    call.set_id(i);
    call.set_method(absl::StrCat("/", i, unprintable));
  }
  return Flood(address, request.SerializeAsString());
}

// Calls of indexes that no method has, in turn: each refusal has another text
// than the one before.
Attacker UnknownIndexes(const std::string& address) {
  v1::OpenRequest request;
  for (int i = 0; i < 16'000; ++i) {
    v1::SessionCall& call = *request.add_calls();
    call.set_id(i);
    call.set_method_index(1 + i % 1000);
  }
  return Flood(address, request.SerializeAsString());
}

// Cancels of a call that is not there: one field, packed.
Attacker Cancels(const std::string& address) {
  constexpr size_t kCancels = (4 << 20) - 16;
  std::string message = "\x12";
  for (size_t rest = kCancels; rest > 0; rest >>= 7) {
    message += static_cast<char>((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
  }
  return Flood(address, message + std::string(kCancels, '\x01'));
}

// One call with as many entries of metadata as a message has room for.
Attacker Metadata(const std::string& address) {
  v1::OpenRequest request = WithMethod(kEcho);
  AddCall(request, 1, "");
  for (int i = 0; i < 800'000; ++i) {
    request.mutable_calls(0)->add_metadata()->set_name("m");
  }
  return Flood(address, request.SerializeAsString());
}

// Calls that wait with deadlines that pass one by one, among many refused ones.
Attacker Deadlines(const std::string& address) {
  auto sessions = std::make_shared<std::deque<HostileSession>>();
  for (int i = 0; i < 12; ++i) {
    v1::OpenRequest request = WithMethod(kEcho);
    for (int id = 1; id <= 150; ++id) {
      AddCall(request, id, "");
      request.mutable_calls(id - 1)->set_timeout_us(20'000 * id);
    }
    sessions->emplace_back(
        address, HostileSession::Reads::kAll,
        Once(request.SerializeAsString() + EmptyCallsMessage()));
  }
  return {sessions};
}

// Streams that ask for the largest file that the server tells of, again and
// again.
std::shared_ptr<std::deque<HostileSession>> Questions(
    const std::vector<std::shared_ptr<grpc::Channel>>& channels,
    int streams_each, HostileSession::Reads reads) {
  const std::string question =
      EncodeReflectionQuestion({.kind = ReflectionQuestion::Kind::kFileByName,
                                .name = "google/protobuf/descriptor.proto"});
  auto streams = std::make_shared<std::deque<HostileSession>>();
  for (const auto& channel : channels) {
    for (int i = 0; i < streams_each; ++i) {
      streams->emplace_back(channel, reads, Always(question),
                            reflection_protocol::kPath);
    }
  }
  return streams;
}

Attacker ManyQuestions(const std::string& address) {
  return {
      Questions(ConnectSeveralTimes(address), 50, HostileSession::Reads::kAll)};
}

Attacker UnreadQuestions(const std::string& address) {
  return {Questions(ConnectWithSmallWindows(address), 200,
                    HostileSession::Reads::kNothing)};
}

}  // namespace

const std::vector<Attack>& AllAttacks() {
  using enum AttackKind;
  static const auto* const attacks = new std::vector<Attack>{
      // The first, as it takes the most memory, and what an attack took goes
      // back to the system only in the seconds after.
      {"unread_sessions", kSlowReader, UnreadSessions},
      {"big_answers", kSlowReader, BigAnswers},
      {"unread_echoes", kSlowReader, UnreadEchoes},
      {"unread_gets", kSlowReader, UnreadGets},
      {"unread_watches", kSlowReader, UnreadWatches},
      {"unread_questions", kSlowReader, UnreadQuestions},
      {"empty_calls", kFlood, EmptyCalls},
      {"cancels", kFlood, Cancels},
      {"metadata", kFlood, Metadata},
      {"deadlines", kFlood, Deadlines},
      {"unknown_methods", kFlood, UnknownMethods},
      {"unknown_indexes", kFlood, UnknownIndexes},
      {"many_watchers", kFlood, ManyWatchers},
      {"many_questions", kFlood, ManyQuestions},
      {"long_calls", kLongCalls, LongCalls}};
  return *attacks;
}

absl::Status PutValues(const std::string& address) {
  const auto client = Client::Connect(address);
  const auto put = [&](const std::string& key, size_t bytes) {
    kv::v1::PutRequest request;
    request.set_key(key);
    request.set_value(std::string(bytes, 'v'));
    return client->Call(kv::kPut, request, {.timeout = absl::Minutes(1)})
        .status();
  };
  absl::Status status = put(kBigKey, kBigBytes);
  for (int i = 0; i < kWatchedKeys && status.ok(); ++i) {
    status = put(WatchedKey(i), kWatchedBytes);
  }
  return status;
}

}  // namespace pinion::bench
