// SPDX-License-Identifier: Apache-2.0
//
// Account: what became of the calls of one hosted service, by worker and
// method.
//
// Threads: anyone; each thread counts in a shard of its own.
// Order:   who reads sees no answer without the acceptance of its call.
// Example: account.Count(worker, method, Event::kAccepted);
//          CallCounts lane = account.OfWorker(worker);
#ifndef PINION_SERVER_ACCOUNT_H_
#define PINION_SERVER_ACCOUNT_H_

#include <cstddef>
#include <vector>

#include "core/sharded_tallies.h"
#include "pinion/v1/failure.pb.h"
#include "server/call_counts.h"
#include "server/fate.h"

namespace pinion {

class Account {
 public:
  enum class Event {
    kAccepted,
    kClaimed,  // Just before its handler.
    kOk,       // Its handler ended with success,
    kError,    // or with an error.
    kLateEnd,  // The handler of a call that had been answered ended.
    kCount,
  };

  Account(int workers, int methods);

  void Count(int worker, int method, Event event) {
    tallies_.Add(Cell(worker, method) + static_cast<size_t>(event), 1);
  }

  // A call was answered in the place of its handler, in the state `was`.
  void CountTaken(int worker, int method, Verdict verdict, Fate::Was was);

  // A call was not let in; `worker` is -1 if it was not routed.
  void CountRefused(int worker, int method, v1::Reason reason);

  // Sums over all methods, or over all workers. The gauges of a sum are those
  // of one moment, unless the counts changed at each of many looks.
  CallCounts OfWorker(int worker) const;
  CallCounts OfMethod(int method) const;
  // What was refused before it was routed.
  CallCounts Unrouted() const { return OfWorker(-1); }

 private:
  // The cells of a worker and method: the events, what was taken by verdict and
  // state, what was refused by reason.
  static constexpr size_t kEvents = static_cast<size_t>(Event::kCount);
  static constexpr size_t kVerdicts = 3;
  static constexpr size_t kTaken = kEvents;
  static constexpr size_t kRefused = kTaken + 2 * kVerdicts;
  static constexpr size_t kCells = kRefused + v1::Reason_ARRAYSIZE;

  static size_t Taken(Verdict verdict, Fate::Was was);

  size_t Cell(int worker, int method) const {
    return (static_cast<size_t>(worker + 1) * methods_ + method) * kCells;
  }
  CallCounts Read(const std::vector<size_t>& cells) const;
  CallCounts ReadOnce(const std::vector<size_t>& cells) const;

  // Fixed at construction; anyone may read.
  const int workers_;
  const int methods_;
  // Shared.
  ShardedTallies tallies_;
};

}  // namespace pinion

#endif  // PINION_SERVER_ACCOUNT_H_
