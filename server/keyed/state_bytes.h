// SPDX-License-Identifier: Apache-2.0
//
// StateBytes: how much memory a state takes, itself and what it owns.
//
// Threads: plain function; any thread that may read the state.
// Rule:    a protobuf message says it by SpaceUsedLong(); any other state takes
//          its size, and what a function beside its class says that it owns:
// Example: struct Cart { std::vector<Item> items; };
//          size_t PinionOwnedBytes(const Cart& cart) {
//            return cart.items.capacity() * sizeof(Item);
//          }
#ifndef PINION_SERVER_KEYED_STATE_BYTES_H_
#define PINION_SERVER_KEYED_STATE_BYTES_H_

#include <cstddef>
#include <cstdint>

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
