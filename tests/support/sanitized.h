// SPDX-License-Identifier: Apache-2.0
//
// kSanitized: whether this build checks each step that it makes, and is many
// times slower for it.
//
// Example: constexpr int kCalls = kSanitized ? 1000 : 10'000;
#ifndef PINION_TESTS_SUPPORT_SANITIZED_H_
#define PINION_TESTS_SUPPORT_SANITIZED_H_

namespace pinion::testing {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace pinion::testing

#endif  // PINION_TESTS_SUPPORT_SANITIZED_H_
