// SPDX-License-Identifier: Apache-2.0
//
// The lines in which the entries of a Keyed hang, one for each slot, by a node
// that each entry has.
//
// Threads: the shard's alone.
// Example: chain.Add(node);
//          SlotChain::Remove(node);  // from whichever it is in
#ifndef PINION_SERVER_KEYED_LINKS_H_
#define PINION_SERVER_KEYED_LINKS_H_

#include <cstdint>

#include "core/clock.h"
#include "core/timer_queue.h"

namespace pinion::internal {

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
struct KeyedNode : SlotLink, Timer {
  explicit KeyedNode(uint64_t hash) : hash(hash) {}

  const uint64_t hash;
  uint64_t creation_number = 0;  // In the order in which they came to a Keyed.
  int64_t bytes = 0;             // As counted last.
  Moment expires_at;             // If the entry is mortal.
};

template <typename Entry>
class KeyedIndex;

}  // namespace pinion::internal

#endif  // PINION_SERVER_KEYED_LINKS_H_
