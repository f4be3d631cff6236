// SPDX-License-Identifier: Apache-2.0
//
// OpenConnections: the open connections that were given to gRPC, and whether
//                  there is room for another.
//
// Threads: any thread.
// Why:     gRPC does not report when such a connection has ended. So each is
//          known by its descriptor and its socket's inode: once the descriptor
//          is closed or is another file's, the connection is over. This is
//          noticed when the descriptor is used again, and by a look at all of
//          them when there is no room, or when someone asks for the counts.
// Example: switch (connections.Add(descriptor, group, now)) ...
#ifndef PINION_SERVER_LISTENER_OPEN_CONNECTIONS_H_
#define PINION_SERVER_LISTENER_OPEN_CONNECTIONS_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "pinion/core/base/mutex.h"
#include "pinion/core/clock.h"
#include "pinion/server/connection_counts.h"

namespace pinion {

struct ConnectionLimits {
  int64_t in_all;
  int64_t per_group;  // For connections that have a group.
};

class OpenConnections {
 public:
  // How long after a look at all of them the next one may come. A look costs
  // about 0.3 us for each connection, and a client that connects all the time
  // must not cause one each time.
  static constexpr std::chrono::milliseconds kBetweenLooks{100};

  enum class Outcome { kRoom, kFull, kGroupFull };

  explicit OpenConnections(const ConnectionLimits& limits) : limits_(limits) {}

  // Counts the connection of `descriptor`, if there is room for it; otherwise
  // the caller must close it.
  Outcome Add(int descriptor, std::optional<uint64_t> group, Moment now);

  // Changes the limits. Connections that are open stay so.
  void SetLimits(const ConnectionLimits& limits);
  ConnectionLimits limits() const;

  // The present numbers.
  ConnectionCounts Counts();

 private:
  struct Connection {
    // 0, 0 if unused.
    dev_t device = 0;
    ino_t inode = 0;
    std::optional<uint64_t> group;
  };

  Outcome RoomFor(std::optional<uint64_t> group) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RemoveEnded() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Remove(Connection& connection) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  ConnectionLimits limits_ ABSL_GUARDED_BY(mutex_);
  std::vector<Connection> by_descriptor_ ABSL_GUARDED_BY(mutex_);
  // The number of open connections of each group that has any.
  std::map<uint64_t, int64_t> groups_ ABSL_GUARDED_BY(mutex_);
  ConnectionCounts counts_ ABSL_GUARDED_BY(mutex_);
  std::optional<Moment> looked_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pinion

#endif  // PINION_SERVER_LISTENER_OPEN_CONNECTIONS_H_
