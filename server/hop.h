// SPDX-License-Identifier: Apache-2.0
//
// Hop: the right to have one function run on another lane of the same service,
//      with that lane's shard.
//
// Threads: of the workers: it is posted, passed on and let go on any of them,
//          by one at a time.
// Promise: a post never fails, never waits and takes no place in any list's
//          bound, so lanes that post to each other cannot lock each other up,
//          however full they are. A function is run once (but see Stop), before
//          the calls that wait in its lane. What one worker posts to another
//          runs in the order posted.
// Bound:   a call has one hop: CallContext::TakeHop(). It holds a place of its
//          call's lane until it is let go, beyond the answer, so a lane that
//          admits n calls has at most n hops more. A shard has one of its own,
//          for its timers and posted work: ShardInfo::TakeHop().
// Memory:  a call's hop is made when it is taken, so a call that takes none
//          pays nothing; a post then needs no more of it. The function object
//          lies in the hop, or, if it is larger than two pointers, on the heap
//          until it has run.
// Throws:  what a function throws is logged, and the lane goes on. A Call that
//          it has captured is answered INTERNAL, with the text.
// Stop:    the functions of calls' hops all run before the shards are
//          destroyed, however often they are passed on, as handlers do: one
//          that is passed on for ever is as one that does not return. A shard's
//          own hop is not passed on any more once the server ends its workers:
//          the function is destroyed without having run.
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
// A function may take the hop as well, to go on to the next lane or back:
//          [...](Ledger& there, Hop hop) {
//            std::move(hop).Post<Ledger>(from, [...](Ledger& home) { ... });
//          }
#ifndef PINION_SERVER_HOP_H_
#define PINION_SERVER_HOP_H_

#include <type_traits>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "core/check.h"
#include "proto/wire/key_reader.h"
#include "server/keyed/as_key.h"

namespace pinion {

class HopNode;

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

  // Has `function` run on `worker`, 0 to ShardInfo::workers() - 1, which may be
  // this one, with the shard there. It is void(Shard&), and the hop is let go
  // when it has run, or void(Shard&, Hop). `Shard` is the class that the
  // service is hosted in.
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

  // The same on the worker that owns `key`: a Key, what converts to an
  // absl::string_view, an integer or an enum.
  template <typename Shard, typename K, typename Function>
  void PostToKey(const K& key, Function function) && {
    const int worker = OwnerOf(internal::AsKey(key));
    std::move(*this).template Post<Shard>(worker, std::move(function));
  }

  // The rest is Pinion's.

  // The same for each use with one class, and different from all others.
  template <typename Shard>
  static const void* TypeOf() {
    static constexpr char kType = 0;
    return &kType;
  }

  using Function = absl::AnyInvocable<void(void* shard, Hop hop)>;

  explicit Hop(HopNode* node) : node_(node) {}

  // For who knows that the lanes are there.
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
