// SPDX-License-Identifier: Apache-2.0
//
// Admin over a Hosting: where it listens, and that it answers while everything
// else is held.
#include "pinion/server/admin.h"

#include <grpcpp/support/status.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <deque>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/admin/v1/admin.pb.h"
#include "pinion/core/base/mutex.h"
#include "pinion/server/hosting/supervision.h"
#include "pinion/tests/server/admin/admin_client.h"
#include "pinion/tests/server/support/attached.h"
#include "pinion/tests/support/http_client.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/tests/support/socket_folder.h"

namespace pinion {
namespace {

using ::pinion::testing::AddOf;
using ::pinion::testing::AdminClient;
using ::pinion::testing::Attached;
using ::pinion::testing::HttpAsk;
using ::pinion::testing::kAdd;
using ::pinion::testing::kCart;
using ::pinion::testing::LaneTest;
using ::pinion::testing::OpenCall;
using ::pinion::testing::SocketFolder;
using ::pinion::testing::TransportName;
using ::testing::HasSubstr;
using ::testing::StartsWith;

namespace api = admin::v1;

constexpr char kGetInfo[] = "/pinion.admin.v1.AdminService/GetInfo";
constexpr char kGetState[] = "/pinion.admin.v1.AdminService/GetState";
constexpr char kExplainKey[] = "/pinion.admin.v1.AdminService/ExplainKey";
// More than the number of workers of any of these servers.
constexpr int kMany = 200;

int PageStatus(const std::string& page, absl::string_view path) {
  return HttpAsk(page, absl::StrCat("GET ", path,
                                    " HTTP/1.1\r\nHost: localhost\r\n"
                                    "Connection: close\r\n\r\n"))
      .status;
}

int64_t WaitingOf(const api::GetStateResponse& state) {
  int64_t waiting = 0;
  for (const api::WorkerState& worker : state.workers()) {
    waiting += worker.waiting();
  }
  return waiting;
}

void ExpectStarts(Admin& admin) {
  const absl::Status started = admin.Start();
  EXPECT_TRUE(started.ok()) << started;
}

// The environment decides where "auto" is.
class AutoSocketTest : public ::testing::Test {
 protected:
  AutoSocketTest() {
    unsetenv("RUNTIME_DIRECTORY");
    setenv("XDG_RUNTIME_DIR", folder_.path().c_str(), /*overwrite=*/1);
  }
  ~AutoSocketTest() override { unsetenv("XDG_RUNTIME_DIR"); }

  const SocketFolder folder_;
};

TEST_F(AutoSocketTest, IsWhereTheToolLooksAndNamedAfterTheProcess) {
  Admin admin({});
  ExpectStarts(admin);
  EXPECT_EQ(admin.socket(),
            folder_.Path(absl::StrCat("pinion/", getpid(), ".admin")));
  EXPECT_EQ(admin.why_no_socket(), "");
  EXPECT_EQ(admin.address(), "");
  EXPECT_EQ(access(admin.socket().c_str(), F_OK), 0);
  admin.Stop();
  EXPECT_NE(access(admin.socket().c_str(), F_OK), 0);
}

TEST_F(AutoSocketTest, IsGivenUpWithAReasonIfItCannotBeMade) {
  Admin first({});
  ExpectStarts(first);
  Admin second({});  // Of the same process, so at the same path.
  ExpectStarts(second);
  EXPECT_EQ(second.socket(), "");
  EXPECT_THAT(second.why_no_socket(), HasSubstr("another server listens"));
}

TEST_F(AutoSocketTest, AProgramSaysOnceWhyThereIsNone) {
  Admin first({});
  ExpectStarts(first);
  Mutex mutex;
  std::vector<std::string> lines;
  Attached test({.workers = 1, .log = [&](absl::string_view line) {
                   MutexLock lock(mutex);
                   lines.emplace_back(line);
                 }});
  internal::Supervision supervision({});
  EXPECT_TRUE(supervision.Begin().ok());
  test.Start();
  supervision.Started(test.hosting(), "here");
  EXPECT_EQ(supervision.Describe(), "");
  supervision.Stopped();
  test.Stop();
  EXPECT_TRUE(test.hosting().FlushLog(absl::InfiniteDuration()));
  MutexLock lock(mutex);
  EXPECT_THAT(
      lines, ::testing::Contains(HasSubstr("another server listens")).Times(1));
  EXPECT_EQ(access(first.socket().c_str(), F_OK), 0);
}

TEST_F(AutoSocketTest, CanBeTurnedOff) {
  Admin admin({.socket = "off"});
  ExpectStarts(admin);
  EXPECT_EQ(admin.socket(), "");
  EXPECT_EQ(admin.why_no_socket(), "");
  EXPECT_NE(access(folder_.Path("pinion").c_str(), F_OK), 0);
}

TEST(AdminOptionsTest, APathThatCannotBeUsedIsAnError) {
  const SocketFolder folder;
  Admin admin({.socket = folder.Path("none/s")});
  const absl::Status status = admin.Start();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()),
              StartsWith("admin_socket: the admin socket "));
  EXPECT_EQ(admin.socket(), "");
}

TEST(AdminOptionsTest, MistakesBeginWithTheNameOfTheFlag) {
  const struct {
    AdminOptions options;
    const char* says;
  } cases[] = {
      {{.socket = ""}, "admin_socket is \"\"; valid are auto, off, and a path"},
      {{.socket = std::string(200, 'x')}, "admin_socket is \"xxx"},
      {{.listen = "nonsense"}, "admin is \"nonsense\"; valid are host:port"},
      {{.listen = "0.0.0.0:0"}, "admin is \"0.0.0.0:0\", which other machines"},
      {{.listen = "127.0.0.1:0", .key = "k"}, "admin_key is"},
      {{.listen = "127.0.0.1:0", .hosts = "ok.example, b@d"}, "admin_hosts: "},
      {{.token_file = "t"}, "admin_token_file is set, and there is no page"},
      {{.certificate = "t"}, "admin_certificate is set, and there is no page"},
      {{.hosts = "t"}, "admin_hosts is set, and there is no page"},
  };
  for (const auto& one : cases) {
    const absl::Status status = Admin::Check(one.options);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << one.says;
    EXPECT_THAT(std::string(status.message()), StartsWith(one.says));
    Admin admin(one.options);
    EXPECT_EQ(admin.Start(), status);
  }
  EXPECT_EQ(Admin::Check({}), absl::OkStatus());
  EXPECT_EQ(Admin::Check({.listen = "127.0.0.1:0",
                          .socket = "/run/x",
                          .hosts = "ops.example, other.example:90"}),
            absl::OkStatus());
}

TEST(AdminOptionsTest, APageThatCannotListenLeavesNoSocket) {
  const SocketFolder folder;
  Admin first({.listen = "127.0.0.1:0", .socket = "off"});
  ExpectStarts(first);
  Admin second({.listen = first.address(), .socket = folder.Path("s")});
  EXPECT_EQ(second.Start().code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(access(folder.Path("s").c_str(), F_OK), 0);
}

// Over a server with a page and a socket.
class AdminTest : public LaneTest {
 protected:
  ~AdminTest() override {
    gate_.Open();
    admin_.Stop();
  }

  api::GetStateResponse State() {
    api::GetStateResponse state;
    const grpc::Status status =
        client_.Call(kGetState, api::GetStateRequest(), &state);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return state;
  }

  const SocketFolder folder_;
  const std::string path_ = folder_.Path("s");
  Admin admin_{{.listen = "127.0.0.1:0", .socket = path_}};
  AdminClient client_{path_};
};

INSTANTIATE_TEST_SUITE_P(, AdminTest, ::testing::Values(true), TransportName);

TEST_P(AdminTest, AnswersThatItIsUnavailableUntilTheServerHasStarted) {
  ExpectStarts(admin_);
  std::string bytes;
  EXPECT_EQ(client_.CallRaw(kGetState, "", &bytes).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(PageStatus(admin_.address(), "/metrics"), 503);
  Start({.workers = 1});
  admin_.SetStarted(server().hosting());
  EXPECT_EQ(State().workers_size(), 1);
  EXPECT_EQ(PageStatus(admin_.address(), "/metrics"), 200);
}

TEST_P(AdminTest, AnswersWhileEveryWorkerIsHeldAndManyCallsWait) {
  Start({.workers = 2, .stall_after = absl::Hours(1)});
  ExpectStarts(admin_);
  admin_.SetStarted(server().hosting());
  std::deque<OpenCall> calls;
  // Of many keys, so that both workers have some.
  for (int i = 0; i < kMany; ++i) {
    calls.emplace_back(channel(), kAdd, AddOf(absl::StrCat("key", i)));
  }
  gate_.AwaitArrivals(2);
  // The calls arrive by the server's I/O threads, which nobody holds.
  // Each is held a little before it counts as waiting.
  api::GetStateResponse state = State();
  while (WaitingOf(state) < kMany - 2) state = State();
  EXPECT_EQ(WaitingOf(state), kMany - 2);
  ASSERT_EQ(state.workers_size(), 2);
  for (const api::WorkerState& worker : state.workers()) {
    EXPECT_EQ(worker.running().method(), kAdd);
  }

  api::ExplainKeyRequest request;
  request.set_key("key0");
  api::ExplainKeyResponse why;
  const grpc::Status status = client_.Call(kExplainKey, request, &why);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(why.running().method(), kAdd);
  EXPECT_EQ(why.waiting_before(), state.workers(why.worker()).waiting());
  EXPECT_EQ(why.verdict(), "admitted");
  for (const char* path : {"/", "/metrics", "/api/state", "/config"}) {
    EXPECT_EQ(PageStatus(admin_.address(), path), 200) << path;
  }
  gate_.Open();
  for (OpenCall& call : calls) EXPECT_TRUE(call.Await().ok());
}

TEST(AttachedAdminTest, WorksOverAHostingOfTheUsersServer) {
  const SocketFolder folder;
  Attached test;
  test.Start();
  Admin admin({.socket = folder.Path("s")});
  ExpectStarts(admin);
  admin.SetStarted(test.hosting());
  AdminClient client(folder.Path("s"));
  api::GetInfoResponse info;
  EXPECT_TRUE(client.Call(kGetInfo, api::GetInfoRequest(), &info).ok());
  ASSERT_GE(info.services_size(), 1);
  EXPECT_EQ(info.services(0).name(), kCart);
  EXPECT_EQ(info.process_id(), static_cast<uint32_t>(getpid()));
  admin.Stop();
  EXPECT_NE(access(folder.Path("s").c_str(), F_OK), 0);
  test.Stop();
}

}  // namespace
}  // namespace pinion
