// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/inbox.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <bit>
#include <cerrno>

#include "pinion/core/base/interleaving.h"

namespace pinion {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the futex looks at the low half of the word, by its address");

// `until` is on CLOCK_MONOTONIC; null: for ever. Returns whether it has passed.
bool FutexWait(std::atomic<uintptr_t>* word, uint32_t value,
               const timespec* until) {
  const long result = syscall(SYS_futex, reinterpret_cast<uint32_t*>(word),
                              FUTEX_WAIT_BITSET_PRIVATE, value, until, nullptr,
                              FUTEX_BITSET_MATCH_ANY);
  return result == -1 && errno == ETIMEDOUT;
}

}  // namespace

void Inbox::Sleep(std::optional<Moment> until) {
  timespec end = {};
  if (until.has_value()) {
    constexpr uint64_t kSecond = 1'000'000'000;
    end.tv_sec = static_cast<time_t>(until->nanos() / kSecond);
    end.tv_nsec = static_cast<long>(until->nanos() % kSecond);
  }
  // The kernel compares once more before it sleeps, so a push just now is not
  // missed; and it may wake without a reason.
  while (word_.load(std::memory_order_relaxed) == kAsleep) {
    PINION_POINT(kSleeping);
    if (FutexWait(&word_, static_cast<uint32_t>(kAsleep),
                  until.has_value() ? &end : nullptr)) {
      return;
    }
  }
}

void Inbox::WakeOwner() {
  PINION_POINT(kWaking);
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word_), FUTEX_WAKE_PRIVATE, 1,
          nullptr, nullptr, 0);
}

}  // namespace pinion
