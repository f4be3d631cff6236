// SPDX-License-Identifier: Apache-2.0
//
// `pinion top` on a terminal, which the test has the other end of.
#include "pinion/client/cli/top_command.h"

#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "pinion/admin/v1/admin.pb.h"
#include "pinion/client/cli/admin_methods.h"
#include "pinion/tests/client/cli/fake_admin.h"
#include "pinion/tests/support/socket_folder.h"

namespace pinion::cli {
namespace {

using testing::FakeAdmin;
using testing::SocketFolder;

constexpr char kEnter[] = "\x1b[?1049h";
constexpr char kLeave[] = "\x1b[?1049l";

// A program with a terminal of its own.
class OnTerminal {
 public:
  OnTerminal(std::vector<std::string> words, unsigned short columns) {
    winsize size = {};
    size.ws_col = columns;
    size.ws_row = 24;
    int program_end = -1;
    EXPECT_EQ(openpty(&ours_, &program_end, nullptr, nullptr, &size), 0);
    fcntl(ours_, F_SETFD, FD_CLOEXEC);
    // Kept, so that the terminal outlives the program.
    theirs_ = fcntl(program_end, F_DUPFD_CLOEXEC, 3);
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    char term[] = "TERM=xterm";
    char zone[] = "TZ=UTC";
    char* envp[] = {term, zone, nullptr};
    const pid_t parent = getpid();
    pid_ = fork();
    if (pid_ == 0) {  // Only system calls: the test has threads.
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != parent) _exit(1);
      setsid();
      ioctl(program_end, TIOCSCTTY, 0);
      for (const int descriptor : {0, 1, 2}) dup2(program_end, descriptor);
      execve(argv[0], argv.data(), envp);
      _exit(127);
    }
    close(program_end);
  }
  ~OnTerminal() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    close(ours_);
    close(theirs_);
  }
  OnTerminal(const OnTerminal&) = delete;
  OnTerminal& operator=(const OnTerminal&) = delete;

  // Reads until `text` comes, and forgets all up to its end.
  void Await(const std::string& text) {
    size_t at;
    while ((at = shown_.find(text)) == std::string::npos) {
      char bytes[4096];
      const ssize_t got = read(ours_, bytes, sizeof(bytes));
      if (got <= 0) {
        ADD_FAILURE() << "\"" << text << "\" did not come, but: " << shown_;
        return;
      }
      shown_.append(bytes, static_cast<size_t>(got));
    }
    shown_.erase(0, at + text.size());
  }

  void Type(const std::string& keys) {
    EXPECT_EQ(write(ours_, keys.data(), keys.size()),
              static_cast<ssize_t>(keys.size()));
  }
  void Resize(unsigned short columns) {
    winsize size = {};
    size.ws_col = columns;
    size.ws_row = 24;
    EXPECT_EQ(ioctl(ours_, TIOCSWINSZ, &size), 0);
  }
  void Signal(int signal) { kill(pid_, signal); }
  void AwaitStopped() {
    int status = 0;
    EXPECT_EQ(waitpid(pid_, &status, WUNTRACED), pid_);
    EXPECT_TRUE(WIFSTOPPED(status)) << status;
  }

  // As waitpid() has it, once the alternate screen is left.
  int AwaitEnd() {
    Await(kLeave);
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
  }

  // Whether keys are shown and come by lines, as a shell needs it.
  bool IsAsBefore() const {
    termios now;
    EXPECT_EQ(tcgetattr(theirs_, &now), 0);
    return (now.c_lflag & ICANON) != 0 && (now.c_lflag & ECHO) != 0;
  }

 private:
  int ours_ = -1;
  int theirs_ = -1;
  pid_t pid_ = -1;
  std::string shown_;
};

class TopCommandTest : public ::testing::Test {
 protected:
  TopCommandTest() { StartServer("0.1.0"); }

  void StartServer(const std::string& version) {
    server_.emplace(path_);
    admin::v1::GetInfoResponse info;
    info.set_program("shop-server");
    info.set_version(version);
    server_->Answer(admin::kGetInfo, info);
    admin::v1::GetStateResponse state;
    state.set_serving(true);
    auto& worker = *state.add_workers();
    worker.set_stalled(true);
    worker.mutable_running()->set_method("/shop.v1.CartService/Add");
    worker.mutable_running()->mutable_key()->set_key("a\x1b[2Jb");
    state.add_methods()->set_method("/shop.v1.CartService/Add");
    server_->Answer(admin::kGetState, state);
  }

  std::vector<std::string> Words() const {
    return {"client/pinion", "top", absl::StrCat("--admin=", path_),
            "--interval=100ms"};
  }

  const SocketFolder folder_;
  const std::string path_ = folder_.Path("1.admin");
  std::optional<FakeAdmin> server_;
};

TEST_F(TopCommandTest, ShowsAPageUntilQRestoresTheTerminal) {
  OnTerminal top(Words(), 80);
  top.Await(kEnter);
  top.Await("shop-server 0.1.0");
  top.Await("worker 0 is STALLED");
  top.Await(R"(STALLED /shop.v1.CartService/Add a\x1b[2Jb)");
  top.Await("RAN p50");
  EXPECT_FALSE(top.IsAsBefore());
  top.Type("q");
  const int status = top.AwaitEnd();
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_TRUE(top.IsAsBefore());
}

TEST_F(TopCommandTest, CtrlCRestoresTheTerminal) {
  OnTerminal top(Words(), 80);
  top.Await("shop-server");
  top.Type("\x03");
  const int status = top.AwaitEnd();
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_TRUE(top.IsAsBefore());
}

TEST_F(TopCommandTest, ASignalRestoresTheTerminal) {
  for (const int signal : {SIGTERM, SIGHUP, SIGQUIT}) {
    OnTerminal top(Words(), 80);
    top.Await("shop-server");
    top.Signal(signal);
    const int status = top.AwaitEnd();
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 128 + signal);
    EXPECT_TRUE(top.IsAsBefore());
  }
}

TEST_F(TopCommandTest, ACrashRestoresTheTerminal) {
  OnTerminal top(Words(), 80);
  top.Await("shop-server");
  top.Signal(SIGABRT);
  EXPECT_TRUE(WIFSIGNALED(top.AwaitEnd()));
  EXPECT_TRUE(top.IsAsBefore());
}

TEST_F(TopCommandTest, AStopGivesTheTerminalBackUntilItGoesOn) {
  OnTerminal top(Words(), 80);
  top.Await("shop-server");
  top.Type("\x1a");  // Ctrl-Z
  top.Await(kLeave);
  top.AwaitStopped();  // What lets it go on before would be lost.
  top.Signal(SIGCONT);
  top.Await(kEnter);
  top.Await("shop-server");
  top.Type("q");
  EXPECT_EQ(top.AwaitEnd(), 0);
}

TEST_F(TopCommandTest, IsDrawnAnewWhenTheWindowChanges) {
  OnTerminal top(Words(), 80);
  top.Await("RAN p50");
  top.Resize(60);
  top.Await("WAITED p99");  // Without the medians.
  top.Resize(100);
  top.Await("RAN p50");
  top.Type("q");
  EXPECT_EQ(top.AwaitEnd(), 0);
}

TEST_F(TopCommandTest, SaysThatTheServerIsGoneAndFindsItAgain) {
  OnTerminal top(Words(), 80);
  top.Await("shop-server 0.1.0");
  server_.reset();
  top.Await("NO ANSWER, so this is old: ");
  StartServer("0.2.0");
  top.Await("shop-server 0.2.0");
  top.Type("q");
  EXPECT_EQ(top.AwaitEnd(), 0);
  EXPECT_TRUE(top.IsAsBefore());
}

}  // namespace
}  // namespace pinion::cli
