// SPDX-License-Identifier: Apache-2.0
//
// The lines in which the entries of a Keyed hang: one by use, one for each
// slot.
//
// Threads: the shard's alone.
// Example: lines.Add(node);     // as the one used last
//          lines.Remove(node);  // from wherever it is
#ifndef PINION_SERVER_KEYED_LINKS_H_
#define PINION_SERVER_KEYED_LINKS_H_

#include <cstdint>

#include "core/clock.h"
#include "core/timer_queue.h"

namespace pinion::internal {

// A place in a ring.
struct UseLink {
  UseLink() = default;
  UseLink(const UseLink&) = delete;
  UseLink& operator=(const UseLink&) = delete;

  UseLink* older = this;
  UseLink* newer = this;
};

// By use, the oldest first.
class UseOrder {
 public:
  // `link`, which is in no line, becomes the newest.
  void Add(UseLink& link) {
    link.older = ends_.older;
    link.newer = &ends_;
    ends_.older->newer = &link;
    ends_.older = &link;
  }
  static void Remove(UseLink& link) {
    link.older->newer = link.newer;
    link.newer->older = link.older;
  }
  // Null if there is none.
  UseLink* oldest() { return ends_.newer == &ends_ ? nullptr : ends_.newer; }

 private:
  UseLink ends_;  // Closes the ring: between the newest and the oldest.
};

// A place in a chain.
struct SlotLink {
  SlotLink* next = nullptr;
  SlotLink** to_this = nullptr;  // What points here.
};

// In no order. All of its bytes are 0 when it is empty, so that the pages of a
// table in which most are cost nothing.
class SlotChain {
 public:
  void Add(SlotLink& link) {
    link.next = first_;
    link.to_this = &first_;
    if (first_ != nullptr) first_->to_this = &link.next;
    first_ = &link;
  }
  static void Remove(SlotLink& link) {
    *link.to_this = link.next;
    if (link.next != nullptr) link.next->to_this = link.to_this;
  }
  // Null if there is none.
  SlotLink* first() const { return first_; }

 private:
  SlotLink* first_ = nullptr;
};

// What a Keyed knows of an entry and a look-up need not know. It stays in its
// place when the entry moves.
struct KeyedNode : SlotLink, UseLink, Timer {
  explicit KeyedNode(uint64_t hash) : hash(hash) {}

  const uint64_t hash;
  int64_t bytes = 0;  // As counted last.
  uint64_t used = 0;  // The number of its last use, in the order of uses.
  Moment expires_at;  // If the entry is mortal.
};

template <typename Entry>
class KeyedIndex;

}  // namespace pinion::internal

#endif  // PINION_SERVER_KEYED_LINKS_H_
