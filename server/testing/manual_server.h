// SPDX-License-Identifier: Apache-2.0
//
// ManualServer: a whole server in the test's process. The test steps its
//               workers and sets its clock, so a test of an order, of a timeout
//               or of a stop runs the same way each time, and never sleeps.
//
// Threads: the test's thread only, and handlers run on it. gRPC's part is real,
//          on an I/O thread. Any thread may use the FakeClock and clients.
// Errors:  a mistake in a hosted service ends the program with a message.
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
#include <thread>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "pinion/client/client.h"
#include "pinion/core/fake_clock.h"
#include "pinion/server/server.h"
#include "pinion/server/testing/in_process_server.h"
#include "pinion/server/testing/pending_call.h"
#include "pinion/server/testing/pending_stream.h"

namespace pinion::testing {

struct ManualOptions {
  // The workers are not threads, so there may be more of them than CPUs.
  HostingOptions hosting = {.workers = 2};
  ClientOptions client = TestClient();
  // Determines the order in which workers run. None: PINION_SEED if it is set,
  // otherwise a new number each time. The seed is printed.
  std::optional<uint64_t> seed = std::nullopt;
};

class ManualServer {
 public:
  // Hosts the services that `host` hosts, and starts.
  explicit ManualServer(absl::FunctionRef<void(Server& server)> host,
                        ManualOptions options = {});
  ~ManualServer();  // Calls Stop() first.
  ManualServer(const ManualServer&) = delete;
  ManualServer& operator=(const ManualServer&) = delete;

  // Starts a call with client(), and returns when the call waits for its worker
  // or was answered at once. Call Await() on its answer only after you have
  // stepped what answers it: if the call waits for a worker then, nobody would
  // step it, and Await() ends the program with a line that says so.
  template <typename Request, typename Response>
  PendingCall<Response> Call(const Method<Request, Response>& method,
                             const Request& request,
                             const CallOptions& options = {}) {
    const uint64_t before = CountArrived();
    NoteBegin();
    PendingCall<Response> call =
        server_.Begin(method, request, options, [this] { NoteAnswer(); });
    call.BeforeWait(
        [this, name = method.name()](absl::FunctionRef<bool()> answered) {
          CheckThatSomeoneAnswers("Await()", name, answered);
        });
    AwaitArrivalOr(before, [&] { return call.answered(); });
    return call;
  }

  // The same for a server stream. Next() and AwaitEnd() wait for what you have
  // made a handler send; if the stream waits for a worker then, they end the
  // program.
  template <typename Request, typename Response>
  PendingStream<Response> Stream(const StreamMethod<Request, Response>& method,
                                 const Request& request,
                                 const CallOptions& options = {}) {
    const uint64_t before = CountArrived();
    NoteBegin();
    PendingStream<Response> stream = server_.BeginStream(
        method, request, options,
        [this](bool end) { end ? NoteAnswer() : NoteMessage(); });
    stream.BeforeWait(
        [this, name = method.name()](absl::string_view wait,
                                     absl::FunctionRef<bool()> came) {
          CheckThatSomeoneAnswers(wait, name, came);
        });
    AwaitArrivalOr(before, [&] { return stream.ended(); });
    return stream;
  }

  // Waits until `calls` calls wait for their workers, from any client.
  void AwaitWaiting(uint64_t calls);
  // Waits until `streams` streams are open, those that wait for their worker
  // included: after a Cancel(), until the server knows of it.
  void AwaitOpenStreams(int64_t streams);

  // Steps the workers, one at a time in an order that the seed determines,
  // until no worker has anything to do. Returns the number of steps.
  int RunUntilIdle();
  // Steps `worker` once. False if it has nothing to do.
  bool Step(int worker);

  // Advances the clock by `span`, and answers the calls that expire by then.
  // Timers of shards run with the next step. The clock advances by 2 ms more,
  // because a server answers up to 2 ms after a deadline.
  void Advance(absl::Duration span);
  // Answers the calls whose deadline has passed; no time passes.
  void ExpireDue();

  // Refuses all further calls. You can still run those that wait.
  void BeginStop();
  // Answers all calls that have not run, and stops the server.
  absl::Status Stop();

  // The clock. Only Advance() moves it.
  FakeClock& time() { return time_; }
  Client& client() { return server_.client(); }
  Server& server() { return server_.server(); }
  InProcessServer& in_process() { return server_; }

 private:
  // The I/O thread's state after it had looked at everything that had arrived.
  struct Seen {
    uint64_t turns = 0;
    uint64_t arrived = 0;  // Admitted or refused.
    uint64_t waiting = 0;
    int64_t open_streams = 0;
  };

  internal::Runtime& runtime();
  void NoteTurn();
  void NoteBegin();
  void NoteAnswer();
  void NoteMessage();
  // In `wait`, an Await() or the like for a call of `method`: returns when it
  // is answered, or when another thread may step the workers. Ends the program
  // if all unanswered calls wait for workers that nobody will step.
  void CheckThatSomeoneAnswers(absl::string_view wait, absl::string_view method,
                               absl::FunctionRef<bool()> answered);
  uint64_t CountArrived();
  void AwaitArrivalOr(uint64_t before, absl::FunctionRef<bool()> answered);
  // Waits until `enough` is true of a state newer than this call.
  Seen AwaitSeen(absl::FunctionRef<bool(const Seen& seen)> enough);

  const std::thread::id thread_ = std::this_thread::get_id();
  FakeClock time_;
  std::mt19937_64 random_;

  std::mutex mutex_;
  std::condition_variable changed_;
  // With the mutex held.
  Seen seen_;
  uint64_t begun_ = 0;       // By Call() and Stream().
  uint64_t unanswered_ = 0;  // Of these.

  InProcessServer server_;  // Last, because its I/O thread uses the others.
  bool stopped_ = false;
};

}  // namespace pinion::testing

#endif  // PINION_SERVER_TESTING_MANUAL_SERVER_H_
