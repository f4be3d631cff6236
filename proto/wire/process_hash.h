// SPDX-License-Identifier: Apache-2.0
//
// ProcessHash: the hash of every table whose keys come from outside. HashMap
//              and HashSet are such tables.
//
// Threads: plain functions; any thread. The tables are as Abseil's.
// Why:     anyone who knows a table's hash can send keys that all collide, and
//          each look-up then walks past all of them. A key's route needs a hash
//          that other processes know (Key::Hash()). A table does not: its hash
//          depends on 528 random bytes that the process draws at its start and
//          never reveals, so it differs after each start. Never store it, and
//          send it to nobody.
// Example: pinion::HashMap<std::string, Cart> carts;
//          const uint64_t hash = ProcessHash()("alice");
//
// Two different keys collide by chance alone:
//   - Up to 16 bytes, and integers: such a key is two words, which together
//     with its length determine it. Each word is multiplied by 128 random bits
//     of its own, 128 bits that are random for each length are added to the
//     sum, and the upper half of the result stays: any two keys then have any
//     two hashes with the same probability, whatever the keys are
//     (M. Dietzfelbinger, "Universal hashing and k-wise independent random
//     variables via integer arithmetic without primes", 1996). So all bits are
//     good for all uses.
//   - Longer ones have the same XXH3 value only if the sender knows its secret.
//     XXH3's own secret is public, and its seed does not replace it (26^6 keys
//     of 640 bytes, for example, collide under seed 0): so the whole secret is
//     random here. The XXH3 value is then hashed as one word.
#ifndef PINION_PROTO_WIRE_PROCESS_HASH_H_
#define PINION_PROTO_WIRE_PROCESS_HASH_H_

// For a short key, a library call costs as much as its hash.
#define XXH_INLINE_ALL
#include <xxhash.h>
#undef XXH_INLINE_ALL

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <utility>

#include "absl/base/attributes.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "pinion/third_party/cpp20.h"

namespace pinion {
namespace internal {

// 128 bits.
struct WideWord {
  uint64_t low;
  uint64_t high;
};

// What the process has drawn. All of its bytes are random.
struct HashSecret {
  // A longer key is not two words.
  static constexpr size_t kMaxShort = 16;

  static const HashSecret& OfProcess() {
    static const HashSecret secret = Draw();
    return secret;
  }
  // Ends the program if the kernel provides no random bytes.
  static HashSecret Draw();

  alignas(64) char xxh3[XXH3_SECRET_DEFAULT_SIZE];
  WideWord factors[2];
  WideWord word_addend;
  WideWord addends[kMaxShort + 1];  // By the length of a short key.
};

}  // namespace internal

struct ProcessHash {
  using is_transparent = void;

  ABSL_ATTRIBUTE_ALWAYS_INLINE size_t
  operator()(absl::string_view bytes) const {
    const internal::HashSecret& secret = internal::HashSecret::OfProcess();
    if (bytes.size() > secret.kMaxShort) return HashLong(bytes, secret);
    return HashShort(bytes, secret);
  }
  template <std::integral Integer>
  size_t operator()(Integer integer) const {
    return HashWord(static_cast<uint64_t>(integer),
                    internal::HashSecret::OfProcess());
  }

 private:
  using Wider = unsigned __int128;

  static Wider Wide(const internal::WideWord& word) {
    return Wider{word.high} << 64 | word.low;
  }
  // Modulo 2^128.
  static Wider Product(const internal::WideWord& factor, uint64_t word) {
    return Wide(factor) * word;
  }
  static uint64_t Upper(Wider wide) {
    return static_cast<uint64_t>(wide >> 64);
  }

  ABSL_ATTRIBUTE_NOINLINE static uint64_t HashLong(
      absl::string_view bytes, const internal::HashSecret& secret) {
    return HashWord(XXH3_64bits_withSecret(bytes.data(), bytes.size(),
                                           secret.xxh3, sizeof(secret.xxh3)),
                    secret);
  }
  static uint64_t HashWord(uint64_t word, const internal::HashSecret& secret) {
    return Upper(Product(secret.factors[0], word) + Wide(secret.word_addend));
  }
  static uint64_t HashShort(absl::string_view bytes,
                            const internal::HashSecret& secret) {
    const auto [first, last] = WordsOf(bytes.data(), bytes.size());
    return Upper(Product(secret.factors[0], first) +
                 Product(secret.factors[1], last) +
                 Wide(secret.addends[bytes.size()]));
  }

  // Two keys of one length, up to 16, have the same words only if they are the
  // same. The words may overlap.
  static std::pair<uint64_t, uint64_t> WordsOf(const char* bytes, size_t size) {
    if (size >= 8) {
      return {WordAt<uint64_t>(bytes), WordAt<uint64_t>(bytes + size - 8)};
    }
    if (size >= 4) {
      return {WordAt<uint32_t>(bytes), WordAt<uint32_t>(bytes + size - 4)};
    }
    if (size == 0) return {0, 0};
    return {WordAt<uint8_t>(bytes),
            uint64_t{WordAt<uint8_t>(bytes + size / 2)} << 8 |
                WordAt<uint8_t>(bytes + size - 1)};
  }
  template <typename Word>
  static Word WordAt(const char* bytes) {
    Word word;
    std::memcpy(&word, bytes, sizeof(word));
    return word;
  }
};

template <typename Key, typename Value>
using HashMap = absl::flat_hash_map<Key, Value, ProcessHash>;

// `Hash` applies ProcessHash to what it takes from an element.
template <typename Element, typename Hash = ProcessHash,
          typename Equal = std::equal_to<>>
using HashSet = absl::flat_hash_set<Element, Hash, Equal>;

}  // namespace pinion

#endif  // PINION_PROTO_WIRE_PROCESS_HASH_H_
