// SPDX-License-Identifier: Apache-2.0
//
// A server that is killed under load, and comes back.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "pinion/client/client.h"
#include "pinion/client/kv_methods.h"
#include "pinion/tests/support/sanitized.h"

namespace pinion {
namespace {

using ::pinion::testing::kTimesSlower;

std::string recording_server;  // Its path.

// The recording server in a process of its own.
class Process {
 public:
  Process(const std::string& port, const std::string& file) {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      dup2(ends[1], STDOUT_FILENO);
      execl(recording_server.c_str(), recording_server.c_str(), port.c_str(),
            file.c_str(), nullptr);
      _exit(1);
    }
    close(ends[1]);
    char c;
    while (read(ends[0], &c, 1) == 1 && c != '\n') address_ += c;
    close(ends[0]);
    EXPECT_FALSE(address_.empty()) << "the server has not started";
  }
  ~Process() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  const std::string& address() const { return address_; }
  std::string port() const { return address_.substr(address_.rfind(':') + 1); }

 private:
  pid_t pid_;
  std::string address_;
};

// How one call ended.
struct End {
  std::atomic<int> answers{0};
  absl::Status status;
};

// Starts calls, so many of them open at a time.
class Load {
 public:
  Load(Client& client, int calls, int in_flight)
      : client_(client), ends_(calls) {
    for (int i = 0; i < in_flight; ++i) Next();
  }
  ~Load() { AwaitAnswered(static_cast<int>(ends_.size())); }

  void AwaitAnswered(int calls) {
    while (answered_.load() < calls) std::this_thread::yield();
  }
  const std::vector<End>& ends() const { return ends_; }

  static std::string KeyOf(int call) { return absl::StrCat("call", call); }

 private:
  void Next() {
    const int call = next_++;
    if (call >= static_cast<int>(ends_.size())) return;
    kv::v1::IncrementRequest request;
    request.set_key(KeyOf(call));
    request.set_by(call);
    client_.Start(kv::kIncrement, request, {},
                  [this, call](absl::StatusOr<kv::v1::IncrementResponse> got) {
                    End& end = ends_[call];
                    end.status = got.status();
                    if (got.ok() && got->value() != call) {
                      end.status = absl::DataLossError("another's answer");
                    }
                    ++end.answers;
                    Next();
                    ++answered_;
                  });
  }

  Client& client_;
  std::vector<End> ends_;
  std::atomic<int> next_{0};
  std::atomic<int> answered_{0};
};

// How often each key is in the record.
std::map<std::string, int> ReadRecord(const std::string& file) {
  std::map<std::string, int> times;
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) ++times[line];
  return times;
}

TEST(KillTest, LeavesNoCallWithoutAnAnswerAndNoneThatRanUnsaid) {
  constexpr int kCalls = 100'000 / kTimesSlower;
  constexpr int kInFlight = 500;
  const std::string file =
      absl::StrCat(std::getenv("TEST_TMPDIR"), "/record.", getpid());
  auto server = std::make_unique<Process>("0", file);
  const std::string port = server->port();
  const auto client = Client::Connect(
      server->address(), {.sessions = 2, .connect_timeout = absl::Minutes(1)});
  Load load(*client, kCalls, kInFlight);
  for (int kills = 1; kills <= 3; ++kills) {
    load.AwaitAnswered(kCalls / 5 * kills);
    server = nullptr;
    server = std::make_unique<Process>(port, file);
  }
  load.AwaitAnswered(kCalls);

  const std::map<std::string, int> ran = ReadRecord(file);
  int maybe = 0;
  for (int i = 0; i < kCalls; ++i) {
    const End& end = load.ends()[i];
    ASSERT_EQ(end.answers, 1) << i;
    const auto found = ran.find(Load::KeyOf(i));
    const int times = found == ran.end() ? 0 : found->second;
    if (end.status.ok()) {
      ASSERT_EQ(times, 1) << i;
    } else if (NotExecuted(end.status)) {
      ASSERT_EQ(times, 0) << i << ": " << end.status;
    } else {
      ASSERT_EQ(end.status.code(), absl::StatusCode::kUnavailable)
          << end.status;
      ASSERT_LE(times, 1) << i;
      ++maybe;
    }
  }
  std::printf("%d calls, of which %d say that they may have run\n", kCalls,
              maybe);
  EXPECT_GT(maybe, 0) << "no call was open when the server was killed";
  std::remove(file.c_str());
}

}  // namespace
}  // namespace pinion

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (argc != 2) {
    std::fputs("usage: kill_test RECORDING_SERVER\n", stderr);
    return 2;
  }
  pinion::recording_server = argv[1];
  return RUN_ALL_TESTS();
}
