// SPDX-License-Identifier: Apache-2.0
//
// ReleaseCondition: what the answers of a batch wait for after the batch, for
//                   example until a journal has written what the batch did.
//
// Threads: the lane's worker calls AfterBatch().
// Waiting: the calls run on meanwhile. At its deadline, by a cancel or by a
//          stop, a call is answered otherwise (EXECUTED_MAYBE), and its answer
//          is dropped.
// Example: class Journal : public ReleaseCondition {
//            uint64_t AfterBatch(int worker) override { return last_written_; }
//          };
//          lanes.ReleaseAnswers(worker, flushed);  // On the worker, later.
#ifndef PINION_SERVER_LANE_RELEASE_CONDITION_H_
#define PINION_SERVER_LANE_RELEASE_CONDITION_H_

#include <cstdint>

namespace pinion {

class ReleaseCondition {
 public:
  // Called on `worker` at the end of each of its batches that has answers.
  // Returns the number that Lanes::ReleaseAnswers() must reach for them; it
  // never falls on one worker. 0: they leave at once.
  virtual uint64_t AfterBatch(int worker) = 0;

 protected:
  ~ReleaseCondition() = default;
};

}  // namespace pinion

#endif  // PINION_SERVER_LANE_RELEASE_CONDITION_H_
