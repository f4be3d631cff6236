// SPDX-License-Identifier: Apache-2.0
//
// CollidingKeys: keys, valid UTF-8, that all have one XXH3 hash under seed 0.
//
// Threads: a plain function.
// How:     for a key of more than 240 bytes, XXH3 adds up products of the
// halves
//          of 8-byte words, each xored with a word of its secret, which is
//          public. In the words chosen here the upper half is the secret's, so
//          that the product is 0 whatever the lower half is; and what each adds
//          to the sum beside it, another takes away.
// Example: for (const std::string& key : CollidingKeys(50'000)) ...
#ifndef PINION_TESTS_SUPPORT_COLLIDING_KEYS_H_
#define PINION_TESTS_SUPPORT_COLLIDING_KEYS_H_

#include <cstddef>
#include <string>
#include <vector>

namespace pinion::testing {

// At most 26^6 different ones, of 640 bytes each.
inline std::vector<std::string> CollidingKeys(size_t count) {
  constexpr size_t kLetters = 26;
  constexpr size_t kWords = kLetters * kLetters * kLetters;
  // Three letters at `at`, and their counterweight at `behind`.
  const auto write = [](std::string& key, size_t word, size_t at,
                        size_t behind) {
    for (size_t i = 0; i < 3; ++i, word /= kLetters) {
      const size_t letter = 'a' + word % kLetters;
      key[at + i] = static_cast<char>(letter);
      key[behind + i] = static_cast<char>(0xdb - letter);
    }
    key.replace(at + 3, 5, "\xc3\x81:&L");
    key.replace(behind + 3, 5, "x\xcd\xb4Y1");
  };
  std::vector<std::string> keys(count, std::string(640, 'k'));
  for (size_t n = 0; n < count; ++n) {
    write(keys[n], n % kWords, 56, 504);
    write(keys[n], n / kWords, 112, 560);
  }
  return keys;
}

}  // namespace pinion::testing

#endif  // PINION_TESTS_SUPPORT_COLLIDING_KEYS_H_
