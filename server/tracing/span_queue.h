// SPDX-License-Identifier: Apache-2.0
//
// SpanQueue: the finished spans that wait for the exporter, a bounded number of
//            them.
//
// Threads: any thread may Add(), and never waits: beyond the bound its span is
//          dropped and counted. The exporter calls the rest.
// Wakes:   the exporter sleeps in Await(). Only the span that completes a batch
//          wakes it, which costs a system call; others wait until its time is
//          over.
// End:     after Close(), what lies here and what still comes is dropped, and
//          counted apart.
// Example: queue.Add(std::move(span));                     // Anyone.
//          queue.Await(std::chrono::seconds(5));           // The exporter.
//          const auto batch = queue.Take();
#ifndef PINION_SERVER_TRACING_SPAN_QUEUE_H_
#define PINION_SERVER_TRACING_SPAN_QUEUE_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "pinion/core/inbox.h"
#include "pinion/core/work_item.h"
#include "pinion/server/tracing/span.h"

namespace pinion {

class SpanQueue {
 public:
  // A span takes about 300 bytes, so these take 1 MB at most, unless callers
  // send long `tracestate`s: then 2 MB more.
  static constexpr size_t kMaxSpans = 4096;
  static constexpr size_t kBatch = 512;

  explicit SpanQueue(size_t max_spans = kMaxSpans, size_t batch = kBatch);
  ~SpanQueue();
  SpanQueue(const SpanQueue&) = delete;
  SpanQueue& operator=(const SpanQueue&) = delete;

  void Add(std::unique_ptr<FinishedSpan> span);

  // Spans that were dropped because too many waited, or because the queue was
  // closed; and those that wait or are being sent.
  uint64_t dropped_full() const {
    return dropped_full_.load(std::memory_order_relaxed);
  }
  uint64_t dropped_closed() const {
    return dropped_closed_.load(std::memory_order_relaxed);
  }
  size_t waiting() const {
    return waiting_.load(std::memory_order_relaxed) & ~kClosed;
  }

  // Waits until a batch is there, until Wake(), or for `timeout`; the exporter.
  void Await(std::chrono::nanoseconds timeout);
  // Ends the present Await() or the next one; any thread.
  void Wake();

  // The most spans of a batch.
  size_t batch() const { return batch_; }
  // The next batch: some of what waits, the oldest first. They count as waiting
  // until Release().
  std::vector<std::unique_ptr<FinishedSpan>> Take();
  void Release(size_t spans) {
    waiting_.fetch_sub(spans, std::memory_order_relaxed);
  }

  // There is no exporter any more. Call it once, after the exporter's last
  // Release(); it waits for those that are within an Add().
  void Close();

 private:
  // A bit of `waiting_`, so that each Add() either sees it or is counted there
  // when it is set, and Close() waits for its span.
  static constexpr size_t kClosed = ~(~size_t{0} >> 1);

  const size_t max_spans_;
  const size_t batch_;
  const int wake_;  // An eventfd.

  // Shared. Its owner does not announce its sleeps here.
  Inbox inbox_;
  // Relaxed: the numbers are all there is.
  std::atomic<size_t> waiting_{0};
  std::atomic<uint64_t> dropped_full_{0};
  std::atomic<uint64_t> dropped_closed_{0};

  // The exporter's; then that of Close().
  WorkChain taken_;
};

}  // namespace pinion

#endif  // PINION_SERVER_TRACING_SPAN_QUEUE_H_
