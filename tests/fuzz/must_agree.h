// SPDX-License-Identifier: Apache-2.0
//
// MustAgree: ends the program if an oracle finds fault with an input, so that a
// fuzzer keeps it.
//
// Threads: a plain function; any thread.
// Example: MustAgree(RequestDisagreement, data, size);
#ifndef PINION_TESTS_FUZZ_MUST_AGREE_H_
#define PINION_TESTS_FUZZ_MUST_AGREE_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace pinion::testing {

// `disagreement(bytes)` says what is wrong; empty if nothing is.
inline void MustAgree(std::string (*disagreement)(const std::string&),
                      const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const std::string found = disagreement(bytes);
  if (found.empty()) return;
  std::fprintf(stderr, "disagreement: %s\n", found.c_str());
  std::abort();
}

}  // namespace pinion::testing

#endif  // PINION_TESTS_FUZZ_MUST_AGREE_H_
