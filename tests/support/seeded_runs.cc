// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/support/seeded_runs.h"

#include <signal.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <random>

// Of a sanitizer's runtime, if the program has one.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(
    void (*callback)());

namespace pinion::testing {
namespace {

// About the run under way, for one who may do nothing but write.
char last_words[128];
int last_words_size = 0;

void SayLastWords() {
  [[maybe_unused]] const ssize_t written =
      write(STDOUT_FILENO, last_words, last_words_size);
}

void SayLastWordsOf(int signal) {
  SayLastWords();
  raise(signal);  // Its default, since the handler is for once.
}

// A check that fails aborts; what hangs gets a SIGTERM; and a sanitizer has its
// own handlers for the rest.
void SayLastWordsAtTheEnd() {
  struct sigaction action = {};
  action.sa_handler = SayLastWordsOf;
  action.sa_flags = SA_RESETHAND;
  sigaction(SIGABRT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  if (__sanitizer_set_death_callback != nullptr) {
    __sanitizer_set_death_callback(SayLastWords);
  } else {
    sigaction(SIGSEGV, &action, nullptr);
  }
}

uint64_t Choose() {
  const char* given = std::getenv("PINION_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10)
                          : std::random_device()();
}

}  // namespace

SeededRuns::SeededRuns(const SeededRunsOptions& options)
    : replays_(std::getenv("PINION_SEED") != nullptr),
      max_runs_(replays_ ? 1 : options.max_runs),
      first_(Choose()),
      end_(std::chrono::steady_clock::now() + options.time) {
  SayLastWordsAtTheEnd();
}

SeededRuns::~SeededRuns() {
  std::printf("%d runs were made\n", made_);
  std::fflush(stdout);
  SayLastWords();
  last_words_size = 0;
}

bool SeededRuns::Next() {
  if (made_ == max_runs_) return false;
  if (made_ > 0 && std::chrono::steady_clock::now() >= end_) return false;
  ++made_;
  last_words_size = std::snprintf(last_words, sizeof(last_words),
                                  "the last run's seed is %" PRIu64
                                  "; PINION_SEED=%" PRIu64 " has it again\n",
                                  seed(), seed());
  return true;
}

}  // namespace pinion::testing
