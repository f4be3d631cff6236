// SPDX-License-Identifier: Apache-2.0
#include "server/echo/asked_work.h"

#include <time.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace pinion::echo {
namespace {

constexpr uint32_t kMostMicros = 60'000'000;

int64_t ThreadCpuNanos() {
  timespec spent;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return absl::ToInt64Nanoseconds(absl::DurationFromTimespec(spent));
}

void Spin(uint32_t micros) {
  const int64_t end = ThreadCpuNanos() + int64_t{micros} * 1000;
  while (ThreadCpuNanos() < end) {
  }
}

absl::Status CheckMicros(absl::string_view field, uint32_t micros) {
  if (micros <= kMostMicros) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, " is ", micros, "; valid are 0 to ", kMostMicros));
}

}  // namespace

absl::Status DoAskedWork(uint32_t spin_us, uint32_t block_us) {
  absl::Status status = CheckMicros("spin_us", spin_us);
  status.Update(CheckMicros("block_us", block_us));
  if (!status.ok()) return status;
  if (spin_us > 0) Spin(spin_us);
  if (block_us > 0) absl::SleepFor(absl::Microseconds(block_us));
  return absl::OkStatus();
}

}  // namespace pinion::echo
