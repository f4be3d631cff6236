// SPDX-License-Identifier: Apache-2.0
//
// StoredKey: a key of an entry's own, in 20 bytes if it is an integer or has at
// most 15 bytes.
//
// Threads: those of its owner.
// Example: StoredKey stored(key); if (stored.Is(other)) ...
#ifndef PINION_SERVER_KEYED_STORED_KEY_H_
#define PINION_SERVER_KEYED_STORED_KEY_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/strings/string_view.h"
#include "proto/wire/key_reader.h"

namespace pinion::internal {

// Whether so many bytes are the same. Most keys are short, and for them a call
// of memcmp() takes as long as all else in a look-up.
inline bool SameBytes(const char* a, const char* b, size_t size) {
  const auto same_at = [a, b](auto word, size_t at) {
    auto other = word;
    std::memcpy(&word, a + at, sizeof(word));
    std::memcpy(&other, b + at, sizeof(other));
    return word == other;
  };
  if (size > 16) return std::memcmp(a, b, size) == 0;
  if (size >= 8) return same_at(uint64_t{}, 0) && same_at(uint64_t{}, size - 8);
  if (size >= 4) return same_at(uint32_t{}, 0) && same_at(uint32_t{}, size - 4);
  for (size_t i = 0; i < size; ++i) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

class StoredKey {
 public:
  explicit StoredKey(const Key& key) : is_bytes_(key.is_bytes()) {
    const uint64_t integer = key.integer();
    absl::string_view bytes = key.bytes();
    if (!is_bytes_) {
      bytes = absl::string_view(reinterpret_cast<const char*>(&integer),
                                sizeof(integer));
    }
    size_ = static_cast<uint32_t>(bytes.size());
    char* to = place_;
    if (outside()) {
      to = new char[size_];
      std::memcpy(place_, &to, sizeof(to));
    }
    if (size_ > 0) std::memcpy(to, bytes.data(), size_);
  }
  StoredKey(StoredKey&& other) noexcept
      : size_(std::exchange(other.size_, 0)), is_bytes_(other.is_bytes_) {
    std::memcpy(place_, other.place_, sizeof(place_));
  }
  StoredKey& operator=(StoredKey&&) = delete;
  ~StoredKey() {
    if (outside()) delete[] data();
  }

  // An integer comes as an unsigned one.
  Key Get() const {
    if (is_bytes_) return Key::FromBytes(absl::string_view(data(), size_));
    return Key::FromUnsigned(integer());
  }

  bool Is(const Key& key) const {
    if (key.is_bytes() != is_bytes_) return false;
    if (!is_bytes_) return key.integer() == integer();
    return key.bytes().size() == size_ &&
           SameBytes(data(), key.bytes().data(), size_);
  }

  // What it takes beside itself.
  size_t bytes_outside() const { return outside() ? size_ : 0; }

 private:
  bool outside() const { return size_ > sizeof(place_); }
  const char* data() const {
    if (!outside()) return place_;
    const char* there;
    std::memcpy(&there, place_, sizeof(there));
    return there;
  }
  uint64_t integer() const {
    uint64_t integer;
    std::memcpy(&integer, place_, sizeof(integer));
    return integer;
  }

  uint32_t size_;
  bool is_bytes_;
  char place_[15];  // The bytes themselves, or a pointer to them.
};

}  // namespace pinion::internal

#endif  // PINION_SERVER_KEYED_STORED_KEY_H_
