// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/echo/asked_work.h"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace pinion::echo {
namespace {

// As echo.proto says.
constexpr uint32_t kMaxMicros = 60'000'000;

// A block looks this often whether it is still wanted: a worker that nobody
// waits for is soon free again, and 200 looks a second cost next to nothing.
constexpr std::chrono::milliseconds kBetweenLooks(5);

int64_t ThreadCpuNanos() {
  timespec spent;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return absl::ToInt64Nanoseconds(absl::DurationFromTimespec(spent));
}

// Both return whether they were wanted to the end. A plain echo asks for
// nothing and must not pay for a clock: that of the thread is a system call.
bool Spin(uint32_t micros, absl::FunctionRef<bool()> cancelled) {
  if (micros == 0) return true;
  const int64_t end = ThreadCpuNanos() + int64_t{micros} * 1000;
  while (ThreadCpuNanos() < end) {
    if (cancelled()) return false;
  }
  return true;
}

bool Block(uint32_t micros, absl::FunctionRef<bool()> cancelled) {
  if (micros == 0) return true;
  using std::chrono::steady_clock;
  const auto end = steady_clock::now() + std::chrono::microseconds(micros);
  for (auto now = steady_clock::now(); now < end; now = steady_clock::now()) {
    if (cancelled()) return false;
    std::this_thread::sleep_until(std::min(end, now + kBetweenLooks));
  }
  return true;
}

absl::Status CheckMicros(absl::string_view field, uint32_t micros) {
  if (micros <= kMaxMicros) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, " is ", micros, "; valid are 0 to ", kMaxMicros));
}

}  // namespace

absl::Status DoAskedWork(uint32_t spin_us, uint32_t block_us,
                         absl::FunctionRef<bool()> cancelled) {
  if ((spin_us | block_us) == 0) return absl::OkStatus();
  absl::Status status = CheckMicros("spin_us", spin_us);
  status.Update(CheckMicros("block_us", block_us));
  if (!status.ok()) return status;
  if (Spin(spin_us, cancelled) && Block(block_us, cancelled)) {
    return absl::OkStatus();
  }
  return absl::CancelledError("nobody awaits the answer any more");
}

}  // namespace pinion::echo
