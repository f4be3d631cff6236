// SPDX-License-Identifier: Apache-2.0
//
// kTimesSlower: by how much this build is slower because it checks each step
// that it makes; 1 if it does not.
//
// Why so much: ThreadSanitizer puts together a report of each step of gRPC's
//          that it takes for a race, before it finds that it should say
//          nothing of it.
// Example: constexpr int kCalls = 10'000 / kTimesSlower;
#ifndef PINION_TESTS_SUPPORT_SANITIZED_H_
#define PINION_TESTS_SUPPORT_SANITIZED_H_

// GCC defines a macro, Clang has a feature.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PINION_ADDRESS_SANITIZED 1
#elif __has_feature(thread_sanitizer)
#define PINION_THREAD_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define PINION_ADDRESS_SANITIZED 1
#elif defined(__SANITIZE_THREAD__)
#define PINION_THREAD_SANITIZED 1
#endif

namespace pinion::testing {

// Whether the order in which gRPC hands bytes on within the process is not seen
// here, and so taken for a race.
#if defined(PINION_THREAD_SANITIZED)
inline constexpr bool kBlindToGrpc = true;
#else
inline constexpr bool kBlindToGrpc = false;
#endif

#if defined(PINION_THREAD_SANITIZED)
inline constexpr int kTimesSlower = 50;
#elif defined(PINION_ADDRESS_SANITIZED)
inline constexpr int kTimesSlower = 4;
#else
inline constexpr int kTimesSlower = 1;
#endif

#undef PINION_ADDRESS_SANITIZED
#undef PINION_THREAD_SANITIZED

}  // namespace pinion::testing

#endif  // PINION_TESTS_SUPPORT_SANITIZED_H_
