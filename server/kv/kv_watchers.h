// SPDX-License-Identifier: Apache-2.0
//
// KvWatchers: the open Watch() streams of one shard; see kv.proto for what they
//             are told.
//
// Threads: the shard's worker.
// Slow:    one whose client takes too little is owed the latest change, and
//          told of that alone when there is room again. So each takes bounded
//          memory, however often its key changes.
// Stop:    when the server's stop begins, they end with UNAVAILABLE.
// Example: watchers.Add("a", present, std::move(stream));
//          watchers.Tell({.kind = KvChange::Kind::kDeleted, .key = "a", ...});
#ifndef PINION_SERVER_KV_KV_WATCHERS_H_
#define PINION_SERVER_KV_KV_WATCHERS_H_

#include <list>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "pinion/kv/v1/kv.pb.h"
#include "server/kv/kv_change.h"
#include "server/stream.h"

namespace pinion::kv {

class KvWatchers {
 public:
  using WatchStream = Stream<v1::WatchResponse>;

  KvWatchers() = default;
  KvWatchers(const KvWatchers&) = delete;
  KvWatchers& operator=(const KvWatchers&) = delete;

  // From now on `stream` is told of the changes of `key`, after `present`.
  void Add(const std::string& key, const v1::WatchResponse& present,
           WatchStream stream);

  // Tells those that watch its key.
  void Tell(const KvChange& change);

 private:
  struct Watcher {
    std::string key;
    WatchStream stream;
    std::optional<v1::WatchResponse> owed;
  };
  using Watchers = std::list<Watcher>;

  // False if the stream has ended by it, and the watcher is to go.
  static bool Send(Watcher& watcher, const v1::WatchResponse& response);
  static bool SendOrOwe(Watcher& watcher, const v1::WatchResponse& response);

  // What the stream is able to do has changed.
  void OnChange(Watchers::iterator watcher);
  static bool GoOn(Watcher& watcher);
  void Remove(Watchers::iterator watcher);

  absl::flat_hash_map<std::string, Watchers> watchers_;  // By key; none empty.
};

}  // namespace pinion::kv

#endif  // PINION_SERVER_KV_KV_WATCHERS_H_
