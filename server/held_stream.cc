// SPDX-License-Identifier: Apache-2.0
#include "server/held_stream.h"

#include <utility>

#include "core/check.h"
#include "core/scheduler.h"
#include "server/hops.h"
#include "server/routed_call.h"

namespace pinion {

HeldStream::HeldStream(RoutedCall& call, const HeldPlace& place)
    : HeldCall(call, place), hops_(place.hops), sink_(*call.sink()) {}

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
  Finish(Failed(std::move(status), v1::REASON_HANDLER, v1::EXECUTED_YES));
}

void HeldStream::DropStream() {
  sink_.IgnoreChanges();
  Drop();
}

}  // namespace pinion
