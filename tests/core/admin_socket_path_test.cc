// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/base/admin_socket_path.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/tests/support/socket_folder.h"

namespace pinion {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::SocketFolder;

// A socket that is bound, and listens while this lives. Its file stays.
class BoundSocket {
 public:
  explicit BoundSocket(const std::string& path)
      : descriptor_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(bind(descriptor_, reinterpret_cast<const sockaddr*>(&address),
                   sizeof(address)),
              0);
    EXPECT_EQ(listen(descriptor_, 1), 0);
  }
  ~BoundSocket() { close(descriptor_); }

 private:
  const int descriptor_;
};

bool Exists(const std::string& path) {
  struct stat found;
  return lstat(path.c_str(), &found) == 0;
}

class AdminSocketPathTest : public ::testing::Test {
 protected:
  AdminSocketPathTest() {
    places_.temporary = root_.path();
    places_.service = root_.Path("service");
    places_.user = geteuid();
    places_.process = 4242;
  }

  std::string Temporary() const {
    return root_.Path(absl::StrCat("pinion-", geteuid()));
  }

  const SocketFolder root_;
  AdminSocketPlaces places_;
};

TEST_F(AdminSocketPathTest, TheServicesFolderComesFirstThenTheUsersThenTmp) {
  places_.runtime_directory = root_.Path("runtime");
  places_.xdg_runtime_dir = root_.path();
  EXPECT_THAT(
      AdminSocketFolders(places_),
      ElementsAre(root_.Path("runtime"), root_.Path("pinion"), Temporary()));
  EXPECT_THAT(FoldersWithAdminSockets(places_),
              ElementsAre(root_.Path("runtime"), root_.Path("pinion"),
                          Temporary(), root_.Path("service")));
  EXPECT_EQ(*MakeAdminSocketPath(places_), root_.Path("runtime/4242.admin"));
  places_.runtime_directory.clear();
  EXPECT_EQ(*MakeAdminSocketPath(places_), root_.Path("pinion/4242.admin"));
  places_.xdg_runtime_dir.clear();
  EXPECT_EQ(*MakeAdminSocketPath(places_),
            absl::StrCat(Temporary(), "/4242.admin"));
}

TEST_F(AdminSocketPathTest, NoFolderIsLookedAtTwice) {
  places_.runtime_directory = places_.service;
  EXPECT_THAT(FoldersWithAdminSockets(places_),
              ElementsAre(places_.service, Temporary()));
}

TEST_F(AdminSocketPathTest, AMissingFolderIsMadeForUsAlone) {
  ASSERT_TRUE(MakeAdminSocketPath(places_).ok());
  struct stat found;
  ASSERT_EQ(stat(Temporary().c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0700u);
}

TEST_F(AdminSocketPathTest, AFolderThatCannotBeMadeIsPassedOver) {
  places_.xdg_runtime_dir = root_.Path("missing");
  EXPECT_EQ(*MakeAdminSocketPath(places_),
            absl::StrCat(Temporary(), "/4242.admin"));
}

TEST_F(AdminSocketPathTest, AFolderThatWeMayNotWriteInIsPassedOver) {
  places_.runtime_directory = root_.Path("runtime");
  const bool is_root = geteuid() == 0;
  // Whom the kernel refuses nothing becomes nobody.
  if (is_root) {
    ASSERT_EQ(chmod(root_.path().c_str(), 0777), 0);
    places_.user = 65534;
    ASSERT_EQ(seteuid(places_.user), 0);
  }
  EXPECT_EQ(mkdir(places_.runtime_directory.c_str(), 0500), 0);
  const auto path = MakeAdminSocketPath(places_);
  places_.temporary = root_.Path("none");
  const absl::Status none = MakeAdminSocketPath(places_).status();
  if (is_root) {
    ASSERT_EQ(seteuid(0), 0);
  }
  EXPECT_EQ(*path,
            root_.Path(absl::StrCat("pinion-", places_.user, "/4242.admin")));
  EXPECT_THAT(std::string(none.message()),
              HasSubstr("runtime: we may not write in it: Permission denied"));
}

TEST_F(AdminSocketPathTest, ALinkInTmpIsNotFollowed) {
  const std::string other = root_.Path("other");
  ASSERT_EQ(mkdir(other.c_str(), 0700), 0);
  ASSERT_EQ(symlink(other.c_str(), Temporary().c_str()), 0);
  const absl::Status status = MakeAdminSocketPath(places_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("is a symbolic link"));
  const BoundSocket socket(absl::StrCat(other, "/1.admin"));
  EXPECT_THAT(LiveAdminSockets(places_), IsEmpty());
}

TEST_F(AdminSocketPathTest, AFolderThatOthersMayWriteInIsNotUsed) {
  ASSERT_EQ(mkdir(Temporary().c_str(), 0700), 0);
  ASSERT_EQ(chmod(Temporary().c_str(), 0777), 0);
  EXPECT_THAT(std::string(MakeAdminSocketPath(places_).status().message()),
              HasSubstr("others may write in it"));
  const BoundSocket socket(absl::StrCat(Temporary(), "/1.admin"));
  EXPECT_THAT(LiveAdminSockets(places_), IsEmpty());
}

TEST_F(AdminSocketPathTest, AFolderOfAnotherUserIsNotUsed) {
  // Ours, from the view of another user, whose folder's name it has.
  places_.user = geteuid() + 1;
  const std::string folder = root_.Path(absl::StrCat("pinion-", places_.user));
  ASSERT_EQ(mkdir(folder.c_str(), 0755), 0);
  const BoundSocket socket(absl::StrCat(folder, "/1.admin"));
  EXPECT_THAT(std::string(MakeAdminSocketPath(places_).status().message()),
              HasSubstr(absl::StrCat("belongs to the user ", geteuid())));
  EXPECT_THAT(LiveAdminSockets(places_), IsEmpty());
}

TEST_F(AdminSocketPathTest, AFileInPlaceOfTheFolderIsSaid) {
  std::ofstream(Temporary()) << "no folder";
  EXPECT_THAT(std::string(MakeAdminSocketPath(places_).status().message()),
              HasSubstr("is a plain file"));
}

TEST_F(AdminSocketPathTest, APathThatNoSocketCanHaveIsSaid) {
  places_.temporary = root_.Path(std::string(100, 'x'));
  ASSERT_EQ(mkdir(places_.temporary.c_str(), 0700), 0);
  EXPECT_THAT(std::string(MakeAdminSocketPath(places_).status().message()),
              HasSubstr("is too long a path"));
  EXPECT_TRUE(CheckAdminSocketPath(std::string(107, 'x')).ok());
  EXPECT_FALSE(CheckAdminSocketPath(std::string(108, 'x')).ok());
  EXPECT_FALSE(CheckAdminSocketPath("").ok());
}

TEST_F(AdminSocketPathTest, StaleSocketsAreRemovedAndNothingElse) {
  ASSERT_EQ(mkdir(Temporary().c_str(), 0700), 0);
  const auto in_it = [&](absl::string_view name) {
    return absl::StrCat(Temporary(), "/", name);
  };
  { const BoundSocket dead(in_it("7.admin")); }
  { const BoundSocket not_an_admins(in_it("7.sock")); }
  { const BoundSocket no_process(in_it("07.admin")); }
  std::ofstream(in_it("8.admin")) << "no socket";
  const BoundSocket live(in_it("9.admin"));
  ASSERT_TRUE(MakeAdminSocketPath(places_).ok());
  EXPECT_FALSE(Exists(in_it("7.admin")));
  EXPECT_TRUE(Exists(in_it("7.sock")));
  EXPECT_TRUE(Exists(in_it("07.admin")));
  EXPECT_TRUE(Exists(in_it("8.admin")));
  EXPECT_TRUE(Exists(in_it("9.admin")));
}

TEST_F(AdminSocketPathTest, OnlyLiveSocketsAreListedByProcess) {
  ASSERT_EQ(mkdir(Temporary().c_str(), 0700), 0);
  ASSERT_EQ(mkdir(places_.service.c_str(), 0755), 0);
  const std::string second = absl::StrCat(Temporary(), "/20.admin");
  const std::string first = absl::StrCat(places_.service, "/3.admin");
  const BoundSocket live_second(second);
  const BoundSocket live_first(first);
  { const BoundSocket dead(absl::StrCat(Temporary(), "/5.admin")); }
  std::vector<std::string> paths;
  std::vector<pid_t> processes;
  for (const LiveAdminSocket& socket : LiveAdminSockets(places_)) {
    paths.push_back(socket.path);
    processes.push_back(socket.process);
  }
  EXPECT_THAT(paths, ElementsAre(first, second));
  EXPECT_THAT(processes, ElementsAre(3, 20));
}

TEST_F(AdminSocketPathTest, ASocketThatManyWaitForLives) {
  ASSERT_EQ(mkdir(Temporary().c_str(), 0700), 0);
  const BoundSocket socket(absl::StrCat(Temporary(), "/3.admin"));
  // More than its backlog, and nobody accepts.
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(LiveAdminSockets(places_).size(), 1u) << i;
  }
}

TEST(AdminSocketPlacesTest, TheyAreOfTheEnvironment) {
  setenv("RUNTIME_DIRECTORY", "/run/one:/run/two", 1);
  setenv("XDG_RUNTIME_DIR", "/run/user/5", 1);
  AdminSocketPlaces places = AdminSocketPlaces::Ours();
  EXPECT_EQ(places.runtime_directory, "/run/one");
  EXPECT_EQ(places.xdg_runtime_dir, "/run/user/5");
  EXPECT_EQ(places.temporary, "/tmp");
  EXPECT_EQ(places.service, "/run/pinion");
  EXPECT_EQ(places.user, geteuid());
  EXPECT_EQ(places.process, getpid());
  unsetenv("RUNTIME_DIRECTORY");
  unsetenv("XDG_RUNTIME_DIR");
  places = AdminSocketPlaces::Ours();
  EXPECT_EQ(places.runtime_directory, "");
  EXPECT_EQ(places.xdg_runtime_dir, "");
}

}  // namespace
}  // namespace pinion
