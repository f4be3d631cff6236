// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/testing/manual_server.h"

#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <string>

#include "pinion/core/base/check.h"
#include "pinion/core/scheduler.h"
#include "pinion/server/expiry/deadline_wheel.h"
#include "pinion/server/hosting/for_test.h"
#include "pinion/server/snapshot.h"
#include "pinion/server/testing/seed.h"

namespace pinion::testing {
namespace {

// What a wait that never ends adds to a test. One that does end is not delayed.
constexpr std::chrono::milliseconds kBetweenLooks(500);
constexpr int kLooksUntilALine = 20;

}  // namespace

ManualServer::ManualServer(absl::FunctionRef<void(Server&)> host,
                           ManualOptions options)
    : random_(options.seed.has_value() ? *options.seed : Seed().value()),
      server_({.hosting = std::move(options.hosting),
               .client = std::move(options.client)},
              ManualRun{.clock = time_.clock(),
                        .after_io_turn = [this] { NoteTurn(); }}) {
  host(server());
  const absl::Status started = server_.Start();
  PINION_CHECK(started.ok(), "the server did not start: ", started.message());
}

ManualServer::~ManualServer() { Stop().IgnoreError(); }

// On the I/O thread, which is between two events: what it has let in is armed.
void ManualServer::NoteTurn() {
  const std::lock_guard lock(mutex_);
  ++seen_.turns;
  seen_.arrived = 0;
  seen_.waiting = 0;
  seen_.open_streams = 0;
  const ServerSnapshot snapshot = server().Snapshot();
  for (const MethodSnapshot& method : snapshot.methods) {
    seen_.arrived += method.counts.accepted + method.counts.refusals();
    seen_.waiting += method.counts.waiting;
  }
  for (const LaneSnapshot& lane : snapshot.lanes) {
    seen_.open_streams += lane.open_streams;
  }
  changed_.notify_all();
}

void ManualServer::NoteBegin() {
  const std::lock_guard lock(mutex_);
  ++begun_;
  ++unanswered_;
}

void ManualServer::NoteAnswer() {
  const std::lock_guard lock(mutex_);
  --unanswered_;
  changed_.notify_all();
}

void ManualServer::NoteMessage() {
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
}

// A call that is held by its handler, or whose answer is on its way, is not
// among those that wait. So if as many wait as are unanswered, this one does.
// Calls that others have begun would spoil the comparison.
void ManualServer::CheckThatSomeoneAnswers(absl::string_view wait,
                                           absl::string_view method,
                                           absl::FunctionRef<bool()> answered) {
  if (stopped_ || std::this_thread::get_id() != thread_) return;
  bool waited_before = false;
  for (int looks = 0; !answered(); ++looks) {
    const Seen seen = AwaitSeen([](const Seen&) { return true; });
    std::unique_lock lock(mutex_);
    const uint64_t unanswered = unanswered_;
    const bool waits =
        unanswered > 0 && seen.waiting >= unanswered && seen.arrived <= begun_;
    PINION_CHECK(
        !waits || !waited_before || answered(), wait, " of ", method,
        " would never return: ", seen.waiting,
        seen.waiting == 1 ? " call waits for its worker"
                          : " calls wait for their workers",
        ", which only this thread steps; call RunUntilIdle() or Step() "
        "before ",
        wait, ", or Advance() if the call is to expire");
    if (looks == kLooksUntilALine) {
      std::fprintf(stderr,
                   "%s of %s still waits: calls and streams that have not "
                   "ended: %" PRIu64
                   ", of which wait for their workers: %" PRIu64
                   "; a handler keeps the others, or another client has calls "
                   "here\n",
                   std::string(wait).c_str(), std::string(method).c_str(),
                   unanswered, seen.waiting);
    }
    // The second look is for a call that gRPC has just ended by its own clock:
    // it is answered, but may wait for a moment longer.
    waited_before = waits;
    changed_.wait_for(lock, kBetweenLooks, answered);
  }
}

ManualServer::Seen ManualServer::AwaitSeen(
    absl::FunctionRef<bool(const Seen&)> enough) {
  PINION_CHECK(!stopped_, "the server was stopped; nothing arrives there");
  std::unique_lock lock(mutex_);
  const uint64_t before = seen_.turns;
  lock.unlock();
  runtime().TurnIo();
  lock.lock();
  changed_.wait(lock, [&] { return seen_.turns > before && enough(seen_); });
  return seen_;
}

uint64_t ManualServer::CountArrived() {
  return stopped_ ? 0 : AwaitSeen([](const Seen&) { return true; }).arrived;
}

void ManualServer::AwaitArrivalOr(uint64_t before,
                                  absl::FunctionRef<bool()> answered) {
  if (stopped_) return;
  AwaitSeen(
      [&](const Seen& seen) { return seen.arrived > before || answered(); });
}

void ManualServer::AwaitWaiting(uint64_t calls) {
  AwaitSeen([&](const Seen& seen) { return seen.waiting >= calls; });
}

void ManualServer::AwaitOpenStreams(int64_t streams) {
  AwaitSeen([&](const Seen& seen) { return seen.open_streams == streams; });
}

int ManualServer::RunUntilIdle() {
  return runtime().manual_scheduler().RunUntilIdle(random_());
}

bool ManualServer::Step(int worker) {
  return runtime().manual_scheduler().Step(worker);
}

void ManualServer::Advance(absl::Duration span) {
  time_.Advance(absl::ToChronoNanoseconds(span) + DeadlineWheel::kTick);
  ExpireDue();
}

void ManualServer::ExpireDue() { runtime().manual_expirer().RunDue(); }

internal::Runtime& ManualServer::runtime() {
  return internal::ServerForTest::runtime(server());
}

void ManualServer::BeginStop() {
  server().hosting().BeginDrain();
  // The I/O thread tells open streams of it: in the turn after the one it may
  // be in.
  for (int turn = 0; turn < 2; ++turn) {
    AwaitSeen([](const Seen&) { return true; });
  }
}

absl::Status ManualServer::Stop() {
  stopped_ = true;
  server().HurryStop();  // Nobody steps the workers meanwhile.
  return server_.Stop();
}

}  // namespace pinion::testing
