// SPDX-License-Identifier: Apache-2.0
//
// Progress: one line on standard error that says what is being measured. Only
// where that is a terminal.
//
// Threads: the owner's alone.
// Example: Progress progress; progress.Show("round 2 of 7: sync");
#ifndef PINION_TESTS_BENCH_SUPPORT_PROGRESS_H_
#define PINION_TESTS_BENCH_SUPPORT_PROGRESS_H_

#include <unistd.h>

#include <cstdio>
#include <string>

#include "absl/strings/string_view.h"

namespace pinion::bench {

class Progress {
 public:
  Progress() : terminal_(isatty(STDERR_FILENO)) {}
  ~Progress() { Show(""); }  // Leaves an empty line.
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // In the place of what was shown before.
  void Show(absl::string_view text) {
    if (!terminal_) return;
    std::fprintf(stderr, "\r\x1b[K%s", std::string(text).c_str());
    std::fflush(stderr);
  }

 private:
  const bool terminal_;
};

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_SUPPORT_PROGRESS_H_
