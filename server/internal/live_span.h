// SPDX-License-Identifier: Apache-2.0
//
// LiveSpan: a span of time that may change while other threads use it.
//
// Threads: any thread.
// Cost:    a read is one relaxed load.
// Example: LiveSpan grace(std::chrono::seconds(10));
//          grace.Set(std::chrono::seconds(30));     // On one thread.
//          ends = now + grace.Get();                // On another.
#ifndef PINION_SERVER_INTERNAL_LIVE_SPAN_H_
#define PINION_SERVER_INTERNAL_LIVE_SPAN_H_

#include <atomic>
#include <chrono>

namespace pinion {

class LiveSpan {
 public:
  using Span = std::chrono::nanoseconds;

  // For a span that may be without an end.
  static constexpr Span kForever = Span::max();

  explicit LiveSpan(Span span) : span_(span) {}

  // Both are relaxed, because nothing else is handed over with it.
  Span Get() const { return span_.load(std::memory_order_relaxed); }
  void Set(Span span) { span_.store(span, std::memory_order_relaxed); }

 private:
  std::atomic<Span> span_;
  static_assert(std::atomic<Span>::is_always_lock_free);
};

}  // namespace pinion

#endif  // PINION_SERVER_INTERNAL_LIVE_SPAN_H_
