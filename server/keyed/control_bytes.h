// SPDX-License-Identifier: Apache-2.0
//
// ControlBytes: one byte for each of 16 neighbouring cells of a segment, all
//               examined at once.
//
// Threads: plain functions; the segment's threads.
// Form:    kEmpty; or kGone (an entry was removed here, and others may have
//          been put behind it); otherwise the cell is full and the byte is its
//          tag, 8 bits of the hash without these two values. So 253 of 254
//          entries with another key are never looked at. In a result, bit i
//          stands for cell i. After "Swiss tables" (M. Kulukundis, CppCon
//          2017), whose tags have 7 bits: absl::flat_hash_map looks at twice as
//          many other entries, each of which may be far from the CPU.
// Example: for (uint32_t cells = bytes.Are(tag); cells != 0;
//               cells &= cells - 1) {
//            LookAt(std::countr_zero(cells));
//          }
#ifndef PINION_SERVER_KEYED_CONTROL_BYTES_H_
#define PINION_SERVER_KEYED_CONTROL_BYTES_H_

#include <cstddef>
#include <cstdint>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace pinion::internal {

inline constexpr uint8_t kEmpty = 0xff;
inline constexpr uint8_t kGone = 0xfe;
inline constexpr uint8_t kHighestTag = 0xfd;

// For machines without SSE2, and for tests on machines with it.
class PlainControlBytes {
 public:
  static constexpr size_t kCells = 16;

  explicit PlainControlBytes(const uint8_t* bytes) : bytes_(bytes) {}

  uint32_t Are(uint8_t wanted) const {
    uint32_t cells = 0;
    for (size_t i = 0; i < kCells; ++i) {
      cells |= uint32_t{bytes_[i] == wanted} << i;
    }
    return cells;
  }
  uint32_t AreNotFull() const {
    uint32_t cells = 0;
    for (size_t i = 0; i < kCells; ++i) {
      cells |= uint32_t{bytes_[i] > kHighestTag} << i;
    }
    return cells;
  }

 private:
  const uint8_t* bytes_;
};

#ifdef __SSE2__
class ControlBytes {
 public:
  static constexpr size_t kCells = 16;

  // `bytes` is aligned to 16.
  explicit ControlBytes(const uint8_t* bytes)
      : bytes_(_mm_load_si128(reinterpret_cast<const __m128i*>(bytes))) {}

  uint32_t Are(uint8_t wanted) const {
    const __m128i all_wanted = _mm_set1_epi8(static_cast<char>(wanted));
    return static_cast<uint32_t>(
        _mm_movemask_epi8(_mm_cmpeq_epi8(bytes_, all_wanted)));
  }
  uint32_t AreNotFull() const {
    const __m128i all_gone = _mm_set1_epi8(static_cast<char>(kGone));
    const __m128i at_least_gone = _mm_max_epu8(bytes_, all_gone);
    return static_cast<uint32_t>(
        _mm_movemask_epi8(_mm_cmpeq_epi8(bytes_, at_least_gone)));
  }

 private:
  __m128i bytes_;
};
#else
using ControlBytes = PlainControlBytes;
#endif

}  // namespace pinion::internal

#endif  // PINION_SERVER_KEYED_CONTROL_BYTES_H_
