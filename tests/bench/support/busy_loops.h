// SPDX-License-Identifier: Apache-2.0
//
// BusyLoops: processes that take what they get of certain CPUs, as a machine's
// other work does.
//
// Threads: the owner's alone; started before the program has a second thread.
// Life:    they are killed with their owner, or when this process dies.
// Example: auto loops = BusyLoops::Start({0, 0});  // Two, both on CPU 0.
#ifndef PINION_TESTS_BENCH_SUPPORT_BUSY_LOOPS_H_
#define PINION_TESTS_BENCH_SUPPORT_BUSY_LOOPS_H_

#include <sys/types.h>

#include <memory>
#include <vector>

#include "absl/status/statusor.h"

namespace pinion::bench {

class BusyLoops {
 public:
  // One for each entry, pinned to that CPU.
  static absl::StatusOr<std::unique_ptr<BusyLoops>> Start(
      const std::vector<int>& cpus);

  ~BusyLoops();  // Kills them.
  BusyLoops(const BusyLoops&) = delete;
  BusyLoops& operator=(const BusyLoops&) = delete;

 private:
  BusyLoops() = default;

  std::vector<pid_t> loops_;
};

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_SUPPORT_BUSY_LOOPS_H_
