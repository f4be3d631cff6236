// SPDX-License-Identifier: Apache-2.0
//
// Hop: the right to run one function on another lane of the same service, with
//      that lane's shard.
//
// Threads: workers only. Any worker may post, forward or destroy a Hop, one at
//          a time.
// Promise: a post never fails (but see Errors), never waits and never counts
//          towards a list's limit, so lanes that post to each other cannot
//          deadlock, however full they are. The function runs once (but see
//          Errors and Stop), before the calls that wait in its lane. The
//          functions that one worker posts to another run in the order posted.
// Bound:   each call has one hop: CallContext::TakeHop(). The hop holds a place
//          in its call's lane until it is destroyed, even after the answer; so
//          a lane that admits n calls has at most n hops more. Each shard has
//          one hop of its own, for its timers and background work:
//          ShardInfo::TakeHop().
// Memory:  TakeHop() allocates the hop, so calls without one pay nothing, and
//          posting allocates no more. The hop itself stores a function object
//          of up to two pointers; a larger one lies on the heap until it has
//          run.
// Throws:  Pinion logs an exception from the function, and the lane goes on. A
//          Call that the function has captured is answered INTERNAL with the
//          exception's text.
// Errors:  a hop to a worker that does not exist is dropped, with a line in the
//          log: its function is destroyed without running, the hop ends, and a
//          Call that the function has captured is answered INTERNAL with the
//          numbers. So check a number that comes from outside.
// Stop:    the functions of calls' hops all run before the shards are
//          destroyed, however often they are forwarded. A hop that is forwarded
//          forever blocks the stop like a handler that never returns. A shard's
//          own hop is no longer delivered once the server ends its workers: its
//          function is destroyed without running.
// Example: absl::Status Ledger::Debit(const DebitRequest& request,
//                                     DebitResponse* response,
//                                     CallContext& context) {
//            balances_[request.from()] -= request.amount();
//            context.TakeHop().PostToKey<Ledger>(
//                request.to(), [request](Ledger& there) {
//                  there.balances_[request.to()] += request.amount();
//                });
//            return absl::OkStatus();
//          }
//
// The function may take the hop as well, to go on to another lane or back:
//          [...](Ledger& there, Hop hop) {
//            std::move(hop).Post<Ledger>(from, [...](Ledger& home) { ... });
//          }
#ifndef PINION_SERVER_HOP_H_
#define PINION_SERVER_HOP_H_

#include <type_traits>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "pinion/core/base/check.h"
#include "pinion/proto/wire/as_key.h"
#include "pinion/proto/wire/key.h"
#include "pinion/server/internal/hop_node.h"

namespace pinion {

class Hop {
 public:
  Hop(Hop&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  Hop& operator=(Hop&& other) noexcept {
    if (this != &other) {
      LetGo();
      node_ = std::exchange(other.node_, nullptr);
    }
    return *this;
  }
  ~Hop() { LetGo(); }

  // Runs `function` with the shard of `worker`, 0 to ShardInfo::workers() - 1
  // (see Errors); it may be the calling worker. The function is void(Shard&),
  // and the hop is released after it has run, or void(Shard&, Hop). `Shard` is
  // the class in which the service is hosted.
  template <typename Shard, typename Function>
  void Post(int worker, Function function) && {
    PINION_CHECK(node_ != nullptr, "a hop was posted twice");
    CheckShard(TypeOf<Shard>());
    std::move(*this).Post(
        worker, [function = std::move(function)](void* shard, Hop hop) mutable {
          auto& there = *static_cast<Shard*>(shard);
          if constexpr (std::is_invocable_v<Function&, Shard&, Hop>) {
            function(there, std::move(hop));
          } else {
            static_assert(std::is_invocable_v<Function&, Shard&>,
                          "a hop's function takes (Shard&) or (Shard&, Hop)");
            function(there);
          }
        });
  }

  // The same on the worker that owns `key`: a Key, an integer, an enum, or
  // anything that converts to an absl::string_view.
  template <typename Shard, typename K, typename Function>
  void PostToKey(const K& key, Function function) && {
    const int worker = OwnerOf(internal::AsKey(key));
    std::move(*this).template Post<Shard>(worker, std::move(function));
  }

  // The rest is for Pinion only.

  // A value that is the same for each use with one class, and different for
  // each class.
  template <typename Shard>
  static const void* TypeOf() {
    static constexpr char kType = 0;
    return &kType;
  }

  using Function = absl::AnyInvocable<void(void* shard, Hop hop)>;

  explicit Hop(HopNode* node) : node_(node) {}

  // Only for callers that know that the lanes still exist.
  void PostFromAnyThread(int worker, Function function) &&;

 private:
  void Post(int worker, Function function) &&;
  void CheckShard(const void* type) const;
  int OwnerOf(const Key& key) const;
  void LetGo();

  HopNode* node_;  // Null: posted, or moved from.
};

}  // namespace pinion

#endif  // PINION_SERVER_HOP_H_
