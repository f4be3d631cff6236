// SPDX-License-Identifier: Apache-2.0
//
// ShardInfo: what a shard can learn about its worker, and the work that it can
//            start without a call.
//
// Threads: the shard's worker only.
// Life:    it exists before the shard is made and until the shard is destroyed,
//          so the shard may keep a reference.
// Example: class Ledger {
//           public:
//            explicit Ledger(const ShardInfo& info)
//                : info_(info),
//                  accounts_({.key_seed = info.key_seed(),
//                             .clock = info.clock(),
//                             .tallies = &info.keyed_tallies()}),
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

#include "absl/functional/any_invocable.h"
#include "pinion/core/clock.h"
#include "pinion/core/task.h"
#include "pinion/proto/wire/as_key.h"
#include "pinion/server/hop.h"
#include "pinion/server/internal/keyed_tallies.h"

namespace pinion {

class Hops;
class BackgroundWork;

class ShardInfo {
 public:
  ShardInfo(int worker, const Clock& clock, int64_t max_response_bytes,
            BackgroundWork& background_work, Hops& hops)
      : worker_(worker),
        clock_(clock),
        max_response_bytes_(max_response_bytes),
        background_work_(background_work),
        hops_(hops) {}
  ShardInfo(const ShardInfo&) = delete;
  ShardInfo& operator=(const ShardInfo&) = delete;

  // The index of the shard's worker, from 0, and the number of workers. Each
  // worker has one shard.
  int worker() const { return worker_; }
  int workers() const;

  // The worker's clock: the machine's, or a test's.
  const Clock& clock() const { return clock_; }

  // HostingOptions::key_seed, which maps keys to slots and workers.
  uint64_t key_seed() const;

  // The largest serialized response that a client can get in every way: alone,
  // as a message of a stream, and within a session with its Timing. It is
  // HostingOptions::max_message_bytes less up to 59 bytes, and trailing
  // metadata of the handler must fit in as well. A request of a few bytes more
  // may arrive, so do not store what could not be returned.
  int64_t max_response_bytes() const { return max_response_bytes_; }

  // The worker whose shard gets the calls of `key`: a Key, an integer, an enum,
  // or anything that converts to an absl::string_view.
  template <typename K>
  int OwnerOf(const K& key) const {
    return Owner(internal::AsKey(key));
  }

  // Runs `function`, a void(), soon on this worker as background work of
  // `task_class`. Use it to split work that would delay calls into steps.
  // Posted functions are the shard's own memory, and no limit applies. None
  // starts before all shards of the service are made, or after the server has
  // begun to end its workers, when all calls are answered. Functions that have
  // not run are destroyed before the shard; a function posted by their
  // destructors is destroyed at once.
  void Post(TaskClass task_class, absl::AnyInvocable<void()> function) const;

  // Takes the shard's own hop, for timers and posted functions, which have no
  // call: see hop.h. A shard has one; returns none while it is in use.
  std::optional<Hop> TakeHop() const;

  // For KeyedOptions::tallies, so that the entries of this shard's maps are in
  // the server's Snapshot() and metrics.
  internal::KeyedTallies& keyed_tallies() const { return keyed_tallies_; }

  // The rest is for Pinion only.
  BackgroundWork& background_work() const { return background_work_; }

 private:
  int Owner(const Key& key) const;

  const int worker_;
  const Clock clock_;
  const int64_t max_response_bytes_;
  BackgroundWork& background_work_;
  Hops& hops_;
  // The shard's only part of it: any thread reads them.
  mutable internal::KeyedTallies keyed_tallies_;
};

}  // namespace pinion

#endif  // PINION_SERVER_SHARD_INFO_H_
