// SPDX-License-Identifier: Apache-2.0
//
// Party: the client that is answerable for a call, as far as it is known (one
//        session, or one connection with unary calls), and what the server
//        holds because of it.
//
// Threads: any thread.
// Life:    shared by its calls and the session or connection that makes them.
//          It may outlive the server.
// Why:     with plain limits, the first client could use them up. Credit limits
//          each party's share, so a client that floods the server or does not
//          read its answers keeps nobody else out.
// Example: credit.Reserve(1, bytes, &party->held());
#ifndef PINION_SERVER_PARTY_PARTY_H_
#define PINION_SERVER_PARTY_PARTY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "pinion/core/base/mutex.h"
#include "pinion/server/internal/holding.h"
#include "pinion/server/party/party_limits.h"

namespace pinion {

class Party {
 public:
  // How many calls, streams and sessions a client is told that it may have open
  // on one connection, and how many it gets if it ignores that. Twice as many:
  // the next call may be there before the last one is counted out.
  static constexpr int kAnnouncedCalls = 16384;
  static constexpr int64_t kMaxOpenCalls = 2 * kAnnouncedCalls;

  // For a server with `lanes` lanes: its services times its workers.
  explicit Party(size_t lanes)
      : lanes_(lanes), in_lanes_(new Holding[2 * lanes]) {}

  // Its part of the server's credit: calls, their requests and unsent answers.
  Holding& held() { return held_; }
  // Its part of a lane's: places and the requests in them.
  Holding& held_in(size_t lane) { return in_lanes_[lane]; }
  // Its part of a lane's open streams.
  Holding& streams_in(size_t lane) { return in_lanes_[lanes_ + lane]; }
  // The reflection streams that it has open.
  Holding& reflection_streams() { return reflection_streams_; }

  // Of a connection: counts one more that gRPC has open on it, also if it is to
  // be refused, as it is open until that has left. Returns whether there is
  // room for it.
  bool OpenCall() {
    return open_calls_.fetch_add(1, std::memory_order_relaxed) < kMaxOpenCalls;
  }
  // Its part of gRPC is gone. Once for each.
  void CloseCall() { open_calls_.fetch_sub(1, std::memory_order_relaxed); }

  // Of a connection: counts it as one of `limited`'s, until this is destroyed.
  // Returns whether there was room for it, or it is counted already.
  bool CountConnection(PartyLimits& limits,
                       const std::shared_ptr<LimitedParty>& limited) {
    if (limits.most(LimitedParty::kConnections) == 0) return true;
    MutexLock lock(mutex_);
    if (!connection_.has_value()) {
      connection_ = limits.Open(limited, LimitedParty::kConnections);
    }
    return connection_.has_value();
  }

 private:
  Holding held_;
  Holding reflection_streams_;
  // Relaxed: the number is all there is.
  std::atomic<int64_t> open_calls_{0};
  const size_t lanes_;
  const std::unique_ptr<Holding[]> in_lanes_;
  Mutex mutex_;
  // None: it is not counted.
  std::optional<OpenOfParty> connection_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pinion

#endif  // PINION_SERVER_PARTY_PARTY_H_
