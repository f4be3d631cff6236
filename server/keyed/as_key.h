// SPDX-License-Identifier: Apache-2.0
//
// AsKey: what a caller names an entry by, as a Key.
//
// Threads: plain functions; any thread. The key looks into what it was made of.
// Example: AsKey("alice"), AsKey(request.name()), AsKey(42), AsKey(a_key)
#ifndef PINION_SERVER_KEYED_AS_KEY_H_
#define PINION_SERVER_KEYED_AS_KEY_H_

#include <concepts>
#include <cstdint>
#include <type_traits>

#include "absl/strings/string_view.h"
#include "proto/wire/key_reader.h"

namespace pinion::internal {

inline const Key& AsKey(const Key& key) { return key; }

inline Key AsKey(absl::string_view bytes) { return Key::FromBytes(bytes); }

template <typename Number>
requires(std::integral<Number> || std::is_enum_v<Number>) Key
    AsKey(Number number) {
  if constexpr (std::unsigned_integral<Number>) {
    return Key::FromUnsigned(number);
  } else {
    return Key::FromSigned(static_cast<int64_t>(number));
  }
}

}  // namespace pinion::internal

#endif  // PINION_SERVER_KEYED_AS_KEY_H_
