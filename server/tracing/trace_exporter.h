// SPDX-License-Identifier: Apache-2.0
//
// TraceExporter: sends finished spans to a collector, by OTLP over gRPC, on a
//                thread of its own.
//
// Threads: the owner starts and stops it; any thread may hurry the stop, and
// ask
//          for its counts.
// Batches: SpanQueue::kBatch spans, or those that came in `every`.
// Bounds:  one batch is on its way at a time, for `call_timeout` at most. After
//          UNAVAILABLE it is sent again, after 1, 2 and 4 s; after that, or
//          after any other error, it is dropped. Meanwhile the queue fills, and
//          then drops what is new. Everything that is dropped is counted.
// Stop:    sends what waits, within the time that the owner gives it. Spans
// that
//          come later are dropped.
// Example: TraceExporter exporter({.collector = "127.0.0.1:4317"}, queue);
//          exporter.Start();
//          exporter.Stop(seconds(2), /*hurried=*/milliseconds(50));
#ifndef PINION_SERVER_TRACING_TRACE_EXPORTER_H_
#define PINION_SERVER_TRACING_TRACE_EXPORTER_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "pinion/core/base/mutex.h"
#include "pinion/core/clock.h"
#include "pinion/server/log.h"
#include "pinion/server/security/identity/wall_clock.h"
#include "pinion/server/tracing/otlp_message.h"
#include "pinion/server/tracing/span.h"
#include "pinion/server/tracing/span_queue.h"
#include "pinion/server/tracing_snapshot.h"

namespace pinion {

struct TraceExporterOptions {
  std::string collector;  // "host:port" or "unix:path".
  std::string ca = {};    // PEM; empty: nothing is encrypted.
  // Whether the HTTP proxy that the environment names is asked, if it names
  // one. Spans that are not encrypted may not leave the machine by it.
  bool by_proxy = false;
  std::string service_name;  // Of the program that makes the spans.
  // That of the spans' moments, and the time of day.
  Clock clock = {};
  WallClock wall_clock = {};
  LogSink log = {};
  std::chrono::nanoseconds every = std::chrono::seconds(5);
  std::chrono::nanoseconds call_timeout = std::chrono::seconds(10);
  // Before the second try; twice as long before each further one.
  std::chrono::nanoseconds first_backoff = std::chrono::seconds(1);
  int tries = 4;
};

// The content of a file with authorities. An error names the file.
absl::StatusOr<std::string> ReadCollectorCa(const std::string& path);

class TraceExporter {
 public:
  // How long a stop waits at most for a collector that did not take the last
  // batch.
  static constexpr std::chrono::milliseconds kStopIfFailing{100};

  TraceExporter(TraceExporterOptions options, SpanQueue& queue);
  ~TraceExporter();  // Stops first, without a wait.
  TraceExporter(const TraceExporter&) = delete;
  TraceExporter& operator=(const TraceExporter&) = delete;

  // Call it once, on a thread that is not pinned.
  void Start();

  // Sends what waits for up to `timeout`, or, once Hurry() was called, for up
  // to `hurried`; and ends the thread. What could not be sent is dropped.
  // Without a Start(), it does nothing.
  void Stop(std::chrono::nanoseconds timeout, std::chrono::nanoseconds hurried);
  // Hurries the stop, now or later; any thread.
  void Hurry() { EndFirstWait(); }

  TracingSnapshot Snapshot() const;

 private:
  using Batch = std::vector<std::unique_ptr<FinishedSpan>>;

  void Run();
  // Sends all that waits, or only full batches and what came before.
  void SendWaiting(bool all);
  void Send(const Batch& batch);
  // One try. The answer of the collector is put into `response`.
  grpc::Status Call(const grpc::ByteBuffer& request,
                    grpc::ByteBuffer& response);
  // The batch is one of the numbers below, and waits no more.
  void OnTaken(size_t spans, const grpc::ByteBuffer& response);
  void OnFailed(size_t spans, const grpc::Status& status);
  // Ends the first wait of Stop(), now or later.
  void EndFirstWait();
  // Ends the present try, and all later ones.
  void GiveUp();
  uint64_t UnixNanos() const;

  const TraceExporterOptions options_;
  const OtlpSource source_;
  SpanQueue& queue_;

  // The owner's.
  std::thread thread_;

  // Shared.
  absl::Notification stopping_;
  absl::Notification ended_or_hurried_;
  std::atomic<bool> first_wait_ended_{false};
  absl::Notification ended_;
  mutable Mutex mutex_;
  bool gave_up_ ABSL_GUARDED_BY(mutex_) = false;
  // Of the try that is on its way.
  std::optional<grpc::ClientContext> context_ ABSL_GUARDED_BY(mutex_);
  // Spans. A batch is added and released with the lock held, so that a snapshot
  // has it once.
  uint64_t exported_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t not_taken_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t rejected_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t at_stop_ ABSL_GUARDED_BY(mutex_) = 0;
  // The last batch was not taken. Relaxed: it is all there is.
  std::atomic<bool> failing_{false};

  // The thread's.
  grpc::CompletionQueue calls_;
  std::unique_ptr<grpc::GenericStub> stub_;
};

}  // namespace pinion

#endif  // PINION_SERVER_TRACING_TRACE_EXPORTER_H_
