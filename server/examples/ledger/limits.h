// SPDX-License-Identifier: Apache-2.0
//
// The limits of the ledger.
//
// Threads: constants; anyone.
#ifndef PINION_SERVER_EXAMPLES_LEDGER_LIMITS_H_
#define PINION_SERVER_EXAMPLES_LEDGER_LIMITS_H_

#include <cstddef>
#include <cstdint>

namespace bank {

// The most that one account holds, and the most that is moved at once. The sum
// of two of them still fits.
inline constexpr int64_t kMax = 1'000'000'000'000'000;

// Bytes of an account's name, and of a transfer's id.
inline constexpr size_t kLongestName = 64;

// Lines in one message of a statement.
inline constexpr int kMaxLinesAtOnce = 100;

// The tag and the length of a line in a message of a statement.
inline constexpr size_t kMaxBytesBesideALine = 3;

// A line of a statement, with a name, an id, and malloc's own part.
inline constexpr size_t kMaxBytesOfALine = 320;

}  // namespace bank

#endif  // PINION_SERVER_EXAMPLES_LEDGER_LIMITS_H_
