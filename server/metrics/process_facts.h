// SPDX-License-Identifier: Apache-2.0
//
// ProcessFacts: what the kernel says of this process.
//
// Threads: plain data; any thread may read them.
// Cost:    a few files of /proc, some 100 us.
// Example: const ProcessFacts facts = ReadProcessFacts();
#ifndef PINION_SERVER_METRICS_PROCESS_FACTS_H_
#define PINION_SERVER_METRICS_PROCESS_FACTS_H_

#include <cstdint>
#include <string>

namespace pinion {

// A number that cannot be read is 0.
struct ProcessFacts {
  double start_seconds = 0;  // Since 1970.
  double cpu_seconds = 0;    // Of all threads, user and system.
  int64_t resident_bytes = 0;
  int64_t virtual_bytes = 0;
  int64_t threads = 0;
  int64_t open_files = 0;
  int64_t max_files = 0;
};

// `proc` and `self` are folders: those of the machine, and of this process.
ProcessFacts ReadProcessFacts(const std::string& proc = "/proc",
                              const std::string& self = "/proc/self");

}  // namespace pinion

#endif  // PINION_SERVER_METRICS_PROCESS_FACTS_H_
