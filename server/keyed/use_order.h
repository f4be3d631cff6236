// SPDX-License-Identifier: Apache-2.0
//
// UseOrder: the entries of a Keyed by their last uses, to know which to evict.
//
// Threads: the shard's alone.
// Cost:    each call takes constant time, whatever was used before.
// Example: const uint32_t place = order.Add(node);  // as the one used last
//          order.Use(place);
//          KeyedNode* next_to_go = order.oldest();
//
// A ring of places, and each use moves one to its end. That takes three others
// than those that a look-up has seen, each of which may be far from the CPU; so
// the places lie together in an array, and uses are noted and made good some at
// a time, when what they need was fetched all at once (unless it is near). To
// stamp an entry in place of moving it would be cheaper still, but the first
// eviction after many uses would then have to look at as many entries.
#ifndef PINION_SERVER_KEYED_USE_ORDER_H_
#define PINION_SERVER_KEYED_USE_ORDER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/check.h"

namespace pinion::internal {

struct KeyedNode;

class UseOrder {
 public:
  // How many bits the number of a place has; it is never 0. How many bytes the
  // place has; once taken, it is kept for another.
  static constexpr int kPlaceBits = 31;
  static constexpr int kPlaceBytes = 24;

  // The place of `node`, which is used just now, until it is removed.
  uint32_t Add(KeyedNode& node) {
    CatchUp();
    const uint32_t place = TakePlace();
    nodes_[place] = &node;
    const uint32_t newest = links_[kEnds].older;
    LinkBehind(newest, place);
    links_[kEnds].older = place;
    return place;
  }

  void Use(uint32_t place) {
    if (noted_count_ == kMostNoted) CatchUp();
    noted_[noted_count_++] = place;
    if (far_) Prefetch(place);
  }

  void Remove(uint32_t place) {
    CatchUp();
    Unlink(place);
    links_[place].newer = free_;
    free_ = place;
  }

  // Null if there is none.
  KeyedNode* oldest() {
    CatchUp();
    return nodes_[links_[kEnds].newer];
  }

  // Greater than those of all that were used last before this one was.
  uint64_t UseNumber(uint32_t place) {
    CatchUp();
    return links_[place].use_number;
  }

 private:
  struct Link {
    uint32_t older = kEnds;
    uint32_t newer = kEnds;  // In a free place: the next free one.
    uint64_t use_number = 0;
  };

  // The place that closes the ring, between the newest and the oldest.
  static constexpr uint32_t kEnds = 0;

  // Enough for a CPU to fetch as many places at a time as it can.
  static constexpr size_t kMostNoted = 32;

  // So many stay in a CPU's caches; to fetch them beforehand would only cost.
  static constexpr size_t kNearPlaces = 4096;

  // Makes the uses good that were noted, in their order.
  void CatchUp() {
    if (far_) PrefetchNeighbours();
    uint32_t newest = links_[kEnds].older;
    for (size_t i = 0; i < noted_count_; ++i) {
      const uint32_t place = noted_[i];
      if (place == newest) continue;
      Unlink(place);
      LinkBehind(newest, place);
      newest = place;
    }
    links_[kEnds].older = newest;
    noted_count_ = 0;
  }

  void PrefetchNeighbours() const {
    for (size_t i = 0; i < noted_count_; ++i) {
      Prefetch(links_[noted_[i]].older);
      Prefetch(links_[noted_[i]].newer);
    }
  }
  void Prefetch(uint32_t place) const {
    __builtin_prefetch(&links_[place], /*rw=*/1);
  }

  // Which is the newest from now on; the caller tells the ends.
  void LinkBehind(uint32_t newest, uint32_t place) {
    links_[place] = {
        .older = newest, .newer = kEnds, .use_number = ++last_use_};
    links_[newest].newer = place;
  }
  void Unlink(uint32_t place) {
    const Link& link = links_[place];
    links_[link.older].newer = link.newer;
    links_[link.newer].older = link.older;
  }

  uint32_t TakePlace() {
    const uint32_t place = free_;
    if (place != kEnds) {
      free_ = links_[place].newer;
      return place;
    }
    PINION_CHECK(links_.size() >> kPlaceBits == 0, "over ", links_.size() - 1,
                 " entries in one Keyed");
    links_.emplace_back();
    nodes_.push_back(nullptr);
    far_ = links_.size() > kNearPlaces;
    return static_cast<uint32_t>(links_.size() - 1);
  }

  // By place. The nodes are apart, since noting a use needs none.
  static_assert(kPlaceBytes == sizeof(Link) + sizeof(KeyedNode*));
  std::vector<Link> links_{1};
  std::vector<KeyedNode*> nodes_{nullptr};

  std::array<uint32_t, kMostNoted> noted_;
  size_t noted_count_ = 0;
  uint64_t last_use_ = 0;
  bool far_ = false;       // There are more places than near ones.
  uint32_t free_ = kEnds;  // The first free place; kEnds if there is none.
};

}  // namespace pinion::internal

#endif  // PINION_SERVER_KEYED_USE_ORDER_H_
