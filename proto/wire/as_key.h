// SPDX-License-Identifier: Apache-2.0
//
// AsKey, AsText: turn a caller's name of an entry into a Key, or into the text
// of
//                that Key.
//
// Threads: plain functions; any thread. The result may point into the argument.
// Example: AsKey("alice"), AsKey(request.name()), AsKey(42), AsKey(a_key)
//          Find(AsText(42));  // Find(absl::string_view)
#ifndef PINION_PROTO_WIRE_AS_KEY_H_
#define PINION_PROTO_WIRE_AS_KEY_H_

#include <concepts>
#include <cstdint>
#include <type_traits>

#include "absl/strings/string_view.h"
#include "pinion/proto/wire/key.h"
#include "pinion/third_party/cpp20.h"

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

// Makes no Key of it: a look-up would do so each time.
inline absl::string_view AsText(absl::string_view bytes) { return bytes; }
inline absl::string_view AsText(const Key& key) { return key.bytes(); }

// An integer's text lies within it.
struct IntegerText {
  operator absl::string_view() const { return key.bytes(); }
  const Key key;
};
template <typename Number>
requires(std::integral<Number> || std::is_enum_v<Number>) IntegerText
    AsText(Number number) {
  return {AsKey(number)};
}

}  // namespace pinion::internal

#endif  // PINION_PROTO_WIRE_AS_KEY_H_
