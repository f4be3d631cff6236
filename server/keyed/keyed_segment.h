// SPDX-License-Identifier: Apache-2.0
//
// KeyedSegment: a part of a Keyed's table: the entries whose hashes begin with
//               the same bits.
//
// Threads: the shard's only.
// Form:    two pointers, which may be copied: to a header with a control byte
//          for each cell, and to the cells. The headers lie together in a pool.
//          They are small enough to stay near the CPU, so a look-up in the
//          whole table fetches only the cell that it finds from far away. The
//          caller knows the number of cells, which is the same in each segment.
// Bits:    the lowest 8 bits of a hash are the tag, those above choose where in
//          the segment the search starts, and the highest choose the segment.
// Example: auto segment = KeyedSegment<Entry>::Make(16, /*depth=*/0, pool);
//          Entry* added = segment.Add(hash, 16, entry);  // Null: it is full.
//          Entry* found = segment.Find(
//              hash, 16, [&](const Entry& entry) { ... });
//          segment.Drop(16, pool);
#ifndef PINION_SERVER_KEYED_KEYED_SEGMENT_H_
#define PINION_SERVER_KEYED_KEYED_SEGMENT_H_

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

#include "absl/base/attributes.h"
#include "pinion/server/keyed/block_pool.h"
#include "pinion/server/keyed/control_bytes.h"

namespace pinion::internal {

template <typename Entry>
class KeyedSegment {
  // The control bytes follow it.
  struct alignas(ControlBytes::kCells) Header {
    uint32_t size = 0;  // Entries.
    uint32_t room;      // How many empty cells may be used.
    int depth;
  };

 public:
  // A power of two, at least one group of control bytes. The largest segment
  // takes about 64 KiB, unless entries are large: one step moves that much.
  static constexpr size_t kFewestCells = ControlBytes::kCells;
  static constexpr size_t kMaxCells = std::clamp<size_t>(
      std::bit_floor((size_t{64} << 10) / sizeof(Entry)), 64, 1024);

  // The most cells of `cells` that are full or gone, so that each search soon
  // reaches an empty one.
  static constexpr size_t MaxEntries(size_t cells) { return cells / 8 * 7; }

  // The size of a pool's blocks for these segments.
  static constexpr size_t kPoolBlockBytes = sizeof(Header) + kMaxCells;

  // For hashes that begin with the same `depth` bits.
  static KeyedSegment Make(size_t cells, int depth, BlockPool& pool) {
    void* const block = cells == kMaxCells
                            ? pool.Take()
                            : ::operator new(sizeof(Header) + cells);
    KeyedSegment made;
    made.header_ = new (block) Header{
        .room = static_cast<uint32_t>(MaxEntries(cells)), .depth = depth};
    std::memset(made.Control(), kEmpty, cells);
    made.cells_ = std::allocator<Entry>().allocate(cells);
    return made;
  }
  // Drops it with its entries.
  void Drop(size_t cells, BlockPool& pool) {
    Visit(cells, [](Entry& entry) { std::destroy_at(&entry); });
    std::allocator<Entry>().deallocate(cells_, cells);
    cells == kMaxCells ? pool.Give(header_) : ::operator delete(header_);
  }

  // The entry for which `is` is true; null if there is none. Inlined, so that
  // the segment's two pointers stay in registers.
  template <typename Is>
  ABSL_ATTRIBUTE_ALWAYS_INLINE Entry* Find(uint64_t hash, size_t cells,
                                           Is is) const {
    for (Search search(hash, cells);; search.GoOn()) {
      const ControlBytes bytes(Control() + search.at());
      for (uint32_t same = bytes.Are(Tag(hash)); same != 0; same &= same - 1) {
        Entry* const entry = cells_ + search.at() + std::countr_zero(same);
        if (is(*entry)) return entry;
      }
      if (bytes.Are(kEmpty) != 0) return nullptr;
    }
  }

  // Null if it is full; `entry` is then unchanged. No entry may have its key
  // yet.
  Entry* Add(uint64_t hash, size_t cells, Entry& entry) {
    Search search(hash, cells);
    uint32_t free = 0;
    for (;; search.GoOn()) {
      free = ControlBytes(Control() + search.at()).AreNotFull();
      if (free != 0) break;
    }
    const size_t cell = search.at() + std::countr_zero(free);
    if (Control()[cell] == kEmpty) {
      if (header_->room == 0) return nullptr;
      --header_->room;
    }
    Control()[cell] = Tag(hash);
    ++header_->size;
    return new (cells_ + cell) Entry(std::move(entry));
  }

  // `entry` must belong to this segment.
  void Remove(Entry& entry) {
    const size_t cell = static_cast<size_t>(&entry - cells_);
    std::destroy_at(&entry);
    --header_->size;
    // A group with an empty cell always had one, so no search went past it.
    const size_t group = cell - cell % ControlBytes::kCells;
    const bool ends_searches = ControlBytes(Control() + group).Are(kEmpty) != 0;
    Control()[cell] = ends_searches ? kEmpty : kGone;
    if (ends_searches) ++header_->room;
  }

  // `see` may remove the entry that it is shown.
  template <typename See>
  void Visit(size_t cells, See see) {
    for (size_t cell = 0; cell < cells; ++cell) {
      if (Control()[cell] <= kHighestTag) see(cells_[cell]);
    }
  }

  size_t size() const { return header_->size; }
  int depth() const { return header_->depth; }
  void set_depth(int depth) { header_->depth = depth; }

 private:
  // The groups of cells to search, one after the other, until all are searched.
  class Search {
   public:
    Search(uint64_t hash, size_t cells)
        : mask_(cells - 1),
          at_((hash >> kTagBits) * ControlBytes::kCells & mask_) {}
    size_t at() const { return at_; }
    void GoOn() {
      step_ += ControlBytes::kCells;
      at_ = (at_ + step_) & mask_;
    }

   private:
    const size_t mask_;
    size_t at_;
    size_t step_ = 0;
  };

  KeyedSegment() = default;

  static constexpr int kTagBits = 8;
  static uint8_t Tag(uint64_t hash) {
    return std::min(static_cast<uint8_t>(hash), kHighestTag);
  }

  uint8_t* Control() const { return reinterpret_cast<uint8_t*>(header_ + 1); }

  Header* header_;
  Entry* cells_;
};

}  // namespace pinion::internal

#endif  // PINION_SERVER_KEYED_KEYED_SEGMENT_H_
