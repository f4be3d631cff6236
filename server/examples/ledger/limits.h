// SPDX-License-Identifier: Apache-2.0
//
// What is the most that the ledger takes.
//
// Threads: constants; anyone.
#ifndef PINION_SERVER_EXAMPLES_LEDGER_LIMITS_H_
#define PINION_SERVER_EXAMPLES_LEDGER_LIMITS_H_

#include <cstddef>
#include <cstdint>

namespace bank {

// That an account holds, and that is moved at once: so that two of them can be
// added.
inline constexpr int64_t kMost = 1'000'000'000'000'000;

// Bytes of an account's name, and of a transfer's id.
inline constexpr size_t kLongestName = 64;

// Lines in one message of a statement.
inline constexpr int kMostLinesAtOnce = 100;

// A line of a statement, with a name, an id, and what malloc keeps.
inline constexpr size_t kMostBytesOfALine = 320;

}  // namespace bank

#endif  // PINION_SERVER_EXAMPLES_LEDGER_LIMITS_H_
