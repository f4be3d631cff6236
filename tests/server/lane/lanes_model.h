// SPDX-License-Identifier: Apache-2.0
//
// LanesModel: what is right for calls and lanes to do, in plain sums and lines.
//
// Threads: the test's.
// Use:     the test tells it what it does and what it sees happen; what ought
//          not to be is a failure of the test.
// Example: ModelCall& call = model.NewCall();
//          ... model.Enters(call, refusal, now, per_call);
//          ... model.Begins(call, worker, now); model.Ends(call, result, now);
//          ... model.IsAnswered(call, answer, now); model.IsGone(call);
//          model.Compare(lanes.Snapshot(0), service, 0, moving);
#ifndef PINION_TESTS_SERVER_LANE_LANES_MODEL_H_
#define PINION_TESTS_SERVER_LANE_LANES_MODEL_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pinion/core/clock.h"
#include "pinion/core/task.h"
#include "pinion/server/call/fate.h"
#include "pinion/server/call_counts.h"
#include "pinion/server/internal/answer.h"
#include "pinion/server/snapshot.h"
#include "pinion/v1/failure.pb.h"

namespace pinion::testing {

struct ModelLimits {
  int64_t lane_calls, lane_bytes;
  int64_t server_calls, server_bytes;
  std::chrono::nanoseconds stall_after;
};

// What a handler came to.
struct ModelResult {
  v1::Reason reason = v1::REASON_UNSPECIFIED;  // That is, it was a success.
  std::string payload = {};
  int64_t answer_bytes = 0;  // What the answer then holds.
};

struct ModelCall {
  // As it is sent.
  int number = 0;
  int lanes = 0;  // The service.
  int method = 0;
  std::string key;  // Empty: none.
  TaskClass task_class = TaskClass::kNormal;
  int64_t bytes = 0;
  std::optional<Moment> deadline;
  bool valid = true;      // Its key, and what its metadata asks for.
  bool decodable = true;  // By its handler's service.
  bool wants_timing = false;

  // What was asked of the server while it was open.
  bool asked_to_cancel = false;
  bool asked_to_stop = false;

  // What has become of it.
  enum class State { kOutside, kWaiting, kRunning, kEnded };
  int worker = -1;
  Moment accepted, claimed, ended;
  State state = State::kOutside;  // Its handler's.
  bool answered = false;
  bool gone = false;
  ModelResult result;  // When it has ended.
  int64_t answer_bytes = 0;
};

class LanesModel {
 public:
  LanesModel(int services, int workers, int methods, const ModelLimits& limits);

  ModelCall& NewCall();
  ModelCall& At(size_t number) { return *calls_[number]; }
  size_t size() const { return calls_.size(); }

  // The door has let the call in, or has not. `per_call` is what its lane
  // lately took for one.
  void Enters(ModelCall& call, const std::optional<Answer>& refusal, Moment now,
              std::chrono::nanoseconds per_call);
  void DoorCloses() { closed_ = true; }

  // Its handler.
  void Begins(ModelCall& call, int worker, Moment now);
  void Ends(ModelCall& call, const ModelResult& result, Moment now);
  // It returns without an answer, which somebody else gives later.
  void Holds(ModelCall& call);
  void HeldEnds(ModelCall& call, const ModelResult& result, Moment now);

  // Its answer is given; it does not exist any more.
  void IsAnswered(ModelCall& call, const Answer& answer, Moment now);
  void IsGone(ModelCall& call);

  // What a lane and a method say of themselves. `moving`: the lane's worker is
  // at work, or was since the last comparison.
  void Compare(const LaneSnapshot& seen, int lanes, int worker, bool moving);
  void Compare(const MethodSnapshot& seen, int lanes, int method) const;
  void CompareServer(int64_t held_calls, int64_t held_bytes) const;

  // Adds how many calls came to each end that there is.
  void AddTo(std::map<std::string, uint64_t>* tally) const;

  // A worker has returned from its work; and there was none.
  void Rests(int worker);
  void IsIdle(int worker);
  // It is time that the call had its answer, if it was let in.
  void HasAnswered(const ModelCall& call) const;

 private:
  struct Lane {
    // What is in its lists, oldest first, with what was answered meanwhile.
    std::array<std::deque<ModelCall*>, kTaskClasses> lines;
    CallCounts counts;
    // Of the calls in lines that were answered: what their places hold. When
    // their worker passes them over can only be seen by what it gives back.
    int64_t passed_calls = 0, passed_bytes = 0;
    // Its handler has ended, and it has perhaps not left.
    const ModelCall* leaving = nullptr;
  };
  struct Places {
    int64_t calls = 0, bytes = 0;
  };

  Lane& LaneOf(const ModelCall& call) {
    return lanes_[call.lanes][call.worker];
  }
  // Where the call is counted.
  std::vector<CallCounts*> CountsOf(const ModelCall& call);

  // Why the door may refuse the call; UNSPECIFIED: it may let it in.
  std::vector<v1::Reason> Allowed(const ModelCall& call, Moment now,
                                  std::chrono::nanoseconds per_call);
  std::vector<v1::Reason> AllowedForDeadline(const ModelCall& call, Moment now,
                                             std::chrono::nanoseconds per_call);
  // How many calls of its lane are served before it if it is of the class
  // `last`, certainly; and perhaps, too.
  std::pair<int64_t, int64_t> CountBefore(const ModelCall& call,
                                          TaskClass last);
  void Refused(ModelCall& call, const Answer& refusal);
  void Claimed(ModelCall& call);
  void IsAnsweredByWorker(ModelCall& call, const Answer& answer, Moment now);
  void IsRevoked(ModelCall& call, const Answer& answer, RevokeReason reason);
  void CheckTiming(const ModelCall& call, const Answer& answer) const;

  // What is held by calls that wait or run.
  Places HeldByLiving(int lanes, int worker) const;
  Places HeldByServer() const;
  void ComparePassed(const LaneSnapshot& seen, const Places& living,
                     bool moving, Lane* lane) const;
  static void Gauge(const ModelCall& call, CallCounts* counts);

  const ModelLimits limits_;
  bool closed_ = false;
  std::vector<std::unique_ptr<ModelCall>> calls_;
  std::vector<std::vector<Lane>> lanes_;          // By service and worker.
  std::vector<std::vector<CallCounts>> methods_;  // By service and method.
  std::vector<std::vector<uint64_t>> ended_;      // The same.
  std::vector<const ModelCall*> run_by_;          // By worker.
  std::map<std::string, int> owners_;             // The workers of keys.
};

}  // namespace pinion::testing

#endif  // PINION_TESTS_SERVER_LANE_LANES_MODEL_H_
