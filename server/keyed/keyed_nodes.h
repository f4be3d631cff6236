// SPDX-License-Identifier: Apache-2.0
//
// KeyedNodes: the nodes of a Keyed's entries, by place.
// SlotChain:  the nodes of one slot, in no order.
//
// Threads: the shard's only.
// Cost:    constant for each step. The places lie in chunks, so adding one
//          moves no other. When most places are free, DropLast() releases their
//          memory, one place at a time.
// Example: KeyedNode& node = nodes.Add();
//          nodes[node.place].bytes += 5;
//          slots[17].PushFront(node);
//          SlotChain::Remove(node);  // From whichever it is in.
//          nodes.Remove(node);
#ifndef PINION_SERVER_KEYED_KEYED_NODES_H_
#define PINION_SERVER_KEYED_KEYED_NODES_H_

#include <cstddef>
#include <cstdint>

#include "pinion/core/base/check.h"
#include "pinion/core/base/linked_list.h"
#include "pinion/core/chunked_vector.h"
#include "pinion/core/timer_queue.h"

namespace pinion::internal {

// The parts of an entry that a look-up does not need. They stay in their place
// when the entry moves.
struct KeyedNode : ListHook<KeyedNode>, Timer {
  uint32_t place = 0;            // Its number among all nodes.
  uint64_t hash = 0;             // The key's hash in the table.
  uint64_t creation_number = 0;  // In the order in which they came to a Keyed;
                                 // 0: it belongs to no entry.
  int64_t bytes = 0;             // As last counted.
};

// An empty one consists of zero bytes, so the untouched pages of a table of
// them cost nothing.
using SlotChain = LinkedList<KeyedNode>;

class KeyedNodes {
 public:
  // The bits of a place's number; the number is never 0.
  static constexpr int kPlaceBits = 30;

  KeyedNodes() { nodes_.push_back({}); }

  // Adds a node in no list. The caller sets its creation_number.
  KeyedNode& Add() {
    const uint32_t place = TakePlace();
    KeyedNode& node = nodes_[place];
    node = KeyedNode();
    node.place = place;
    return node;
  }

  // The node must have left all lists.
  void Remove(KeyedNode& node) {
    node.creation_number = 0;
    free_.PushFront(node);
    ++free_count_;
  }

  KeyedNode& operator[](uint32_t place) { return nodes_[place]; }

  // No node has this place or a higher one.
  uint32_t end() const { return static_cast<uint32_t>(nodes_.size()); }

  // Whether most places are free and releasing some is worth it.
  bool Sparse() const {
    return nodes_.size() > 2 * ChunkedVector<KeyedNode>::kChunk &&
           free_count_ > nodes_.size() / 2;
  }

  // Releases the last place; some place must be free. If the last one is not,
  // its node moves to a free place: `moved(from, node)` gets the old place, and
  // must update everything that knows it, except the slot's chain and the node
  // itself.
  template <typename Moved>
  void DropLast(Moved moved) {
    KeyedNode& last = nodes_.back();
    if (last.creation_number == 0) {
      SlotChain::Remove(last);
      --free_count_;
    } else {
      KeyedNode& node = nodes_[TakeFree()];
      const uint32_t place = node.place;
      node = last;
      node.place = place;
      SlotChain::Replace(last, node);
      moved(last.place, node);
    }
    nodes_.pop_back();
  }

 private:
  uint32_t TakePlace() {
    if (!free_.empty()) return TakeFree();
    PINION_CHECK(nodes_.size() >> kPlaceBits == 0, "over ", nodes_.size() - 1,
                 " entries in one Keyed");
    nodes_.push_back({});
    return static_cast<uint32_t>(nodes_.size() - 1);
  }
  uint32_t TakeFree() {
    KeyedNode& node = *free_.front();
    SlotChain::Remove(node);
    --free_count_;
    return node.place;
  }

  ChunkedVector<KeyedNode> nodes_;  // By place; the first one is unused.
  SlotChain free_;
  size_t free_count_ = 0;
};

}  // namespace pinion::internal

#endif  // PINION_SERVER_KEYED_KEYED_NODES_H_
