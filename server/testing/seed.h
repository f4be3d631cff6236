// SPDX-License-Identifier: Apache-2.0
//
// Seed: the number from which a test draws its choices. It is printed, so that
//       you can repeat a failed run.
//
// Threads: one thread makes it; any thread may read its value.
// Example: const Seed seed;                      // prints it
//          scheduler->RunUntilIdle(seed.value());
//          bazel test --test_env=PINION_SEED=17 ...
#ifndef PINION_SERVER_TESTING_SEED_H_
#define PINION_SERVER_TESTING_SEED_H_

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>

namespace pinion::testing {

class Seed {
 public:
  Seed() : value_(Choose()) {
    std::printf("the seed is %" PRIu64 "; PINION_SEED=%" PRIu64
                " has it again\n",
                value_, value_);
    std::fflush(stdout);  // Even if the test hangs or crashes later.
  }

  uint64_t value() const { return value_; }

 private:
  static uint64_t Choose() {
    const char* given = std::getenv("PINION_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 10)
                            : std::random_device()();
  }

  const uint64_t value_;
};

}  // namespace pinion::testing

#endif  // PINION_SERVER_TESTING_SEED_H_
