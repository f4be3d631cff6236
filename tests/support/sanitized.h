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

namespace pinion::testing {

// Whether the order in which gRPC hands bytes on within the process is not seen
// here, and so taken for a race.
#if defined(__SANITIZE_THREAD__)
inline constexpr bool kBlindToGrpc = true;
#else
inline constexpr bool kBlindToGrpc = false;
#endif

#if defined(__SANITIZE_THREAD__)
inline constexpr int kTimesSlower = 50;
#elif defined(__SANITIZE_ADDRESS__)
inline constexpr int kTimesSlower = 4;
#else
inline constexpr int kTimesSlower = 1;
#endif

}  // namespace pinion::testing

#endif  // PINION_TESTS_SUPPORT_SANITIZED_H_
