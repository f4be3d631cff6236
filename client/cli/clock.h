// SPDX-License-Identifier: Apache-2.0
//
// Clock: the time by which a load is measured; a test has one of its own.
//
// Threads: any thread.
// Example: SteadyClock clock; clock.SleepUntil(clock.Now() + 1'000'000);
#ifndef PINION_CLIENT_CLI_CLOCK_H_
#define PINION_CLIENT_CLI_CLOCK_H_

#include <cerrno>
#include <cstdint>
#include <ctime>

namespace pinion::cli {

class Clock {
 public:
  virtual ~Clock() = default;

  // Nanoseconds since an unspecified time in the past; never goes back.
  virtual int64_t Now() = 0;

  // Returns at once if that time has passed.
  virtual void SleepUntil(int64_t nanos) = 0;
};

// The machine's clock.
class SteadyClock final : public Clock {
 public:
  int64_t Now() override {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return int64_t{now.tv_sec} * kSecond + now.tv_nsec;
  }

  void SleepUntil(int64_t nanos) override {
    const timespec until = {.tv_sec = nanos / kSecond,
                            .tv_nsec = nanos % kSecond};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) ==
           EINTR) {
    }
  }

 private:
  static constexpr int64_t kSecond = 1'000'000'000;
};

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_CLOCK_H_
