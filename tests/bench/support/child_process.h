// SPDX-License-Identifier: Apache-2.0
//
// ChildProcess: this program once more, as a server in a process of its own, so
// that what it costs can be told from what its client costs.
//
// Threads: the owner's alone; started before the program has a second thread.
// Life:    the child is killed with its owner, or when this process dies.
// Example: int main(int argc, char** argv) {
//            if (auto role = ChildRole(argc, argv))
//            ServeAt(StartServer(*role)); auto child =
//            ChildProcess::Start("sync"); Call((*child)->address());
#ifndef PINION_TESTS_BENCH_SUPPORT_CHILD_PROCESS_H_
#define PINION_TESTS_BENCH_SUPPORT_CHILD_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace pinion::bench {

class ChildProcess {
 public:
  // Starts this program in the role, and returns when it says where it listens.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(
      absl::string_view role);

  ~ChildProcess();  // Kills it.
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  const std::string& role() const { return role_; }
  const std::string& address() const { return address_; }

  // User and system CPU time that it has used so far, precise to nanoseconds.
  absl::Duration CpuTime() const;

  // The memory that it has now.
  int64_t ResidentBytes() const;

 private:
  ChildProcess(std::string role, pid_t pid)
      : role_(std::move(role)), pid_(pid) {}

  const std::string role_;
  const pid_t pid_;
  std::string address_;
};

// User and system CPU time that this process has used so far.
absl::Duration OwnCpuTime();

// The role this process was started in, if it is a child. To be asked first of
// all in main().
std::optional<std::string> ChildRole(int argc, char** argv);

// In a child: tells the parent where it serves, and waits to be killed.
[[noreturn]] void ServeAt(absl::string_view address);

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_SUPPORT_CHILD_PROCESS_H_
