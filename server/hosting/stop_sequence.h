// SPDX-License-Identifier: Apache-2.0
//
// StopSequence: how a server stops: the steps, in their order, and how far it
//               has come. It stops by its owner's word, or because its gRPC
//               server was shut down.
//
// Steps:   1. The drain begins: health says NOT_SERVING, open streams are told,
//             the lame duck passes, the door closes.
//          2. The drain: streams that cannot hear of the stop end; the other
//             calls inside have the grace period; then they are answered.
//          3. The I/O ends: the gRPC server, the I/O threads, the expirer.
//          4. The workers finish, destroy their shards and end.
//          Parts that were never made need no step; a step done is not done
//          again.
// Lines:   while it waits, the stop writes what for, when StopLines says so.
// GOAWAY:  a call that reaches gRPC's server as it shuts down ends CANCELLED,
//          without a Failure, until its client has heard of the end. So step 3
//          first holds the answers of those who still call, which keeps clients
//          that wait for an answer from sending; then the server shuts down,
//          and the held answers follow its GOAWAY.
// Threads: the owner's, as Hosting says of its functions (server/hosting.h).
//          Any thread may Hurry(), at any time. I/O threads call OnServerEnd().
// Example: StopSequence stop(options, log);
//          stop.WorkersStarted({...}), stop.ServingStarts({...});
//          absl::Status status = stop.Stop();
#ifndef PINION_SERVER_HOSTING_STOP_SEQUENCE_H_
#define PINION_SERVER_HOSTING_STOP_SEQUENCE_H_

#include <grpcpp/server.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "pinion/core/clock.h"
#include "pinion/core/scheduler.h"
#include "pinion/core/stall_watch.h"
#include "pinion/server/door/inside.h"
#include "pinion/server/expiry/expirer.h"
#include "pinion/server/health.h"
#include "pinion/server/internal/live_span.h"
#include "pinion/server/io/io_thread.h"
#include "pinion/server/lane/lanes.h"
#include "pinion/server/lane/running_calls.h"
#include "pinion/server/log.h"
#include "pinion/server/log/server_log.h"
#include "pinion/server/options.h"
#include "pinion/server/security/identity/token_judge.h"
#include "pinion/server/snapshot.h"

namespace pinion {

// What steps 1 to 3 end.
struct ServingParts {
  Health& health;
  Inside& inside;
  absl::Span<const std::unique_ptr<IoThread>> io_threads;
  Expirer& expirer;
  TokenJudge* token_judge;  // Null: there is none.
  // Null if there is none when the I/O ends.
  const std::unique_ptr<StallWatch>& stall_watch;
  // What its lines say of open calls.
  std::function<ServerSnapshot()> snapshot;
  // Released once it is shut down.
  std::shared_ptr<grpc::Server> server;
};

// What step 4 ends.
struct WorkerParts {
  Scheduler& scheduler;
  RunningCalls& running_calls;
  // Those that there are when the workers end.
  const std::vector<std::unique_ptr<Lanes>>& lanes;
  // What must be at rest once the workers have ended.
  std::function<ServerSnapshot()> snapshot;
};

class StopSequence {
 public:
  // It writes its lines to `log`, and has its times of `options`. The parts
  // that it is given below must live until it has ended them.
  StopSequence(const HostingOptions& options, ServerLog& log)
      : log_(log),
        lame_duck_(absl::ToChronoNanoseconds(options.lame_duck)),
        grace_(absl::ToChronoNanoseconds(options.grace)) {}
  StopSequence(const StopSequence&) = delete;
  StopSequence& operator=(const StopSequence&) = delete;

  // The workers run, and must be ended.
  void WorkersStarted(WorkerParts workers) {
    workers_.emplace(std::move(workers));
  }
  // Calls will be counted by `inside`, and Hurry() ends the waiting for them.
  void DoorIsMade(Inside& inside) {
    // Release, with the acquire in Hurry().
    inside_to_hurry_.store(&inside, std::memory_order_release);
  }
  // Before the I/O threads start.
  void ServingStarts(ServingParts serving) {
    serving_.emplace(std::move(serving));
  }

  // Changes the times that the options had, for a lame duck or a grace period
  // that has not begun. Any thread may call it.
  void SetTimes(std::chrono::nanoseconds lame_duck,
                std::chrono::nanoseconds grace) {
    lame_duck_.Set(lame_duck);
    grace_.Set(grace);
  }

  // What is left of the grace period, which may not have begun; 0 if it is over
  // or was hurried. The owner's.
  std::chrono::nanoseconds grace_left() const {
    if (hurry_.HasBeenNotified()) return std::chrono::nanoseconds(0);
    return std::max(grace_ends_ - Clock().Now(), std::chrono::nanoseconds(0));
  }

  // Whether there is what steps 1 to 3 end. The owner's.
  bool serving() const { return serving_.has_value(); }

  // Step 1.
  void BeginDrain();
  // Steps 1 and 2.
  void Drain();
  // All steps. If the workers do not finish in time, the error says what they
  // do instead; then call EndWorkersHoweverLong().
  absl::Status Stop();

  // Step 4 alone, and as long as it takes.
  void EndWorkersHoweverLong();

  // Ends the lame duck and the grace period, now or later.
  void Hurry();

  // The gRPC server was shut down: drains without a lame duck on a thread of
  // its own, unless a drain was asked for already.
  void OnServerEnd();

 private:
  void BeginDrain(std::chrono::nanoseconds lame_duck);
  void PassLameDuck(std::chrono::nanoseconds lame_duck);
  void Drain(std::chrono::nanoseconds lame_duck);
  void AwaitCallsInside();
  void TellWhatIsInside(std::chrono::nanoseconds left) const;
  void TellWhatHasNotLeft() const;
  void EndIo();
  void ShutDownServer();
  // Whether clients make plain calls over connections now.
  bool ClientsCall() const;

  absl::Status EndWorkers();
  void EndBackgroundWork();
  absl::Status LetWorkersFinish();  // As long as a StopWait says.
  void DestroyWorkers();
  // Whether they finish within `timeout`.
  bool WorkersFinish(std::chrono::nanoseconds timeout);
  void TellWhatRuns(std::chrono::nanoseconds left) const;
  // For people; empty if none do.
  std::string RunningHandlers() const;
  std::string WhichHandlersRun() const;
  std::string WhichWorkersAreLate() const;

  ServerLog& log_;

  // The owner's; the drainer only reads them. None: not begun, or ended.
  std::optional<WorkerParts> workers_;
  std::optional<ServingParts> serving_;
  // On the steady clock. Set when the grace period begins, for the waits after
  // it.
  Moment grace_ends_ = Clock().Now();

  // Any thread's.
  LiveSpan lame_duck_;
  LiveSpan grace_;
  absl::Notification hurry_;
  std::atomic<bool> hurried_{false};
  std::atomic<Inside*> inside_to_hurry_{nullptr};  // Null before there is one.

  // Shared by the two that may drain: the owner, and the thread that sees that
  // the gRPC server was shut down.
  std::once_flag drain_begun_;
  std::once_flag drained_;
  std::atomic<bool> draining_{false};
  std::atomic<bool> server_ended_{false};
  std::thread drainer_;  // Started by an I/O thread; joined at the stop.
};

}  // namespace pinion

#endif  // PINION_SERVER_HOSTING_STOP_SEQUENCE_H_
