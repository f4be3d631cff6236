// SPDX-License-Identifier: Apache-2.0
//
// HopNode: what a Hop (server/hop.h) holds, and what it asks of its service.
//
// Threads: one holder at a time, on whichever worker that is.
// Made by: Hops (server/shard/hops.h), which has the lanes.
#ifndef PINION_SERVER_INTERNAL_HOP_NODE_H_
#define PINION_SERVER_INTERNAL_HOP_NODE_H_

#include "absl/functional/any_invocable.h"
#include "pinion/proto/wire/key.h"

namespace pinion {

class Hop;

class HopNode {
 public:
  // Runs `function` on `worker`, with the shard there and with this hop. The
  // caller does not hold the node any more.
  virtual void Post(
      int worker, absl::AnyInvocable<void(void* shard, Hop hop)> function) = 0;

  // Ends the hop. The caller does not hold the node any more.
  virtual void Release() = 0;

  // Ends the program unless the service's shards are of the class that
  // Hop::TypeOf() says.
  virtual void CheckShard(const void* type) const = 0;

  // The worker that owns `key`.
  virtual int OwnerOf(const Key& key) const = 0;

 protected:
  virtual ~HopNode() = default;
};

}  // namespace pinion

#endif  // PINION_SERVER_INTERNAL_HOP_NODE_H_
