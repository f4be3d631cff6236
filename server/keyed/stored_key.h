// SPDX-License-Identifier: Apache-2.0
//
// StoredKey: an entry's own copy of its key, within its 20 bytes if the key has
//            at most 19, as all but the largest integers do.
//
// Threads: its owner's.
// Example: StoredKey stored(key); if (stored.Is(other)) ...
#ifndef PINION_SERVER_KEYED_STORED_KEY_H_
#define PINION_SERVER_KEYED_STORED_KEY_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/strings/string_view.h"
#include "pinion/proto/wire/key.h"

namespace pinion::internal {

// Whether `size` bytes are equal. Most keys are short, and for them a call of
// memcmp() takes as long as the rest of a look-up.
inline bool SameBytes(const char* a, const char* b, size_t size) {
  const auto same_at = [a, b](auto word, size_t at) {
    auto other = word;
    std::memcpy(&word, a + at, sizeof(word));
    std::memcpy(&other, b + at, sizeof(other));
    return word == other;
  };
  if (size > 24) return std::memcmp(a, b, size) == 0;
  if (size > 16 && !same_at(uint64_t{}, 8)) return false;
  if (size >= 8) return same_at(uint64_t{}, 0) && same_at(uint64_t{}, size - 8);
  if (size >= 4) return same_at(uint32_t{}, 0) && same_at(uint32_t{}, size - 4);
  for (size_t i = 0; i < size; ++i) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

class StoredKey {
 public:
  // A key has less than 4 GiB.
  explicit StoredKey(const Key& key) {
    const absl::string_view bytes = key.bytes();
    size_ = SizeByte(bytes.size());
    char* to = place_;
    if (outside()) {
      to = new char[bytes.size()];
      const Outside there = {.bytes = to,
                             .size = static_cast<uint32_t>(bytes.size())};
      std::memcpy(place_, &there, sizeof(there));
    }
    if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
  }
  StoredKey(StoredKey&& other) noexcept : size_(std::exchange(other.size_, 0)) {
    std::memcpy(place_, other.place_, sizeof(place_));
  }
  StoredKey& operator=(StoredKey&&) = delete;
  ~StoredKey() {
    if (outside()) delete[] there().bytes;
  }

  absl::string_view bytes() const {
    if (!outside()) return absl::string_view(place_, size_);
    return absl::string_view(there().bytes, there().size);
  }

  bool Is(absl::string_view wanted) const {
    if (SizeByte(wanted.size()) != size_) return false;
    if (!outside()) return SameBytes(place_, wanted.data(), size_);
    return bytes() == wanted;
  }

  // The memory besides itself, with malloc's own part.
  size_t bytes_outside() const {
    return outside() ? there().size + kMallocBytes : 0;
  }

 private:
  // A key that does not fit.
  struct Outside {
    char* bytes;
    uint32_t size;
  };
  static constexpr size_t kMallocBytes = 16;
  static constexpr size_t kMaxInside = 19;
  static constexpr uint8_t kOutside = kMaxInside + 1;

  static uint8_t SizeByte(size_t size) {
    return static_cast<uint8_t>(std::min<size_t>(size, kOutside));
  }
  bool outside() const { return size_ == kOutside; }
  Outside there() const {
    Outside there;
    std::memcpy(&there, place_, sizeof(there));
    return there;
  }

  uint8_t size_;  // kOutside: place_ contains an Outside.
  char place_[kMaxInside];
};
static_assert(sizeof(StoredKey) == 20);

}  // namespace pinion::internal

#endif  // PINION_SERVER_KEYED_STORED_KEY_H_
