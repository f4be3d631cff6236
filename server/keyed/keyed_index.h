// SPDX-License-Identifier: Apache-2.0
//
// KeyedIndex: holds the entries, and finds an entry by its key or its place.
//
// Threads: the shard's only.
// Hash:    ProcessHash; the caller computes it. Routing uses another hash, so a
//          client that can predict a key's worker cannot predict which keys
//          collide.
// Cost:    the entries lie in the table itself, so finding an entry finds its
//          state, and Add() moves some entries. Add() moves at most as many as
//          two segments hold, however large the index is, and copies a
//          directory of 16 bytes for each segment when the directory doubles.
// Example: Entry* entry = index.Find(key.bytes(), hash);
//
// Extendible hashing (R. Fagin, J. Nievergelt, N. Pippenger, H. R. Strong,
// 1979): the first depth_ bits of a hash are an index into the directory, which
// gives the segment. A segment whose hashes share fewer bits appears there more
// than once. A full segment is split in two by one more bit; two segments that
// hold little become one again. Before there are two segments, the only one
// grows by doubling.
#ifndef PINION_SERVER_KEYED_KEYED_INDEX_H_
#define PINION_SERVER_KEYED_KEYED_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/string_view.h"
#include "pinion/core/base/check.h"
#include "pinion/proto/wire/process_hash.h"
#include "pinion/server/keyed/block_pool.h"
#include "pinion/server/keyed/keyed_segment.h"

namespace pinion::internal {

template <typename Entry>
class KeyedIndex {
 public:
  KeyedIndex() : directory_{Make(0)} {}
  ~KeyedIndex() {
    VisitSegments([this](Segment segment) { segment.Drop(cells_, pool_); });
  }
  KeyedIndex(const KeyedIndex&) = delete;
  KeyedIndex& operator=(const KeyedIndex&) = delete;

  static uint64_t HashOf(absl::string_view key) { return ProcessHash()(key); }

  // Null if there is none.
  Entry* Find(absl::string_view key, uint64_t hash) {
    return SegmentOf(hash).Find(
        hash, cells_, [key](const Entry& entry) { return entry.key_.Is(key); });
  }
  // The entry must exist.
  Entry& At(uint32_t place, uint64_t hash) {
    return *SegmentOf(hash).Find(hash, cells_, [place](const Entry& entry) {
      return entry.place_ == place;
    });
  }

  // No entry may have its key yet, and no visit may be in progress.
  Entry& Add(Entry&& entry, uint64_t hash) {
    if (Sparse()) ShrinkAStep();
    Entry* added = SegmentOf(hash).Add(hash, cells_, entry);
    while (added == nullptr) {
      MakeRoom(hash);
      added = SegmentOf(hash).Add(hash, cells_, entry);
    }
    ++size_;
    return *added;
  }

  Entry Take(Entry& entry, uint64_t hash) {
    Entry taken = std::move(entry);
    Remove(entry, hash);
    return taken;
  }
  // Moves no other entry.
  void Remove(Entry& entry, uint64_t hash) {
    Segment segment = SegmentOf(hash);
    segment.Remove(entry);
    --size_;
    if (segment.size() > 0 || visits_ > 0) return;
    DropEmpty(FirstAt(IndexOf(hash)));
    HalveDirectory();
  }

  // `see` may remove the entry that it is shown.
  template <typename See>
  void VisitAll(See see) {
    {
      ++visits_;
      const absl::Cleanup seen = [this] { --visits_; };
      VisitSegments([&](Segment segment) { segment.Visit(cells_, see); });
    }
    if (visits_ == 0) DropAllEmpty();
  }

  size_t size() const { return size_; }

 private:
  using Segment = KeyedSegment<Entry>;

  static constexpr int kDeepest = 32;

  // The most directory places for each segment. Well-spread hashes need one to
  // four. More mean that the hash is broken; the program stops before the
  // directory takes all memory.
  static constexpr size_t kMaxPlaces = 64;

  // The most entries of a segment merged from two: few enough that it is not
  // split again soon. And the average number of entries below which a merge is
  // tried: few enough that it nearly always succeeds.
  static constexpr size_t MaxMerged(size_t cells) { return cells / 16 * 7; }
  static constexpr size_t FewOf(size_t cells) { return cells / 16 * 3; }

  Segment Make(int depth) { return Segment::Make(cells_, depth, pool_); }
  Segment SegmentOf(uint64_t hash) const { return directory_[IndexOf(hash)]; }
  size_t IndexOf(uint64_t hash) const {
    return static_cast<size_t>(hash >> 32 >> (kDeepest - depth_));
  }

  // The number of neighbouring directory places that lead to the segment; and
  // the first of them, for any of them.
  size_t SpanOf(const Segment& segment) const {
    return size_t{1} << (depth_ - segment.depth());
  }
  size_t FirstAt(size_t index) const {
    return index - index % SpanOf(directory_[index]);
  }
  void Lead(size_t first, Segment to) {
    const size_t span = SpanOf(to);
    for (size_t i = 0; i < span; ++i) directory_[first + i] = to;
  }

  template <typename See>  // May drop the segment.
  void VisitSegments(See see) {
    for (size_t i = 0; i < directory_.size();) {
      const Segment segment = directory_[i];
      i += SpanOf(segment);
      see(segment);
    }
  }

  // Moves all entries of `from` to `to(hash)`, which must have room, and drops
  // `from`.
  template <typename To>
  void MoveAll(Segment from, size_t from_cells, To to) {
    from.Visit(from_cells, [&](Entry& entry) {
      const uint64_t hash = HashOf(entry.key_.bytes());
      PINION_CHECK(to(hash).Add(hash, cells_, entry) != nullptr,
                   "a segment of a Keyed overflows");
    });
    from.Drop(from_cells, pool_);
  }

  // Makes room in the segment of `hash`, which is full. One call may not be
  // enough.
  void MakeRoom(uint64_t hash) {
    const Segment segment = SegmentOf(hash);
    // Many cells are blocked by removed entries: clearing those is enough.
    const bool cleared = segment.size() <= Segment::MaxEntries(cells_) / 4 * 3;
    if (cleared) {
      Replace(FirstAt(IndexOf(hash)), cells_);
    } else if (cells_ < Segment::kMaxCells) {
      Replace(0, 2 * cells_);  // The only segment.
    } else {
      Split(FirstAt(IndexOf(hash)));
    }
  }

  // Replaces the segment by one with `cells` cells and the same entries.
  void Replace(size_t first, size_t cells) {
    const Segment old = directory_[first];
    const size_t old_cells = std::exchange(cells_, cells);
    const Segment segment = Make(old.depth());
    Lead(first, segment);
    MoveAll(old, old_cells, [&](uint64_t) { return segment; });
  }

  void Split(size_t first) {
    const Segment old = directory_[first];
    if (old.depth() == depth_) {
      DoubleDirectory();
      first *= 2;
    }
    const int depth = old.depth() + 1;
    const Segment lower = Make(depth);
    Lead(first, lower);
    Lead(first + SpanOf(lower), Make(depth));
    MoveAll(old, cells_, [this](uint64_t hash) { return SegmentOf(hash); });
    ++segments_;
    if (depth == depth_) deepest_ += 2;
  }

  void DoubleDirectory() {
    PINION_CHECK(directory_.size() < kMaxPlaces * segments_, "over ",
                 Segment::MaxEntries(cells_), " of ", size_,
                 " keys have hashes with the same ", depth_, " first bits");
    std::vector<Segment> doubled;
    doubled.reserve(2 * directory_.size());
    for (const Segment segment : directory_) {
      doubled.insert(doubled.end(), 2, segment);
    }
    directory_ = std::move(doubled);
    ++depth_;
    deepest_ = 0;
  }

  // Whether there are few entries for so many cells.
  bool Sparse() const {
    return size_ < FewOf(cells_) * segments_ && cells_ > Segment::kFewestCells;
  }

  // Looks at one segment after the other.
  void ShrinkAStep() {
    if (depth_ == 0) {
      Replace(0, cells_ / 2);
      return;
    }
    shrink_at_ = (shrink_at_ + 1) % directory_.size();
    const size_t first = FirstAt(shrink_at_);
    const Segment segment = directory_[first];
    const std::optional<Segment> twin = TwinOf(first);
    if (!twin.has_value()) return;
    if (segment.size() + twin->size() > MaxMerged(cells_)) return;
    const Segment both = Make(segment.depth());
    Widen(both, first);
    const auto to_both = [&](uint64_t) { return both; };
    MoveAll(segment, cells_, to_both);
    MoveAll(*twin, cells_, to_both);
    HalveDirectory();
  }

  // Drops the segment at `first` if it is empty, or its empty twin: one of the
  // two is enough. Moves nothing.
  void DropEmpty(size_t first) {
    while (const std::optional<Segment> twin = TwinOf(first)) {
      const Segment segment = directory_[first];
      if (segment.size() > 0 && twin->size() > 0) break;
      Segment dropped = segment.size() > 0 ? *twin : segment;
      first = Widen(segment.size() > 0 ? segment : *twin, first);
      dropped.Drop(cells_, pool_);
    }
  }
  void DropAllEmpty() {
    for (size_t i = 0; i < directory_.size(); ++i) {
      if (directory_[i].size() == 0) DropEmpty(FirstAt(i));
    }
    HalveDirectory();
  }

  // The segment whose hashes differ from those of the segment at `first` only
  // in the last bit that tells segments apart; none if that one was split
  // further, or if there is only one segment.
  std::optional<Segment> TwinOf(size_t first) const {
    const Segment segment = directory_[first];
    if (segment.depth() == 0) return std::nullopt;
    const Segment twin = directory_[first ^ SpanOf(segment)];
    if (twin.depth() != segment.depth()) return std::nullopt;
    return twin;
  }

  // Makes `segment`, as deep as the twins of which one is at `first`, stand for
  // both. Returns the first place that now leads to it.
  size_t Widen(Segment segment, size_t first) {
    const size_t lower = first - first % (2 * SpanOf(segment));
    if (segment.depth() == depth_) deepest_ -= 2;
    --segments_;
    segment.set_depth(segment.depth() - 1);
    Lead(lower, segment);
    return lower;
  }

  // Halves it while nothing needs its last bit.
  void HalveDirectory() {
    while (depth_ > 0 && deepest_ == 0) {
      std::vector<Segment> halved;
      halved.reserve(directory_.size() / 2);
      for (size_t i = 0; i < directory_.size(); i += 2) {
        halved.push_back(directory_[i]);
      }
      directory_ = std::move(halved);
      --depth_;
      for (const Segment segment : directory_) {
        if (segment.depth() == depth_) ++deepest_;
      }
    }
  }

  size_t cells_ = Segment::kFewestCells;  // In each segment.
  int depth_ = 0;
  BlockPool pool_{Segment::kPoolBlockBytes};
  std::vector<Segment> directory_;  // 2^depth_ places.
  size_t segments_ = 1;
  size_t deepest_ = 1;  // The number of segments that need all depth_ bits.
  size_t size_ = 0;
  size_t shrink_at_ = 0;
  int visits_ = 0;  // In progress, one within the other.
};

}  // namespace pinion::internal

#endif  // PINION_SERVER_KEYED_KEYED_INDEX_H_
