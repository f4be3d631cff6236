// SPDX-License-Identifier: Apache-2.0
//
// ManualServer: a whole server in the test's process, of which the test steps
// the workers and tells the time. So what a test of order, of a timeout or of a
// stop says is what happens, each time, and nothing sleeps.
//
// Threads: all of it is the test's thread's, and handlers run on that; gRPC's
//          part is real, on an I/O thread. FakeClock and clients are anyone's.
// Errors:  a mistake in what is hosted ends the program, saying so.
// Example: ManualServer test([](Server& server) {
//            server.Host<Counter>("shop.v1.CounterService")
//                .On("Add", &Counter::Add);
//          });
//          auto first = test.Call(kAdd, one);    // Waits in its lane now.
//          auto second = test.Call(kAdd, two);
//          test.RunUntilIdle();
//          EXPECT_EQ(second.Await()->value(), 3);
#ifndef PINION_SERVER_TESTING_MANUAL_SERVER_H_
#define PINION_SERVER_TESTING_MANUAL_SERVER_H_

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <random>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "core/fake_clock.h"
#include "server/server.h"
#include "server/testing/in_process_server.h"
#include "server/testing/pending_call.h"

namespace pinion::testing {

struct ManualOptions {
  // The workers are no threads, so there may be more than there are CPUs.
  ServerOptions server = {.workers = 2};
  ClientOptions client = TestClient();
  // Decides in which order workers run; none: another each time, printed, or
  // the one that PINION_SEED has.
  std::optional<uint64_t> seed = std::nullopt;
};

class ManualServer {
 public:
  // Hosts what `host` hosts, and starts.
  explicit ManualServer(absl::FunctionRef<void(Server& server)> host,
                        ManualOptions options = {});
  ~ManualServer();  // Stops first.
  ManualServer(const ManualServer&) = delete;
  ManualServer& operator=(const ManualServer&) = delete;

  // Begins a call of client(), and returns when it has arrived and waits for
  // its worker, or was answered at once. Await() its answer after what answers
  // it.
  template <typename Request, typename Response>
  PendingCall<Response> Call(const Method<Request, Response>& method,
                             const Request& request,
                             const CallOptions& options = {}) {
    const uint64_t before = CountArrived();
    PendingCall<Response> call =
        server_.Begin(method, request, options, [this] { NoteAnswer(); });
    AwaitArrivalOr(before, [&] { return call.answered(); });
    return call;
  }

  // Waits until `calls` wait for their workers, however they came.
  void AwaitWaiting(uint64_t calls);

  // Has the workers run, one step of one worker at a time in an order that the
  // seed decides, until there is nothing left to do. Returns how many steps
  // there were.
  int RunUntilIdle();
  // One step of `worker`; false if it has nothing to do.
  bool Step(int worker);

  // Lets `span` pass, and with it answers the calls whose deadline has passed;
  // timers of shards run with the next step. A server answers up to 2 ms after
  // a deadline; so much more passes.
  void Advance(absl::Duration span);

  // From now on no call is let in. Those that wait can be run.
  void BeginStop();
  // Answers what was not run by now, and ends the server.
  absl::Status Stop();

  // The time, which stands still but for Advance().
  FakeClock& time() { return time_; }
  Client& client() { return server_.client(); }
  Server& server() { return server_.server(); }
  InProcessServer& in_process() { return server_; }

 private:
  // What the I/O thread has seen when it had looked at all that had come.
  struct Seen {
    uint64_t turns = 0;
    uint64_t arrived = 0;  // Let in or refused.
    uint64_t waiting = 0;
  };

  void NoteTurn();
  void NoteAnswer();
  uint64_t CountArrived();
  void AwaitArrivalOr(uint64_t before, absl::FunctionRef<bool()> answered);
  // Waits until `enough` of what was seen since this was called.
  Seen AwaitSeen(absl::FunctionRef<bool(const Seen& seen)> enough);

  FakeClock time_;
  std::mt19937_64 random_;

  std::mutex mutex_;
  std::condition_variable changed_;
  Seen seen_;  // With the mutex held.

  InProcessServer server_;  // The last: its I/O thread uses the others.
  bool stopped_ = false;
};

}  // namespace pinion::testing

#endif  // PINION_SERVER_TESTING_MANUAL_SERVER_H_
