// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/admin/admin_service.h"

#include <grpcpp/support/status.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "gtest/gtest.h"
#include "pinion/admin/v1/admin.pb.h"
#include "pinion/core/fake_clock.h"
#include "pinion/server/admin/admin_socket.h"
#include "pinion/server/admin/grpc_connection.h"
#include "pinion/server/admin/late_source.h"
#include "pinion/tests/server/admin/admin_client.h"
#include "pinion/tests/server/admin/fake_source.h"
#include "pinion/tests/server/admin/raw_http2.h"
#include "pinion/tests/support/socket_folder.h"

namespace pinion {
namespace {

using testing::AdminClient;
using testing::FakeSource;
using testing::Framed;
using ::testing::HasSubstr;
using testing::RawHttp2;
using testing::SocketFolder;

namespace api = admin::v1;

std::string Method(absl::string_view name) {
  return absl::StrCat("/pinion.admin.v1.AdminService/", name);
}

// A socket with a file, on which nobody listens.
int Bind(const std::string& path) {
  const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  EXPECT_EQ(bind(descriptor, reinterpret_cast<const sockaddr*>(&address),
                 sizeof(address)),
            0);
  return descriptor;
}

// Waits for the other end, as long as it takes.
class RawConnection {
 public:
  explicit RawConnection(const std::string& path)
      : descriptor_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    connected_ =
        connect(descriptor_, reinterpret_cast<const sockaddr*>(&address),
                sizeof(address)) == 0;
  }
  ~RawConnection() { close(descriptor_); }
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;

  bool connected() const { return connected_; }

  void Write(absl::string_view bytes) {
    EXPECT_EQ(send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // What has come next; empty at the end.
  std::string Read() {
    std::array<char, 4096> bytes;
    const ssize_t size = recv(descriptor_, bytes.data(), bytes.size(), 0);
    return size > 0 ? std::string(bytes.data(), static_cast<size_t>(size)) : "";
  }
  void AwaitEnd() {
    while (!Read().empty()) {
    }
  }

  // One call by HTTP/2; false if the connection ends before its answer.
  bool Call(RawHttp2& client, absl::string_view path) {
    const int32_t id = client.Begin(path, Framed(""));
    Write(client.TakeBytes());
    while (!client.answer(id).ended) {
      const std::string bytes = Read();
      if (bytes.empty()) return false;
      client.Feed(bytes);
    }
    return client.answer(id).headers["grpc-status"] == "0";
  }

 private:
  const int descriptor_;
  bool connected_;
};

class AdminServiceTest : public ::testing::Test {
 protected:
  AdminServiceTest() { EXPECT_EQ(service_.Start(), absl::OkStatus()); }

  template <typename Request, typename Response>
  void Ask(absl::string_view name, const Request& request, Response* response) {
    const grpc::Status status = client_.Call(Method(name), request, response);
    EXPECT_TRUE(status.ok()) << name << ": " << status.error_message();
  }

  bool Works() {
    api::GetInfoResponse info;
    return AdminClient(path_)
               .Call(Method("GetInfo"), api::GetInfoRequest(), &info)
               .ok() &&
           info.program() == "fake";
  }

  // Another user, whom the modes let connect. 0: it is told nothing, 1: it is
  // answered, 2: it cannot try. Only root can ask.
  int WhatAStrangerMeets() {
    EXPECT_EQ(chmod(folder_.path().c_str(), 0755), 0);
    EXPECT_EQ(chmod(path_.c_str(), 0666), 0);
    const pid_t child = fork();
    if (child == 0) {
      if (setuid(65534) != 0) _exit(2);
      RawConnection stranger(path_);
      if (!stranger.connected()) _exit(2);
      _exit(stranger.Read().empty() ? 0 : 1);
    }
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  const SocketFolder folder_;
  const std::string path_ = folder_.Path("4242.admin");
  FakeClock time_;
  FakeSource source_;
  AdminService service_{path_, source_, time_.clock()};
  AdminClient client_{path_};
};

TEST_F(AdminServiceTest, EachMethodIsAnsweredByTheSource) {
  api::GetInfoResponse info;
  Ask("GetInfo", api::GetInfoRequest(), &info);
  EXPECT_EQ(info.program(), "fake");
  api::GetStateResponse state;
  Ask("GetState", api::GetStateRequest(), &state);
  EXPECT_EQ(state.now_ms(), 1u);
  api::ListSlowCallsRequest slow;
  slow.set_limit(3);
  api::ListSlowCallsResponse slowest;
  Ask("ListSlowCalls", slow, &slowest);
  EXPECT_EQ(slowest.slowest(0).method(), "slow3");
  api::ListHotKeysRequest hot;
  hot.set_service("a.B");
  api::ListHotKeysResponse hottest;
  Ask("ListHotKeys", hot, &hottest);
  EXPECT_EQ(hottest.services(0).service(), "hot0ofa.B");
  api::ExplainKeyRequest key;
  key.set_key("k");
  api::ExplainKeyResponse why;
  Ask("ExplainKey", key, &why);
  EXPECT_EQ(why.key().key(), "k");
  api::ListStallsRequest stall;
  stall.set_limit(5);
  api::ListStallsResponse stalls;
  Ask("ListStalls", stall, &stalls);
  EXPECT_EQ(stalls.stalls(0).stack(0), "stack5");
  api::ListSessionsRequest session;
  session.set_limit(9);
  api::ListSessionsResponse sessions;
  Ask("ListSessions", session, &sessions);
  EXPECT_EQ(sessions.open(), 9);
  api::GetSettingsResponse settings;
  Ask("GetSettings", api::GetSettingsRequest(), &settings);
  EXPECT_EQ(settings.settings(0).name(), "lane_calls");
}

TEST_F(AdminServiceTest, TheServicesMethodsAreThoseOfTheSchema) {
  const auto* const service =
      api::GetInfoRequest::descriptor()->file()->FindServiceByName(
          "AdminService");
  ASSERT_NE(service, nullptr);
  for (int i = 0; i < service->method_count(); ++i) {
    std::string response;
    EXPECT_NE(client_.CallRaw(Method(service->method(i)->name()), "", &response)
                  .error_code(),
              grpc::StatusCode::UNIMPLEMENTED)
        << service->method(i)->name();
  }
}

TEST_F(AdminServiceTest, AChangeSaysWhoAsksForIt) {
  api::SetRequest request;
  request.set_name("lane_calls");
  request.set_value("9");
  api::SetResponse response;
  Ask("Set", request, &response);
  ASSERT_EQ(source_.changes().size(), 1u);
  EXPECT_EQ(source_.changes()[0].text, "lane_calls=9");
  EXPECT_EQ(source_.changes()[0].who,
            absl::StrCat("uid ", geteuid(), " (pid ", getpid(), ")"));
}

TEST_F(AdminServiceTest, ErrorsArriveAsTheyAre) {
  api::ExplainKeyRequest key;
  key.set_service("unknown");
  api::ExplainKeyResponse why;
  grpc::Status status = client_.Call(Method("ExplainKey"), key, &why);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "no such service");
  std::string response;
  status = client_.CallRaw(Method("Other"), "", &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(status.error_message(), HasSubstr("AdminService/Other"));
  status = client_.CallRaw("/grpc.health.v1.Health/Check", "", &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  status = client_.CallRaw(Method("Set"), "\xff\xff", &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("pinion.admin.v1.SetRequest"));
}

TEST_F(AdminServiceTest, OnlyItsUserMayOpenTheSocket) {
  struct stat found;
  ASSERT_EQ(stat(path_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0600u);
}

TEST_F(AdminServiceTest, AnotherUserIsRefusedWhateverTheModeSays) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  EXPECT_EQ(WhatAStrangerMeets(), 0);
  EXPECT_TRUE(Works());
}

TEST_F(AdminServiceTest, AnotherUserEndsNoIdleConnection) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  std::list<RawConnection> others;
  std::list<RawHttp2> clients;
  for (size_t i = 0; i < AdminService::kMostConnections; ++i) {
    others.emplace_back(path_);
    clients.emplace_back();
    EXPECT_TRUE(others.back().Call(clients.back(), Method("GetInfo"))) << i;
  }
  EXPECT_EQ(WhatAStrangerMeets(), 0);
  EXPECT_TRUE(others.front().Call(clients.front(), Method("GetInfo")));
}

TEST_F(AdminServiceTest, GarbageEndsItsConnectionOnly) {
  RawConnection other(path_);
  other.Write("GET / HTTP/1.1\r\n\r\n");
  other.AwaitEnd();
  EXPECT_TRUE(Works());
}

// As many as there may be, each of which has had an answer.
class ManyClients {
 public:
  explicit ManyClients(const std::string& path) {
    for (size_t i = 0; i < AdminService::kMostConnections; ++i) {
      connections_.emplace_back(path);
      EXPECT_TRUE(Call(i)) << i;
    }
  }
  bool Call(size_t i) { return At(i).Call(clients_[i], Method("GetInfo")); }
  // Begins a call whose request does not end.
  void Begin(size_t i) {
    clients_[i].Begin(Method("GetInfo"), "", {}, /*ends=*/false);
    At(i).Write(clients_[i].TakeBytes());
  }
  void AwaitEnd(size_t i) { At(i).AwaitEnd(); }

 private:
  RawConnection& At(size_t i) { return *std::next(connections_.begin(), i); }

  std::list<RawConnection> connections_;
  std::array<RawHttp2, AdminService::kMostConnections> clients_;
};

TEST_F(AdminServiceTest, AFurtherConnectionEndsTheOneThatWasSilentForLongest) {
  ManyClients others(path_);
  EXPECT_TRUE(others.Call(0));
  EXPECT_TRUE(others.Call(1));
  EXPECT_TRUE(Works());
  others.AwaitEnd(2);
  EXPECT_TRUE(others.Call(0));
  EXPECT_TRUE(others.Call(1));
}

TEST_F(AdminServiceTest, AnUnfinishedCallKeepsNoOperatorOut) {
  ManyClients others(path_);
  for (size_t i = 0; i < AdminService::kMostConnections; ++i) others.Begin(i);
  // All are heard before the further one, in one turn or in more.
  RawConnection further(path_);
  RawHttp2 client;
  EXPECT_TRUE(further.Call(client, Method("GetInfo")));
}

TEST_F(AdminServiceTest, ConnectionsThatSayNothingKeepNoOperatorOut) {
  std::list<RawConnection> others;
  for (size_t i = 0; i < AdminService::kMostConnections; ++i) {
    others.emplace_back(path_);
    EXPECT_FALSE(others.back().Read().empty());  // Its settings.
  }
  EXPECT_TRUE(Works());
  others.front().AwaitEnd();
  time_.Advance(GrpcConnection::kLongestCall);
  EXPECT_TRUE(Works());
  for (RawConnection& other : others) other.AwaitEnd();
}

TEST_F(AdminServiceTest, ACallThatNeverEndsCostsItsConnection) {
  RawConnection other(path_);
  RawHttp2 client;
  EXPECT_TRUE(other.Call(client, Method("GetInfo")));
  client.Begin(Method("GetInfo"), "", {}, /*ends=*/false);
  other.Write(client.TakeBytes());
  EXPECT_TRUE(Works());  // So it has been read.
  time_.Advance(GrpcConnection::kLongestCall);
  EXPECT_TRUE(Works());  // Wakes the thread.
  other.AwaitEnd();
}

TEST_F(AdminServiceTest, AStopEndsConnectionsAndRemovesTheFile) {
  RawConnection other(path_);
  EXPECT_FALSE(other.Read().empty());
  service_.Stop();
  other.AwaitEnd();
  EXPECT_NE(access(path_.c_str(), F_OK), 0);
  service_.Stop();
}

TEST_F(AdminServiceTest, APathThatAnotherServesIsRefused) {
  AdminService second(path_, source_);
  const absl::Status status = second.Start();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("another server listens on it"));
  second.Stop();
  EXPECT_TRUE(Works());
}

TEST_F(AdminServiceTest, AFileOfAnotherKindStays) {
  AdminService second(folder_.path(), source_);
  EXPECT_THAT(std::string(second.Start().message()),
              HasSubstr("there is a directory"));
}

TEST_F(AdminServiceTest, AStopLeavesTheFileOfAnother) {
  ASSERT_EQ(unlink(path_.c_str()), 0);
  AdminService second(path_, source_);
  ASSERT_EQ(second.Start(), absl::OkStatus());
  service_.Stop();
  EXPECT_TRUE(Works());
}

TEST_F(AdminServiceTest, ASocketThatNobodyServesIsReplaced) {
  const std::string stale = folder_.Path("1.admin");
  close(Bind(stale));
  AdminService second(stale, source_);
  EXPECT_EQ(second.Start(), absl::OkStatus());
}

TEST_F(AdminServiceTest, ASocketThatMayNotBeAskedIsNoOtherServer) {
  const std::string foreign = folder_.Path("1.admin");
  const int dead = Bind(foreign);
  ASSERT_EQ(chmod(foreign.c_str(), 0), 0);
  const bool is_root = geteuid() == 0;
  // Whom the kernel refuses nothing becomes nobody, within this folder.
  if (is_root) {
    ASSERT_EQ(chmod(folder_.path().c_str(), S_IRWXU | S_IXOTH), 0);
    ASSERT_EQ(seteuid(65534), 0);
  }
  const absl::Status status = AdminSocket::Open(foreign).status();
  if (is_root) {
    ASSERT_EQ(seteuid(0), 0);
  }
  close(dead);
  EXPECT_EQ(status.message(),
            absl::StrCat("the admin socket ", foreign, ": Permission denied"));
}

TEST_F(AdminServiceTest, OfSocketsThatAreOpenedAtOnceOneHasThePath) {
  for (int round = 0; round < 50; ++round) {
    const std::string path = folder_.Path(absl::StrCat(round, ".admin"));
    std::array<absl::Status, 3> statuses;
    std::array<AdminSocket, 3> sockets;
    std::vector<std::thread> threads;
    for (size_t i = 0; i < statuses.size(); ++i) {
      threads.emplace_back([&, i] {
        auto opened = AdminSocket::Open(path);
        statuses[i] = opened.status();
        if (opened.ok()) sockets[i] = *std::move(opened);
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(std::count(statuses.begin(), statuses.end(), absl::OkStatus()),
              1);
    for (const absl::Status& status : statuses) {
      if (status.ok()) continue;
      EXPECT_THAT(std::string(status.message()),
                  HasSubstr("another server listens on it"));
    }
    EXPECT_TRUE(RawConnection(path).connected());
  }
}

TEST_F(AdminServiceTest, ChannelzKnowsTheChannelsOfThisProcess) {
  EXPECT_TRUE(Works());
  api::GetInfoResponse info;
  Ask("GetInfo", api::GetInfoRequest(), &info);
  std::string bytes;
  const grpc::Status status =
      client_.CallRaw("/grpc.channelz.v1.Channelz/GetTopChannels", "", &bytes);
  ASSERT_TRUE(status.ok()) << status.error_message();
  const auto* const type =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
          "grpc.channelz.v1.GetTopChannelsResponse");
  ASSERT_NE(type, nullptr);
  const std::unique_ptr<google::protobuf::Message> channels(
      google::protobuf::MessageFactory::generated_factory()
          ->GetPrototype(type)
          ->New());
  ASSERT_TRUE(channels->ParseFromString(bytes));
  EXPECT_THAT(channels->DebugString(), HasSubstr(path_));
}

TEST_F(AdminServiceTest, ChannelzSaysWhatItDoesNotKnow) {
  std::string bytes;
  // channel_id = 2^40
  EXPECT_EQ(client_
                .CallRaw("/grpc.channelz.v1.Channelz/GetChannel",
                         "\x08\x80\x80\x80\x80\x80\x20", &bytes)
                .error_code(),
            grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(client_.CallRaw("/grpc.channelz.v1.Channelz/GetAll", "", &bytes)
                .error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(
      client_.CallRaw("/grpc.channelz.v1.Channelz/GetServer", "\xff", &bytes)
          .error_code(),
      grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(
      client_.CallRaw("/grpc.channelz.v1.Channelz/GetServers", "", &bytes)
          .ok());
}

TEST(LateAdminServiceTest, BeforeTheStartCallsAreUnavailable) {
  const SocketFolder folder;
  FakeSource source;
  LateSource late;
  AdminService service(folder.Path("s"), late);
  ASSERT_EQ(service.Start(), absl::OkStatus());
  AdminClient client(folder.Path("s"));
  std::string bytes;
  EXPECT_EQ(client.CallRaw(Method("GetState"), "", &bytes).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  late.Set(source);
  EXPECT_TRUE(client.CallRaw(Method("GetState"), "", &bytes).ok());
}

TEST(LateAdminServiceTest, APathThatIsTooLongIsSaid) {
  FakeSource source;
  AdminService service(std::string(108, 'x'), source);
  EXPECT_EQ(service.Start().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace pinion
