// SPDX-License-Identifier: Apache-2.0
//
// ShardInfo: what a shard may know of its place, and do without being called.
//
// Threads: the shard's worker.
// Life:    there before the shard is made, and until it is gone, so the shard
//          may keep a reference.
// Example: class Ledger {
//           public:
//            explicit Ledger(const ShardInfo& info)
//                : info_(info),
//                  accounts_({.key_seed = info.key_seed(),
//                             .clock = info.clock()}),
//                  expiry_(info, accounts_),  // server/keyed/keyed_expiry.h
//                  report_(info, TaskClass::kBulk, [this] { Report(); }) {}
//           private:
//            const ShardInfo& info_;
//            Keyed<Account> accounts_;
//            KeyedExpiry<Account> expiry_;
//            ShardTimer report_;
//          };
//          server.Host<Ledger>("bank.v1.LedgerService");
#ifndef PINION_SERVER_SHARD_INFO_H_
#define PINION_SERVER_SHARD_INFO_H_

#include <cstdint>
#include <optional>
#include <utility>

#include "core/clock.h"
#include "core/task.h"
#include "server/hop.h"
#include "server/hops.h"
#include "server/keyed/as_key.h"
#include "server/own_work.h"

namespace pinion {

class ShardInfo {
 public:
  ShardInfo(int worker, const Clock& clock, OwnWork& own_work, Hops& hops)
      : worker_(worker), clock_(clock), own_work_(own_work), hops_(hops) {}
  ShardInfo(const ShardInfo&) = delete;
  ShardInfo& operator=(const ShardInfo&) = delete;

  // The shard's worker, from 0, and how many there are, each with a shard.
  int worker() const { return worker_; }
  int workers() const { return hops_.owners().workers(); }

  // What the worker has its time from: the machine's, or a test's.
  const Clock& clock() const { return clock_; }

  // ServerOptions::key_seed, by which keys are mapped to slots and workers.
  uint64_t key_seed() const { return hops_.owners().key_seed(); }

  // The worker to whose shard the calls of `key` go: a Key, what converts to an
  // absl::string_view, an integer or an enum.
  template <typename K>
  int OwnerOf(const K& key) const {
    return hops_.owners().OwnerOf(internal::AsKey(key));
  }

  // Has `function`, void(), run soon on this worker, among the work of that
  // class: to do in steps what would hold up calls in one. What is posted is
  // the shard's own memory, and not bounded. None begins before all shards of
  // the service are made, nor once the server ends its workers, when all calls
  // have been answered; what is left is destroyed before the shard, and what
  // that still posts at once.
  void Post(TaskClass task_class, OwnWork::Function function) const {
    own_work_.Post(task_class, std::move(function));
  }

  // The hop that timers and posted functions may use, which have no call: see
  // hop.h. A shard has one; there is none while it is away.
  std::optional<Hop> TakeHop() const { return hops_.TakeOwn(worker_); }

  // The rest is Pinion's.
  OwnWork& own_work() const { return own_work_; }

 private:
  const int worker_;
  const Clock clock_;
  OwnWork& own_work_;
  Hops& hops_;
};

}  // namespace pinion

#endif  // PINION_SERVER_SHARD_INFO_H_
