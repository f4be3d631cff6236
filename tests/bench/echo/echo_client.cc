// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/echo/echo_client.h"

#include <grpcpp/completion_queue.h>

#include <chrono>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/monotonic_nanos.h"
#include "tests/bench/support/percentile.h"

namespace pinion::bench {
namespace {

// How long a load runs before it is measured, at least; and at least until it
// has been answered once, since after a second without calls gRPC's callback
// threads may be deaf for 100 ms, which is no part of their speed under load.
constexpr absl::Duration kLeadIn = absl::Milliseconds(50);
constexpr std::chrono::seconds kLongestWait(10);

struct Slot {
  AsyncEcho echo;
  int64_t begun_ns = 0;
};

// One measurement: a queue, and slots whose calls come out of it.
class ClosedLoop {
 public:
  ClosedLoop(EchoConnections& connections, const EchoAsk& ask, int in_flight)
      : connections_(connections), ask_(ask), slots_(in_flight) {}

  ~ClosedLoop() {
    for (Slot& slot : slots_) slot.echo.Cancel();
    queue_.Shutdown();
    void* tag;
    bool ok;
    while (queue_.Next(&tag, &ok)) {
    }
  }

  absl::StatusOr<EchoFigures> Measure(absl::Duration length) {
    for (Slot& slot : slots_) Begin(slot);
    absl::Status status = RunFor(kLeadIn, slots_.size());
    if (!status.ok()) return status;
    latencies_ns_.clear();

    const absl::Duration cpu_before = server().CpuTime();
    const absl::Duration own_before = OwnCpuTime();
    const int64_t before = MonotonicNanos();
    status = RunFor(length, 1);
    const int64_t after = MonotonicNanos();
    const absl::Duration cpu = server().CpuTime() - cpu_before;
    const absl::Duration own = OwnCpuTime() - own_before;
    if (!status.ok()) return status;
    const double calls = static_cast<double>(latencies_ns_.size());
    const EchoFigures figures = {
        .rps = calls * 1e9 / static_cast<double>(after - before),
        .p50_us = Percentile(0.5, latencies_ns_) / 1e3,
        .p99_us = Percentile(0.99, latencies_ns_) / 1e3,
        .cpu_us_per_call = absl::ToDoubleMicroseconds(cpu) / calls,
        .client_us_per_call = absl::ToDoubleMicroseconds(own) / calls};
    status = Finish();
    if (!status.ok()) return status;
    return figures;
  }

 private:
  const ChildProcess& server() const { return connections_.server(); }

  void Begin(Slot& slot) {
    slot.begun_ns = MonotonicNanos();
    slot.echo.Begin(ask_, kNoDeadline, connections_.Next(), queue_, &slot);
  }

  absl::Status RunFor(absl::Duration length, size_t least_calls) {
    const int64_t end = MonotonicNanos() + absl::ToInt64Nanoseconds(length);
    for (size_t calls = 1;; ++calls) {
      const absl::StatusOr<Slot*> slot = NextAnswer();
      if (!slot.ok()) return slot.status();
      const int64_t now = MonotonicNanos();
      latencies_ns_.push_back(now - (*slot)->begun_ns);
      Begin(**slot);
      if (now >= end && calls >= least_calls) return absl::OkStatus();
    }
  }

  // Awaits the answers of all slots.
  absl::Status Finish() {
    for (size_t i = 0; i < slots_.size(); ++i) {
      const absl::Status status = NextAnswer().status();
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Slot*> NextAnswer() {
    void* tag;
    bool ok;
    const auto limit = std::chrono::system_clock::now() + kLongestWait;
    if (queue_.AsyncNext(&tag, &ok, limit) !=
        grpc::CompletionQueue::GOT_EVENT) {
      return absl::DeadlineExceededError(
          absl::StrCat(server().role(), " answered none of ", slots_.size(),
                       " calls for ", kLongestWait.count(), " s"));
    }
    Slot* const slot = static_cast<Slot*>(tag);
    const absl::Status status = slot->echo.Check();
    if (!status.ok()) {
      return absl::InternalError(
          absl::StrCat(server().role(), ": ", status.message()));
    }
    return slot;
  }

  EchoConnections& connections_;
  const EchoAsk ask_;
  grpc::CompletionQueue queue_;
  std::vector<Slot> slots_;
  std::vector<int64_t> latencies_ns_;
};

}  // namespace

absl::StatusOr<EchoFigures> EchoClient::Measure(int in_flight,
                                                absl::Duration length,
                                                const EchoAsk& ask) {
  return ClosedLoop(connections_, ask, in_flight).Measure(length);
}

}  // namespace pinion::bench
