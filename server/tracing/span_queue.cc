// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/tracing/span_queue.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "pinion/core/base/check.h"

namespace pinion {
namespace {

int MakeWake() {
  const int wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  PINION_CHECK(wake >= 0, "no eventfd for the spans: open files run out");
  return wake;
}

}  // namespace

SpanQueue::SpanQueue(size_t max_spans, size_t batch)
    : max_spans_(max_spans), batch_(batch), wake_(MakeWake()) {}

SpanQueue::~SpanQueue() {
  while (!Take().empty()) {
  }
  close(wake_);
}

void SpanQueue::Add(std::unique_ptr<FinishedSpan> span) {
  const size_t before = waiting_.fetch_add(1, std::memory_order_relaxed);
  if (before >= max_spans_) {  // Or kClosed is set, which is more than that.
    auto& dropped = (before & kClosed) != 0 ? dropped_closed_ : dropped_full_;
    dropped.fetch_add(1, std::memory_order_relaxed);
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  if (inbox_.Push(span.release())) {
    PINION_CHECK(false, "an inbox of spans has no sleeper");
  }
  if ((before + 1) % batch_ == 0) Wake();
}

void SpanQueue::Wake() {
  const uint64_t one = 1;
  // It fails only if the number is full, and then it wakes as well.
  [[maybe_unused]] const ssize_t written = write(wake_, &one, sizeof(one));
}

void SpanQueue::Await(std::chrono::nanoseconds timeout) {
  const auto millis =
      std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  pollfd woken = {.fd = wake_, .events = POLLIN, .revents = 0};
  poll(&woken, 1, static_cast<int>(std::max<int64_t>(millis, 0)));
  uint64_t wakes = 0;
  [[maybe_unused]] const ssize_t size = read(wake_, &wakes, sizeof(wakes));
}

void SpanQueue::Close() {
  waiting_.fetch_or(kClosed, std::memory_order_relaxed);
  while (waiting() > 0) {
    const size_t left = Take().size();
    dropped_closed_.fetch_add(left, std::memory_order_relaxed);
    Release(left);
    // Somebody is between the first and the last line of an Add().
    if (left == 0) std::this_thread::yield();
  }
}

std::vector<std::unique_ptr<FinishedSpan>> SpanQueue::Take() {
  taken_.Append(inbox_.TakeAll());
  std::vector<std::unique_ptr<FinishedSpan>> batch;
  while (batch.size() < batch_) {
    auto* const span = taken_.Pop<FinishedSpan>();
    if (span == nullptr) break;
    batch.emplace_back(span);
  }
  return batch;
}

}  // namespace pinion
