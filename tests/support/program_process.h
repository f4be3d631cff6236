// SPDX-License-Identifier: Apache-2.0
//
// ProgramProcess: a program of ours as systemd starts it: with an environment
// of its own, and with sockets handed over.
//
// Threads: one at a time.
// Life:    it is killed at the end, and when this process dies.
// Example: ProgramProcess server({.program = "server/pinion-server",
//                                 .arguments = {"--listen=systemd"},
//                                 .sockets = {listener}});
//          const std::string line = server.NextLine();
//          server.Signal(SIGTERM);
//          EXPECT_EQ(server.AwaitExit(), 0);
#ifndef PINION_TESTS_SUPPORT_PROGRAM_PROCESS_H_
#define PINION_TESTS_SUPPORT_PROGRAM_PROCESS_H_

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"

namespace pinion::testing {

struct ProgramOptions {
  std::string program;  // Its path in the runfiles.
  std::vector<std::string> arguments = {};
  // Beside that of the test: "NAME=VALUE".
  std::vector<std::string> environment = {};
  // Handed over from descriptor 3 on, with LISTEN_FDS and LISTEN_PID, if there
  // are any; and their names.
  std::vector<int> sockets = {};
  std::string socket_names = "grpc";
};

class ProgramProcess {
 public:
  // Both of its outputs come by NextLine().
  explicit ProgramProcess(const ProgramOptions& options) {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    output_ = ends[0];
    std::vector<std::string> words = {options.program};
    for (const std::string& argument : options.arguments) {
      words.push_back(argument);
    }
    std::vector<std::string> variables = options.environment;
    for (char** variable = environ; *variable != nullptr; ++variable) {
      variables.emplace_back(*variable);
    }
    if (!options.sockets.empty()) {
      variables.push_back(absl::StrCat("LISTEN_FDS=", options.sockets.size()));
      variables.push_back("LISTEN_FDNAMES=" + options.socket_names);
    }
    // The number is known in the child only, which may not allocate.
    variables.push_back("LISTEN_PID=0000000000");
    std::vector<char*> argv = Pointers(words);
    std::vector<char*> envp = Pointers(variables);
    const std::vector<int> sockets = Above(options.sockets);
    const pid_t parent = getpid();
    pid_ = fork();
    if (pid_ == 0) {
      Become(argv, envp, sockets, ends[1], parent);
    }
    EXPECT_GT(pid_, 0);
    close(ends[1]);
    for (const int descriptor : sockets) close(descriptor);
  }
  ~ProgramProcess() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    close(output_);
  }
  ProgramProcess(const ProgramProcess&) = delete;
  ProgramProcess& operator=(const ProgramProcess&) = delete;

  pid_t pid() const { return pid_; }

  // The next line that it prints; what there is of it if its output ends.
  std::string NextLine() {
    std::string line;
    char c;
    while (read(output_, &c, 1) == 1 && c != '\n') line += c;
    return line;
  }

  // Reads on until a line has `text`; that line. Fails if there is none.
  std::string AwaitLine(const std::string& text) {
    std::vector<std::string> others;
    for (;;) {
      std::string line = NextLine();
      if (line.find(text) != std::string::npos) return line;
      if (line.empty()) {
        ADD_FAILURE() << "it did not print \"" << text
                      << "\", but: " << absl::StrJoin(others, "\n");
        return "";
      }
      others.push_back(std::move(line));
    }
  }

  void Signal(int signal) { kill(pid_, signal); }

  // Its exit code; -1 if a signal ended it.
  int AwaitExit() {
    int status = 0;
    waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  static std::vector<char*> Pointers(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (std::string& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
  }

  // Copies that lie where none of them is in the way of another.
  static std::vector<int> Above(const std::vector<int>& descriptors) {
    std::vector<int> copies;
    for (const int descriptor : descriptors) {
      copies.push_back(fcntl(descriptor, F_DUPFD_CLOEXEC, 100));
    }
    return copies;
  }

  // In the child: the test may have threads, so only system calls.
  [[noreturn]] static void Become(const std::vector<char*>& argv,
                                  std::vector<char*>& envp,
                                  const std::vector<int>& sockets, int output,
                                  pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);  // It died before the line above.
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    for (size_t i = 0; i < sockets.size(); ++i) {
      dup2(sockets[i], STDERR_FILENO + 1 + static_cast<int>(i));
    }
    // LISTEN_PID is the last one.
    char* digit = envp[envp.size() - 2];
    while (*digit != '\0') ++digit;
    for (pid_t pid = getpid(); pid > 0; pid /= 10) {
      *--digit = static_cast<char>('0' + pid % 10);
    }
    execve(argv[0], argv.data(), envp.data());
    _exit(127);
  }

  int output_ = -1;
  pid_t pid_ = -1;
};

}  // namespace pinion::testing

#endif  // PINION_TESTS_SUPPORT_PROGRAM_PROCESS_H_
