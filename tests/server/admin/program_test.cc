// SPDX-License-Identifier: Apache-2.0
//
// The admin socket and the admin page of a program: where it says that they
// are, who may use them, and what is left of them.
#include <grpcpp/support/status.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/admin/v1/admin.pb.h"
#include "pinion/tests/server/admin/admin_client.h"
#include "pinion/tests/support/http_client.h"
#include "pinion/tests/support/program_process.h"
#include "pinion/tests/support/socket_folder.h"
#include "pinion/tests/support/test_files.h"

namespace pinion {
namespace {

using ::pinion::testing::AdminClient;
using ::pinion::testing::HttpAsk;
using ::pinion::testing::ProgramProcess;
using ::pinion::testing::SocketFolder;
using ::pinion::testing::TestFiles;
using ::testing::AllOf;
using ::testing::HasSubstr;

namespace api = admin::v1;

constexpr char kServer[] = "server/pinion-server";

int PageStatus(const std::string& page, absl::string_view path) {
  return HttpAsk(page, absl::StrCat("GET ", path,
                                    " HTTP/1.1\r\nHost: localhost\r\n"
                                    "Connection: close\r\n\r\n"))
      .status;
}

bool Exists(const std::string& path) {
  struct stat found;
  return lstat(path.c_str(), &found) == 0;
}

// A server with these flags, whose user's folder for sockets is `folder`.
ProgramProcess ServerIn(const SocketFolder& folder,
                        std::vector<std::string> flags = {}) {
  flags.insert(flags.begin(),
               {"--listen=127.0.0.1:0", "--workers=1", "--cpu_policy=float"});
  return ProgramProcess(
      {.program = kServer,
       .arguments = std::move(flags),
       .environment = {absl::StrCat("XDG_RUNTIME_DIR=", folder.path())}});
}

std::string After(absl::string_view line, absl::string_view start) {
  EXPECT_TRUE(absl::ConsumePrefix(&line, start)) << line;
  return std::string(line);
}

std::string PathIn(const SocketFolder& folder, const ProgramProcess& server) {
  return folder.Path(absl::StrCat("pinion/", server.pid(), ".admin"));
}

uint32_t ProcessAt(const std::string& path) {
  api::GetInfoResponse info;
  const grpc::Status status = AdminClient(path).Call(
      "/pinion.admin.v1.AdminService/GetInfo", api::GetInfoRequest(), &info);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return info.process_id();
}

void ExpectRefuses(std::vector<std::string> flags,
                   const ::testing::Matcher<std::string>& says) {
  const SocketFolder folder;
  ProgramProcess server = ServerIn(folder, std::move(flags));
  const std::string path = PathIn(folder, server);
  EXPECT_THAT(server.AwaitLine("cannot start: "), says);
  EXPECT_EQ(server.AwaitExit(), 2);
  EXPECT_FALSE(Exists(path));
}

TEST(AdminProgramTest, MakesASocketForItsUserAloneAndRemovesItAtItsEnd) {
  const SocketFolder folder;
  ProgramProcess server = ServerIn(folder);
  const std::string path =
      After(server.AwaitLine("admin socket "), "admin socket ");
  EXPECT_EQ(path, PathIn(folder, server));
  struct stat found;
  ASSERT_EQ(stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0600u);
  EXPECT_EQ(ProcessAt(path), static_cast<uint32_t>(server.pid()));
  server.Signal(SIGTERM);
  EXPECT_EQ(server.AwaitExit(), 0);
  EXPECT_FALSE(Exists(path));
}

TEST(AdminProgramTest, TwoServersOfOneUserHaveASocketEach) {
  const SocketFolder folder;
  ProgramProcess first = ServerIn(folder);
  first.AwaitLine("admin socket ");
  ProgramProcess second = ServerIn(folder);
  second.AwaitLine("admin socket ");
  EXPECT_EQ(ProcessAt(PathIn(folder, first)),
            static_cast<uint32_t>(first.pid()));
  EXPECT_EQ(ProcessAt(PathIn(folder, second)),
            static_cast<uint32_t>(second.pid()));
}

TEST(AdminProgramTest, TheNextStartRemovesWhatAKilledServerHasLeft) {
  const SocketFolder folder;
  std::string stale;
  {
    ProgramProcess killed = ServerIn(folder);
    killed.AwaitLine("admin socket ");
    stale = PathIn(folder, killed);
    killed.Signal(SIGKILL);
    EXPECT_EQ(killed.AwaitExit(), -1);
  }
  EXPECT_TRUE(Exists(stale));
  ProgramProcess next = ServerIn(folder);
  next.AwaitLine("admin socket ");
  EXPECT_FALSE(Exists(stale));
}

TEST(AdminProgramTest, AFileSaysWhereTheSocketAndThePageAre) {
  const SocketFolder folder;
  const TestFiles files;
  const std::string config = files.Write(
      "server.yaml", absl::StrCat("admin:\n  admin: 127.0.0.1:0\n",
                                  "  admin_socket: ", folder.Path("s"), "\n"));
  ProgramProcess server = ServerIn(folder, {"--config=" + config});
  const std::string page =
      After(server.AwaitLine("admin page on "), "admin page on ");
  EXPECT_EQ(server.NextLine(), "admin socket " + folder.Path("s"));
  EXPECT_EQ(PageStatus(page, "/metrics"), 200);
  EXPECT_EQ(ProcessAt(folder.Path("s")), static_cast<uint32_t>(server.pid()));
  // A second one does not take it away.
  ExpectRefuses({"--admin_socket=" + folder.Path("s")},
                AllOf(HasSubstr("admin_socket"), HasSubstr(folder.Path("s")),
                      HasSubstr("another server listens on it")));
  EXPECT_EQ(ProcessAt(folder.Path("s")), static_cast<uint32_t>(server.pid()));
}

TEST(AdminProgramTest, DoesNotStartWithAMistake) {
  const SocketFolder folder;
  ExpectRefuses({"--admin_socket=" + folder.Path("none/s")},
                HasSubstr("admin_socket: the admin socket "));
  ExpectRefuses({"--admin=nonsense"},
                HasSubstr("it is \"nonsense\"; valid are host:port"));
  ExpectRefuses({"--admin=0.0.0.0:0"},
                HasSubstr("which other machines reach: it needs "
                          "admin_certificate"));
  ExpectRefuses({"--admin_key=/etc/k"}, HasSubstr("there is no page"));
}

}  // namespace
}  // namespace pinion
