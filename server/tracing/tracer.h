// SPDX-License-Identifier: Apache-2.0
//
// Tracer: decides which calls are traced. CallTrace: the span of a traced call,
//         until it ends. HopTrace, HopSpan: those of its hop.
//
// Threads: any thread may use a Tracer; its spans go to a SpanQueue, so nobody
//          waits. The classes below say who may use them.
// Cost:    an untraced call has no CallTrace, and pays for one look at a bit.
// Example: call->trace_ = tracer.Begin(headers);  // Null: it is not traced.
//          if (call->traced) call->trace()->NoteClaim(now, slot);
//          if (call->traced) call->trace()->End({.path = path, ...});
#ifndef PINION_SERVER_TRACING_TRACER_H_
#define PINION_SERVER_TRACING_TRACER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "pinion/core/clock.h"
#include "pinion/server/trace_context.h"
#include "pinion/server/tracing/span.h"
#include "pinion/server/tracing/span_queue.h"
#include "pinion/server/tracing/trace_headers.h"

namespace pinion {

class CallTrace;

class Tracer {
 public:
  // Of the calls whose callers have no trace, `sample` of them, 0 to 1, are
  // traced. `queue` gets the spans, and must outlive the tracer.
  Tracer(const Clock& clock, double sample, SpanQueue& queue);
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  // Begins the span of a call that came with these headers. Null if it is not
  // traced: its caller does not trace it, or has no trace and the call is none
  // of the sample.
  std::unique_ptr<CallTrace> Begin(const TraceHeaders& headers);

  // Changes the sample, for calls that come from now on.
  void SetSample(double sample);

  // For CallTrace and HopSpan: takes a span that has ended.
  void Add(std::unique_ptr<FinishedSpan> span) { queue_.Add(std::move(span)); }
  const Clock& clock() const { return clock_; }

  // A context of the same trace, with an id of its own.
  static TraceContext ChildOf(const TraceContext& parent);

 private:
  bool IsInSample() const;

  const Clock clock_;
  SpanQueue& queue_;
  // Of 2^64 random numbers, those below it are in the sample; the greatest
  // number means all. Relaxed: it is all there is.
  std::atomic<uint64_t> sample_below_;
};

// What ends a call's span.
struct CallEnd {
  absl::string_view path;  // "/shop.v1.CounterService/Add"
  bool in_session;
  int worker;
  Moment accepted;
  // By whom it was claimed, and until when its handler ran; none: it was not,
  // or was answered in its handler's place.
  bool claimed;
  std::optional<Moment> ran_until = {};
  uint32_t batch = 0;
  int code;                   // A gRPC status code.
  absl::string_view outcome;  // One static word.
};

// Its call has it. The worker notes the claim before it claims the call, and
// whoever has won the call's fate ends it: the fate orders the two.
class CallTrace {
 public:
  CallTrace(Tracer& tracer, TraceContext context,
            std::optional<TraceContext::SpanId> parent)
      : tracer_(tracer), context_(std::move(context)), parent_(parent) {}

  Tracer& tracer() const { return tracer_; }
  // That of the call's own span. Fixed.
  const TraceContext& context() const { return context_; }

  // The worker is about to claim the call. `slot` is that of its key; -1: none.
  void NoteClaim(Moment now, int slot) {
    claimed_ = now;
    slot_ = slot;
  }

  // The call is answered now. Call it once, before its answer leaves.
  void End(const CallEnd& end);
  // The same for a call that was refused, so that nothing but that is known.
  void EndRefused(absl::string_view path, bool in_session, int code) {
    End({.path = path,
         .in_session = in_session,
         .worker = -1,
         .accepted = tracer_.clock().Now(),
         .claimed = false,
         .code = code,
         .outcome = "refused"});
  }

  // The memory that it takes.
  int64_t bytes() const {
    return static_cast<int64_t>(sizeof(*this) + context_.tracestate.size());
  }

 private:
  Tracer& tracer_;
  const TraceContext context_;
  const std::optional<TraceContext::SpanId> parent_;
  Moment claimed_;
  int slot_ = -1;
};

// The hop of a traced call has it. Its holder's.
class HopTrace {
 public:
  explicit HopTrace(const CallTrace& call)
      : tracer_(call.tracer()), parent_(call.context()) {}

  // The hop is posted now.
  void NotePost() { posted_ = tracer_.clock().Now(); }

 private:
  friend class HopSpan;

  Tracer& tracer_;
  TraceContext parent_;  // Of the next span.
  Moment posted_;
};

// Lasts while a hop's function runs; its worker's. What the function posts the
// hop to is a child of it.
class HopSpan {
 public:
  // `service` is the hop's.
  HopSpan(HopTrace& hop, const std::string& service, int worker);
  ~HopSpan();
  HopSpan(const HopSpan&) = delete;
  HopSpan& operator=(const HopSpan&) = delete;

  // The function has thrown.
  void NoteThrown();

 private:
  Tracer& tracer_;
  std::unique_ptr<FinishedSpan> span_;
};

}  // namespace pinion

#endif  // PINION_SERVER_TRACING_TRACER_H_
