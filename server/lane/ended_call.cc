// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/lane/ended_call.h"

#include <utility>

#include "pinion/server/call/refusals.h"
#include "pinion/v1/timing.pb.h"

namespace pinion {
namespace {

// The timing stays.
void MakeTooLarge(Answer& answer, size_t size, int64_t most) {
  Answer error = refusals::ResponseTooLarge(size, most);
  if (answer.extras != nullptr) error.extras->timing = answer.extras->timing;
  answer = std::move(error);
}

}  // namespace

void EndedCall::PrepareAnswer(int64_t max_response_bytes) {
  if (call->wants_timing) {
    v1::Timing& timing = answer.MakeExtras().timing.emplace();
    timing.set_worker(call->worker);
    timing.set_waited_ns((times.claimed - call->accepted).count());
    timing.set_ran_ns((times.ended - times.claimed).count());
    timing.set_batch(static_cast<uint32_t>(batch));
  }
  const auto most = static_cast<size_t>(max_response_bytes);
  if (answer.status.ok() &&
      (answer.extras != nullptr ||
       answer.payload.size() + RoutedCall::kMaxBesidePayload > most)) {
    const size_t size = call->MessageSize(answer);
    if (size > most) MakeTooLarge(answer, size, max_response_bytes);
  }
  if (!answer.status.ok()) answer.failure()->set_worker(call->worker);
}

}  // namespace pinion
