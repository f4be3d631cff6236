// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/admin_target.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/base/admin_socket_path.h"
#include "pinion/tests/support/socket_folder.h"

namespace pinion::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::SocketFolder;

// A socket on which somebody listens, until the end of its life; its file is
// then still there.
class Listener {
 public:
  explicit Listener(const std::string& path)
      : descriptor_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(bind(descriptor_, reinterpret_cast<const sockaddr*>(&address),
                   sizeof(address)),
              0)
        << path;
    EXPECT_EQ(listen(descriptor_, 1), 0);
  }
  ~Listener() { close(descriptor_); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

 private:
  const int descriptor_;
};

class AdminTargetTest : public ::testing::Test {
 protected:
  AdminTargetTest() {
    mkdir(folder_.Path("pinion").c_str(), S_IRWXU);
    places_.xdg_runtime_dir = folder_.path();
    places_.temporary = folder_.Path("tmp");
    places_.service = folder_.Path("service");
    places_.user = geteuid();
    places_.process = getpid();
  }

  std::string SocketOf(int process) const {
    return folder_.Path(absl::StrCat("pinion/", process, ".admin"));
  }
  absl::Status StatusOf(const std::string& given) const {
    return AdminTarget(given, places_).status();
  }

  const SocketFolder folder_;
  AdminSocketPlaces places_;
};

TEST_F(AdminTargetTest, IsTheOnlyServerThatLives) {
  const Listener server(SocketOf(17));
  { const Listener ended(SocketOf(18)); }
  EXPECT_EQ(AdminTarget("", places_).value(),
            absl::StrCat("unix:", SocketOf(17)));
}

TEST_F(AdminTargetTest, WithoutAServerTheErrorSaysWhereItLookedAndWhatToDo) {
  { const Listener ended(SocketOf(18)); }
  const absl::Status status = StatusOf("");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(
      std::string(status.message()),
      AllOf(HasSubstr(absl::StrCat(folder_.Path("pinion"),
                                   " (no server listens there)")),
            HasSubstr(
                absl::StrCat(places_.service, " (No such file or directory)")),
            HasSubstr("--admin_socket=off"), HasSubstr("--admin=PATH")));
}

TEST_F(AdminTargetTest, OfSeveralServersTheErrorListsEachWithItsProcess) {
  const Listener one(SocketOf(17));
  const Listener other(SocketOf(18));
  const absl::Status status = StatusOf("");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("there are 2 servers: "),
                    HasSubstr(absl::StrCat("process 17 at ", SocketOf(17))),
                    HasSubstr(absl::StrCat("process 18 at ", SocketOf(18))),
                    HasSubstr("--admin=PID")));
  // As that says.
  EXPECT_EQ(AdminTarget("18", places_).value(),
            absl::StrCat("unix:", SocketOf(18)));
  EXPECT_EQ(StatusOf("19").code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(StatusOf("19").message()),
              HasSubstr("no server is process 19. Looked in "));
}

TEST_F(AdminTargetTest, AGivenPathMayBeWrittenAsATarget) {
  const std::string path = folder_.Path("mine");
  const Listener server(path);
  for (const char* prefix : {"", "unix:", "unix://"}) {
    EXPECT_EQ(AdminTarget(absl::StrCat(prefix, path), places_).value(),
              absl::StrCat("unix:", path));
  }
}

TEST_F(AdminTargetTest, AGivenPathWithoutAServerIsTold) {
  const std::string path = folder_.Path("mine");
  EXPECT_EQ(StatusOf(path).message(),
            absl::StrCat("no server listens on ", path,
                         ": No such file or directory"));
  { const Listener ended(path); }
  EXPECT_EQ(
      StatusOf(path).message(),
      absl::StrCat("no server listens on ", path, " any more; it has ended"));
  EXPECT_EQ(StatusOf(path).code(), absl::StatusCode::kUnavailable);
  const std::string file = folder_.Path("file");
  std::ofstream(file) << "text";
  EXPECT_EQ(
      StatusOf(file).message(),
      absl::StrCat(file, " is a plain file, not a server's admin socket"));
  EXPECT_EQ(StatusOf(std::string(200, 'a')).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(AdminTargetTest, AnotherUsersSocketIsRefusedWithWhatToDo) {
  const std::string path = folder_.Path("mine");
  const Listener server(path);
  chmod(path.c_str(), 0);
  const bool is_root = geteuid() == 0;
  // Whom the kernel refuses nothing becomes nobody, within this folder.
  if (is_root) {
    chmod(folder_.path().c_str(), S_IRWXU | S_IXOTH);
    ASSERT_EQ(seteuid(65534), 0);
  }
  const absl::Status status = StatusOf(path);
  if (is_root) {
    ASSERT_EQ(seteuid(0), 0);
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("Permission denied"), HasSubstr("as root")));
}

}  // namespace
}  // namespace pinion::cli
