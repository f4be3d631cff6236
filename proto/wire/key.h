// SPDX-License-Identifier: Apache-2.0
//
// Key: the value of a call's key field, in its one form: text.
//
// Threads: a value; any thread. It may point into the data that it was made
//          from, and must not outlive that; copies are cheap.
// Form:    a string or bytes field is its bytes. An integer is its decimal
//          digits, with '-' before a negative one; an enum is its number, a
//          bool 0 or 1. So 42 in any integer field and the string "42" are one
//          key: everybody who sees the text, in a log, in metadata or in a
//          proxy, can compute where it goes. docs/clients.md has examples.
// Example: const Key key = Key::FromSigned(-1);
//          key.bytes();     // "-1"
//          key.Hash(seed);  // Of these two bytes.
#ifndef PINION_PROTO_WIRE_KEY_H_
#define PINION_PROTO_WIRE_KEY_H_

// For a short key, a library call costs as much as its hash.
#define XXH_INLINE_ALL
#include <xxhash.h>
#undef XXH_INLINE_ALL

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/base/attributes.h"
#include "absl/strings/string_view.h"

namespace pinion {

// A string or bytes key holds 1 byte to this many: it is hashed for each call
// and kept with its entry.
constexpr size_t kMaxKeyBytes = 1024;

class Key {
 public:
  static Key FromBytes(absl::string_view bytes ABSL_ATTRIBUTE_LIFETIME_BOUND) {
    Key key;
    key.outside_ = bytes.data();
    key.size_ = bytes.size();
    return key;
  }
  static Key FromSigned(int64_t value) { return FromInteger(value); }
  static Key FromUnsigned(uint64_t value) { return FromInteger(value); }

  // The text. An integer's lies within the Key itself.
  absl::string_view bytes() const ABSL_ATTRIBUTE_LIFETIME_BOUND {
    return absl::string_view(outside_ == nullptr ? digits_ : outside_, size_);
  }

  // XXH3 of the text: the same in each process and on each machine. Calls are
  // routed by it. Tables use ProcessHash (process_hash.h).
  uint64_t Hash(uint64_t seed) const {
    return XXH3_64bits_withSeed(bytes().data(), size_, seed);
  }

  // For messages and logs: 42, -1, "caf\xc3\xa9", "long..." (1024 bytes).
  std::string ToString() const;

 private:
  Key() = default;

  template <typename Integer>
  static Key FromInteger(Integer value) {
    Key key;
    char* const end = key.digits_ + sizeof(key.digits_);
    key.size_ = static_cast<size_t>(std::to_chars(key.digits_, end, value).ptr -
                                    key.digits_);
    return key;
  }

  const char* outside_ = nullptr;  // Null: in digits_.
  size_t size_ = 0;
  char digits_[20] = {};  // The smallest and the largest integer just fit.
};

}  // namespace pinion

#endif  // PINION_PROTO_WIRE_KEY_H_
