// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/tracing/tracer.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>

#include "absl/random/random.h"

namespace pinion {
namespace {

constexpr uint64_t kAll = std::numeric_limits<uint64_t>::max();
// As gRPC numbers them.
constexpr int kOk = 0;
constexpr int kInternal = 13;

uint64_t Random() {
  thread_local absl::InsecureBitGen random;
  return random();
}

// Fills an id; never with zeros, which are none.
template <size_t kSize>
void Draw(std::array<uint8_t, kSize>& id) {
  static_assert(kSize % sizeof(uint64_t) == 0);
  for (size_t i = 0; i < kSize; i += sizeof(uint64_t)) {
    const uint64_t drawn = Random();
    std::memcpy(id.data() + i, &drawn, sizeof(drawn));
  }
  if (id == std::array<uint8_t, kSize>{}) id.back() = 1;
}

uint64_t Below(double sample) {
  if (sample >= 1) return kAll;
  return static_cast<uint64_t>(std::ldexp(std::max(sample, 0.0), 64));
}

}  // namespace

Tracer::Tracer(const Clock& clock, double sample, SpanQueue& queue)
    : clock_(clock), queue_(queue), sample_below_(Below(sample)) {}

void Tracer::SetSample(double sample) {
  sample_below_.store(Below(sample), std::memory_order_relaxed);
}

bool Tracer::IsInSample() const {
  const uint64_t below = sample_below_.load(std::memory_order_relaxed);
  if (below == 0) return false;
  return below == kAll || Random() < below;
}

TraceContext Tracer::ChildOf(const TraceContext& parent) {
  TraceContext child = parent;
  Draw(child.span_id);
  return child;
}

std::unique_ptr<CallTrace> Tracer::Begin(const TraceHeaders& headers) {
  if (const std::optional<TraceContext> parent = headers.Parse()) {
    if (!parent->sampled) return nullptr;
    return std::make_unique<CallTrace>(*this, ChildOf(*parent),
                                       parent->span_id);
  }
  if (!IsInSample()) return nullptr;
  TraceContext first = {.sampled = true};
  Draw(first.trace_id);
  Draw(first.span_id);
  return std::make_unique<CallTrace>(*this, std::move(first), std::nullopt);
}

void CallTrace::End(const CallEnd& end) {
  auto span = std::make_unique<FinishedSpan>();
  span->context = context_;
  span->parent = parent_;
  span->name = std::string(end.path.substr(1));  // Without its slash.
  span->in_session = end.in_session;
  span->place = {.worker = end.worker, .batch = end.batch};
  span->accepted = end.accepted;
  span->ended = std::max(tracer_.clock().Now(), end.accepted);
  // A batch reads its time from the CPU's counter, which may be some
  // nanoseconds ahead.
  const auto fit = [&span](Moment moment) {
    return std::clamp(moment, span->accepted, span->ended);
  };
  if (end.claimed) {
    span->claimed = fit(claimed_);
    span->place.slot = slot_;
  }
  if (end.ran_until.has_value()) span->ran_until = fit(*end.ran_until);
  span->code = end.code;
  span->outcome = end.outcome;
  tracer_.Add(std::move(span));
}

HopSpan::HopSpan(HopTrace& hop, const std::string& service, int worker)
    : tracer_(hop.tracer_), span_(std::make_unique<FinishedSpan>()) {
  span_->kind = FinishedSpan::Kind::kHop;
  span_->context = Tracer::ChildOf(hop.parent_);
  span_->parent = hop.parent_.span_id;
  span_->name = service;
  span_->place = {.worker = worker};
  span_->accepted = hop.posted_;
  span_->claimed = std::max(tracer_.clock().Now(), hop.posted_);
  span_->code = kOk;
  span_->outcome = "ran";
  hop.parent_.span_id = span_->context.span_id;
}

HopSpan::~HopSpan() {
  span_->ended = std::max(tracer_.clock().Now(), *span_->claimed);
  span_->ran_until = span_->ended;
  tracer_.Add(std::move(span_));
}

void HopSpan::NoteThrown() {
  span_->code = kInternal;
  span_->outcome = "threw";
}

}  // namespace pinion
