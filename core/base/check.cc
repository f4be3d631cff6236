// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/base/check.h"

#include <unistd.h>

#include <chrono>
#include <cstdlib>

#include "pinion/core/base/patient_write.h"

namespace pinion::internal {
namespace {

// A program that is broken ends, also when nobody takes what it says.
constexpr std::chrono::seconds kUntilItIsTaken(1);

}  // namespace

void CheckFailed(const char* file, int line, const char* condition,
                 const std::string& message) {
  WriteWithin(STDERR_FILENO,
              absl::StrCat(file, ":", line, ": broken promise: ", message, " (",
                           condition, ")\n"),
              kUntilItIsTaken);
  std::abort();
}

}  // namespace pinion::internal
