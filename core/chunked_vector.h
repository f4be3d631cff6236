// SPDX-License-Identifier: Apache-2.0
//
// ChunkedVector: a vector that grows and shrinks by chunks of 64 KiB and so
//                never moves its elements: no push takes longer the more there
//                are.
//
// Threads: as for std::vector.
// Cost:    reaching an element takes one load more than in a std::vector. A
//          chunk takes no memory before its pages are written. One empty chunk
//          is kept for the next elements.
// Limits:  the elements need no destructor.
// Example: ChunkedVector<Entry> heap;
//          heap.push_back(entry);
//          heap.back() = heap[0];
#ifndef PINION_CORE_CHUNKED_VECTOR_H_
#define PINION_CORE_CHUNKED_VECTOR_H_

#include <bit>
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <vector>

#include "pinion/third_party/cpp20.h"

namespace pinion {

template <typename T>
class ChunkedVector {
 public:
  static constexpr size_t kChunkBytes = size_t{64} << 10;
  // The elements of a chunk: a power of two, so that an index splits into two
  // parts.
  static constexpr size_t kChunk = std::bit_floor(kChunkBytes / sizeof(T));

  static_assert(std::is_trivially_destructible_v<T>);
  static_assert(kChunk >= 1 && alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);

  void push_back(const T& element) {
    if (size_ == chunks_.size() * kChunk) AddChunk();
    new (AddressOf(size_)) T(element);
    ++size_;
  }

  // There must be an element.
  void pop_back() {
    --size_;
    if (size_ + 2 * kChunk <= chunks_.size() * kChunk) chunks_.pop_back();
  }

  T& operator[](size_t index) { return *AddressOf(index); }
  const T& operator[](size_t index) const { return *AddressOf(index); }
  T& back() { return *AddressOf(size_ - 1); }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  struct Chunk {
    alignas(T) std::byte bytes[kChunk * sizeof(T)];
  };

  // Leaves the bytes as they are: clearing them would write all pages.
  void AddChunk() {
    chunks_.push_back(std::make_unique_for_overwrite<Chunk>());
  }
  T* AddressOf(size_t index) const {
    return std::launder(reinterpret_cast<T*>(chunks_[index / kChunk]->bytes) +
                        index % kChunk);
  }

  // Pointers to 64 KiB each: 8 KiB for a million elements of 64 bytes.
  std::vector<std::unique_ptr<Chunk>> chunks_;
  size_t size_ = 0;
};

}  // namespace pinion

#endif  // PINION_CORE_CHUNKED_VECTOR_H_
