// SPDX-License-Identifier: Apache-2.0
//
// StateBytes: the memory of a state: its own and what it owns.
//
// Threads: plain function; any thread that may read the state.
// Rule:    for a protobuf message, SpaceUsedLong(). For any other state, its
//          size plus the result of PinionOwnedBytes(), if there is such a
//          function beside its class:
// Example: struct Cart { std::vector<Item> items; };
//          size_t PinionOwnedBytes(const Cart& cart) {
//            return cart.items.capacity() * sizeof(Item);
//          }
#ifndef PINION_SERVER_KEYED_STATE_BYTES_H_
#define PINION_SERVER_KEYED_STATE_BYTES_H_

#include <cstddef>
#include <cstdint>

#include "pinion/third_party/cpp20.h"

namespace pinion::internal {

template <typename State>
int64_t StateBytes(const State& state) {
  size_t bytes = sizeof(State);
  if constexpr (requires { PinionOwnedBytes(state); }) {
    bytes += PinionOwnedBytes(state);
  } else if constexpr (requires { state.SpaceUsedLong(); }) {
    bytes = state.SpaceUsedLong();
  }
  return static_cast<int64_t>(bytes);
}

}  // namespace pinion::internal

#endif  // PINION_SERVER_KEYED_STATE_BYTES_H_
