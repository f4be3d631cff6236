// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/bench/support/queue_loop.h"

#include <chrono>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "pinion/core/monotonic_nanos.h"

namespace pinion::bench {
namespace {

// How long a load runs before it is measured, at least; and at least until it
// has been answered once, since after a second without calls gRPC's callback
// threads may be deaf for 100 ms, which is no part of their speed under load.
constexpr absl::Duration kLeadIn = absl::Milliseconds(50);
constexpr std::chrono::seconds kLongestWait(10);

// One measurement: a queue, and slots whose calls come out of it.
class QueueLoop {
 public:
  QueueLoop(const ChildProcess& server,
            absl::Span<const std::unique_ptr<QueueCall>> calls)
      : server_(server) {
    for (const auto& call : calls) slots_.push_back({.call = call.get()});
  }

  ~QueueLoop() {
    for (Slot& slot : slots_) slot.call->Cancel();
    queue_.Shutdown();
    void* tag;
    bool ok;
    while (queue_.Next(&tag, &ok)) {
    }
  }

  absl::StatusOr<CallFigures> Measure(absl::Duration length) {
    for (Slot& slot : slots_) Begin(slot);
    absl::Status status = RunFor(kLeadIn, slots_.size());
    if (!status.ok()) return status;
    latencies_ns_.clear();
    CallMeter meter(server_);
    status = RunFor(length, 1);
    meter.Stop(static_cast<int64_t>(latencies_ns_.size()));
    if (status.ok()) status = Finish();
    if (!status.ok()) return status;
    return meter.Figures(latencies_ns_);
  }

 private:
  struct Slot {
    QueueCall* call;
    int64_t begun_ns = 0;
  };

  void Begin(Slot& slot) {
    slot.begun_ns = MonotonicNanos();
    slot.call->Begin(queue_, &slot);
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
          absl::StrCat(server_.role(), " answered none of ", slots_.size(),
                       " calls for ", kLongestWait.count(), " s"));
    }
    Slot* const slot = static_cast<Slot*>(tag);
    const absl::Status status = slot->call->Check();
    if (!status.ok()) {
      return absl::InternalError(
          absl::StrCat(server_.role(), ": ", status.message()));
    }
    return slot;
  }

  const ChildProcess& server_;
  grpc::CompletionQueue queue_;
  std::vector<Slot> slots_;
  std::vector<int64_t> latencies_ns_;
};

}  // namespace

absl::StatusOr<CallFigures> MeasureQueueLoop(
    const ChildProcess& server,
    absl::Span<const std::unique_ptr<QueueCall>> calls, absl::Duration length) {
  return QueueLoop(server, calls).Measure(length);
}

}  // namespace pinion::bench
