// SPDX-License-Identifier: Apache-2.0
//
// KvWatchers: the open Watch() streams of one shard. kv.proto says what each
//             watcher gets.
//
// Threads: the shard's worker only.
// Slow:    a watcher whose client takes too little gets only the latest change
//          when there is room again. So each watcher takes bounded memory,
//          however often its key changes.
// Example: watchers.Add("a", present, std::move(stream));
//          watchers.Tell({.kind = KvChange::Kind::kDeleted, .key = "a", ...});
#ifndef PINION_SERVER_KV_KV_WATCHERS_H_
#define PINION_SERVER_KV_KV_WATCHERS_H_

#include <string>

#include "pinion/kv/v1/kv.pb.h"
#include "pinion/server/followers.h"
#include "pinion/server/kv/kv_change.h"
#include "pinion/server/shard_info.h"
#include "pinion/server/stream.h"

namespace pinion::kv {

class KvWatchers {
 public:
  using WatchStream = Stream<v1::WatchResponse>;

  explicit KvWatchers(const ShardInfo& info)
      : watchers_(info, {.when_slow = WhenSlow::kSkipToLatest}) {}

  // Adds `stream` as a watcher of `key`. It gets `present` first and then each
  // change.
  void Add(const std::string& key, const v1::WatchResponse& present,
           WatchStream stream);

  // Sends `change` to the watchers of its key.
  void Tell(const KvChange& change);

 private:
  Followers<v1::WatchResponse> watchers_;  // By key.
};

}  // namespace pinion::kv

#endif  // PINION_SERVER_KV_KV_WATCHERS_H_
