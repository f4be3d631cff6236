// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/internal/held_stream.h"

#include <utility>

#include "pinion/core/base/check.h"
#include "pinion/core/scheduler.h"
#include "pinion/core/worker.h"
#include "pinion/server/call/refusals.h"
#include "pinion/server/call/routed_call.h"
#include "pinion/server/shard/hops.h"

namespace pinion {

HeldStream::HeldStream(RoutedCall& call, const LaneServices& services)
    : HeldCall(call, services), hops_(services.hops), sink_(*call.sink()) {
  context().KeepKeyIn(key_);
}

void HeldStream::OnChange(absl::AnyInvocable<void()> function) {
  // Elsewhere nothing says that the lane is still there.
  PINION_CHECK(Worker::Current() != nullptr,
               "a stream was given a function for its changes off the workers' "
               "threads");
  sink_.OnChange(hops_.TakeForStream(), std::move(function));
}

void HeldStream::FinishStream(absl::Status status) {
  sink_.IgnoreChanges();
  if (status.ok()) return Finish(Answer());
  Finish(refusals::HandlerFailed(std::move(status)));
}

void HeldStream::DropStream() {
  sink_.IgnoreChanges();
  Drop();
}

}  // namespace pinion
