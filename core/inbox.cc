// SPDX-License-Identifier: Apache-2.0
#include "core/inbox.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bit>

namespace pinion {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the futex looks at the low half of the word, by its address");

long Futex(std::atomic<uintptr_t>* word, int operation, uint32_t value) {
  return syscall(SYS_futex, reinterpret_cast<uint32_t*>(word), operation, value,
                 nullptr, nullptr, 0);
}

}  // namespace

void Inbox::Sleep() {
  // The kernel compares once more before it sleeps, so a push just now is not
  // missed; and it may wake without a reason.
  while (word_.load(std::memory_order_relaxed) == kAsleep) {
    Futex(&word_, FUTEX_WAIT_PRIVATE, static_cast<uint32_t>(kAsleep));
  }
}

void Inbox::WakeOwner() { Futex(&word_, FUTEX_WAKE_PRIVATE, 1); }

}  // namespace pinion
