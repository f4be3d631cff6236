// SPDX-License-Identifier: Apache-2.0
//
// Account: the outcomes of the calls of one hosted service, by worker and
//          method.
//
// Threads: any thread; each thread counts in its own part.
// Order:   a reader never sees an answer without the acceptance of its call.
// Example: account.Count(worker, method, Event::kAccepted);
//          account.CountError(worker, method, absl::StatusCode::kNotFound);
//          CallCounts lane = account.OfWorker(worker);
#ifndef PINION_SERVER_LANE_ACCOUNT_H_
#define PINION_SERVER_LANE_ACCOUNT_H_

#include <cstddef>
#include <vector>

#include "absl/status/status.h"
#include "pinion/core/sharded_tallies.h"
#include "pinion/server/call/fate.h"
#include "pinion/server/call_counts.h"
#include "pinion/v1/failure.pb.h"

namespace pinion {

class Account {
 public:
  enum class Event {
    kAccepted,
    kClaimed,  // Just before its handler.
    kOk,       // Its handler ended with success.
    kLateEnd,  // The handler of an answered call ended.
    kCount,
  };

  Account(int workers, int methods);

  void Count(int worker, int method, Event event) {
    tallies_.Add(Cell(worker, method) + static_cast<size_t>(event), 1);
  }

  // Count() for many calls of one method on one worker, by the thread that gets
  // it.
  class Mine {
   public:
    Mine() = default;
    explicit Mine(ShardedTallies::Mine tallies) : tallies_(tallies) {}
    void Count(Event event) { tallies_.Add(static_cast<size_t>(event), 1); }

   private:
    ShardedTallies::Mine tallies_;
  };
  Mine MineOf(int worker, int method) {
    return Mine(tallies_.MineFrom(Cell(worker, method)));
  }

  // Its handler ended with an error of that code.
  void CountError(int worker, int method, absl::StatusCode code);

  // A call was answered in its handler's place, in the state `was`.
  void CountRevoked(int worker, int method, RevokeReason reason, Fate::Was was);

  // A call was refused; `worker` is -1 if it was not routed.
  void CountRefused(int worker, int method, v1::Reason reason);

  // Sums over all methods, or over all workers. The gauges of a sum belong to
  // one moment, unless the counts changed at each of many looks.
  CallCounts OfWorker(int worker) const;
  CallCounts OfMethod(int method) const;
  // Calls that were refused before they were routed.
  CallCounts Unrouted() const { return OfWorker(-1); }

 private:
  // The cells of a worker and method: the events, errors by code, answers in
  // the handler's place by reason and state, refusals by reason.
  static constexpr size_t kEvents = static_cast<size_t>(Event::kCount);
  static constexpr size_t kRevokeReasons = 5;
  // Of a call answered in its handler's place.
  static constexpr size_t kStates = 3;
  static constexpr size_t kErrors = kEvents;
  static constexpr size_t kRevoked = kErrors + CallCounts::kCodes;
  static constexpr size_t kRefused = kRevoked + kStates * kRevokeReasons;
  static constexpr size_t kCells = kRefused + v1::Reason_ARRAYSIZE;

  static size_t Revoked(RevokeReason reason, Fate::Was was);

  size_t Cell(int worker, int method) const {
    return (static_cast<size_t>(worker + 1) * methods_ + method) * kCells;
  }
  CallCounts Read(const std::vector<size_t>& cells) const;
  CallCounts ReadOnce(const std::vector<size_t>& cells) const;

  // Fixed at construction; any thread may read.
  const int workers_;
  const int methods_;
  // Shared.
  ShardedTallies tallies_;
};

}  // namespace pinion

#endif  // PINION_SERVER_LANE_ACCOUNT_H_
