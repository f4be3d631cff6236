// SPDX-License-Identifier: Apache-2.0
//
// PINION_CHECK: ends the program when one of our own promises is broken.
//
// Threads: any thread. Never check callers, networks or clocks with it; they
//          get an absl::Status.
// Example: PINION_CHECK(worker < count, "worker ", worker, " of ", count);
#ifndef PINION_CORE_BASE_CHECK_H_
#define PINION_CORE_BASE_CHECK_H_

#include <string>

#include "absl/strings/str_cat.h"
#include "pinion/third_party/cpp20.h"

// The message is made away from the code that does not fail.
#define PINION_CHECK(condition, ...)                                       \
  (__builtin_expect(static_cast<bool>(condition), true)                    \
       ? static_cast<void>(0)                                              \
       : [&]() __attribute__((cold, noinline)) {                           \
           ::pinion::internal::CheckFailed(__FILE__, __LINE__, #condition, \
                                           ::absl::StrCat(__VA_ARGS__));   \
         }())

// The same in debug builds only, for checks on the hot path.
#ifdef NDEBUG
#define PINION_DCHECK(condition, ...) static_cast<void>(0)
#else
#define PINION_DCHECK(condition, ...) PINION_CHECK(condition, __VA_ARGS__)
#endif

namespace pinion::internal {

// Prints `message` with the place and the condition, and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition,
                              const std::string& message);

}  // namespace pinion::internal

#endif  // PINION_CORE_BASE_CHECK_H_
