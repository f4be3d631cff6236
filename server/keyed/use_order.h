// SPDX-License-Identifier: Apache-2.0
//
// UseOrder: the entries of a Keyed by their last uses, to know which to evict.
//
// Threads: the shard's alone.
// Cost:    a use writes a few words, some later, and allocates nothing. At each
//          64th, some 1,000 older uses are looked at. Add() makes room for
//          three uses more. oldest() skips 64 uses at a time, at worst all that
//          are written down: of ten million entries 500,000 words.
// Example: order.Add(node.place);  // As the one used last.
//          order.Use(node.place);
//          const uint32_t next_to_go = order.oldest();
//
// Each use is written down behind those before it, and has a bit that says
// whether it is its place's last. To use a place again clears the bit of its
// last use: so unlike in a linked list, nothing of other entries is touched,
// which may be far from the CPU. The bits are made good 64 uses at a time, when
// what they need was fetched all at once. When room runs out, a sweep closes
// the gaps: from the first use on it moves those that are the last of their
// places down, in their order. It goes on in steps, faster than uses are added:
//
//      0        to_            from_          noted_from_    end_
//      | swept  |    a gap     |  to be swept |  bits to do  |  room
//
// To stamp an entry in place of all this would be cheaper still, but the first
// eviction after many uses would then have to look at as many entries.
#ifndef PINION_SERVER_KEYED_USE_ORDER_H_
#define PINION_SERVER_KEYED_USE_ORDER_H_

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/base/attributes.h"
#include "pinion/core/chunked_vector.h"

namespace pinion::internal {

class UseOrder {
 public:
  // What an entry takes here: the number of its last use, and room for three.
  static constexpr int kPlaceBytes = 17;

  // Places are those of KeyedNodes; this one is used just now.
  void Add(uint32_t place) {
    CatchUp();
    MakeRoom(place);
    is_last_[end_ / kWord] |= Bit(end_);
    last_use_[place] = end_;
    noted_from_ = end_ + 1;
    WriteDown(place);
  }

  void Use(uint32_t place) {
    if (far_) __builtin_prefetch(&last_use_[place], /*rw=*/1);
    WriteDown(place);
  }

  void Remove(uint32_t place) {
    CatchUp();
    Forget(last_use_[place]);
  }

  // What is at `from` is at `to` from now on, where nothing is.
  void Move(uint32_t from, uint32_t to) {
    CatchUp();
    last_use_[to] = last_use_[from];
    places_[last_use_[to]] = to;
  }
  // Nothing is at `place` or behind it.
  void DropFrom(uint32_t place) {
    while (last_use_.size() > place) last_use_.pop_back();
    GiveRoomBack();
  }

  // The place; 0 if there is none.
  uint32_t oldest() {
    CatchUp();
    while (is_last_.size() > 0) {
      const uint64_t last = is_last_[first_ / kWord];
      if (last != 0) return places_[first_ + std::countr_zero(last)];
      if (first_ / kWord == end_ / kWord) break;
      first_ += kWord;
      if (first_ > to_) first_ = std::max(first_, from_);  // Over the gap.
    }
    return 0;
  }

  // Greater than those of all that were used last before this one was.
  uint32_t UseNumber(uint32_t place) {
    CatchUp();
    return last_use_[place];
  }

 private:
  static constexpr uint32_t kWord = 64;  // How many bits a word has.

  // How many uses a step of a sweep looks at; there is one for each word of
  // uses that are added. So while it goes over all, a 15th as many are added.
  static constexpr uint32_t kStep = 16 * kWord;

  // With room for three uses of each place, a use costs less than one that is
  // swept; in small maps, with room for some more, nearly none.
  size_t Room() const { return 3 * last_use_.size() + 32 * kWord; }

  // When there are so many uses, or a few more, there is room for those that
  // are added while they are swept.
  static size_t MostBeforeSweep(size_t room) {
    return (room - kWord) / 16 * 15;
  }

  // So many places stay in a CPU's first cache; to fetch them beforehand would
  // only cost.
  static constexpr size_t kNearPlaces = 8192;

  static uint64_t Bit(uint32_t use) { return uint64_t{1} << use % kWord; }

  void MakeRoom(uint32_t place) {
    while (last_use_.size() <= place) last_use_.push_back(0);
    far_ = last_use_.size() > kNearPlaces;
    if (places_.size() >= Room()) return;
    while (places_.size() < Room()) places_.push_back(0);
    while (is_last_.size() * kWord < places_.size()) is_last_.push_back(0);
    word_ = &places_[end_ / kWord * kWord];
  }

  void WriteDown(uint32_t place) {
    word_[end_ % kWord] = place;
    if (++end_ % kWord == 0) EndWord();
  }
  // Not inlined, so that what calls Use() needs few registers.
  ABSL_ATTRIBUTE_NOINLINE void EndWord() {
    CatchUp();
    Sweep();
    word_ = &places_[end_ / kWord * kWord];
  }

  void Forget(uint32_t use) { is_last_[use / kWord] &= ~Bit(use); }

  // Makes the bits good of the uses that were written down since. All are of
  // one word. The latest comes first: others of the same place then have no
  // bit.
  void CatchUp() {
    const uint32_t from = std::exchange(noted_from_, end_);
    if (from == end_) return;
    const uint32_t* const places = word_;
    uint64_t last_of_places = 0;
    for (uint32_t use = end_; use-- > from;) {
      uint32_t& last = last_use_[places[use % kWord]];
      if (last >= from) continue;
      Forget(last);
      last = use;
      last_of_places |= Bit(use);
    }
    is_last_[from / kWord] |= last_of_places;
  }

  // Begins one if it is time, or goes on a step with it.
  void Sweep() {
    if (!sweeping() && end_ < MostBeforeSweep(Room())) return;
    if (!sweeping()) to_ = 0;
    first_ = std::min(first_, to_ / kWord * kWord);
    const uint32_t until = std::min(from_ + kStep, end_);
    for (; from_ < until; from_ += kWord) SweepWord();
    if (from_ == end_) EndSweep();
  }
  void SweepWord() {
    uint64_t last = std::exchange(is_last_[from_ / kWord], 0);
    if (last == 0) return;
    const int swept = std::popcount(last);
    const uint32_t* const places = &places_[from_];
    uint32_t to = to_;
    for (; last != 0; last &= last - 1) {
      const uint32_t place = places[std::countr_zero(last)];
      places_[to] = place;
      last_use_[place] = to++;
    }
    const uint64_t bits = ~uint64_t{0} >> (kWord - swept);
    is_last_[to_ / kWord] |= bits << to_ % kWord;
    if (to / kWord > to_ / kWord && to % kWord > 0) {
      is_last_[to / kWord] |= bits >> (kWord - to_ % kWord);
    }
    to_ = to;
  }

  void EndSweep() {
    first_ = std::min(first_, to_ / kWord * kWord);
    end_ = noted_from_ = to_;
    from_ = 0;
    to_ = kNoSweep;
  }
  bool sweeping() const { return to_ != kNoSweep; }

  // A little more at a time than the room of a place; not while the uses that
  // there are, and those added while they are swept, may need it.
  void GiveRoomBack() {
    if (sweeping()) return;
    const size_t needed =
        std::max<size_t>(Room(), end_ + end_ / 15 + 3 * kWord);
    for (int i = 0; i < 8 && places_.size() > needed; ++i) places_.pop_back();
    while (is_last_.size() * kWord >= places_.size() + kWord) {
      is_last_.pop_back();
    }
  }

  ChunkedVector<uint32_t> last_use_;  // By place.
  ChunkedVector<uint32_t> places_;    // By use; there are uses up to end_.
  ChunkedVector<uint64_t> is_last_;   // By use, a bit for each.

  static constexpr uint32_t kNoSweep = ~uint32_t{0};

  uint32_t* word_ = nullptr;  // The word of uses that end_ is in.
  uint32_t end_ = 0;
  uint32_t noted_from_ = 0;
  uint32_t first_ = 0;  // Before this word no use is the last of its place.
  uint32_t from_ = 0;
  uint32_t to_ = kNoSweep;
  bool far_ = false;  // There are more places than near ones.
};

}  // namespace pinion::internal

#endif  // PINION_SERVER_KEYED_USE_ORDER_H_
