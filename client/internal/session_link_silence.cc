// SPDX-License-Identifier: Apache-2.0
//
// How a link finds out that a stream's server is not there any more, and leaves
// the stream: it waits neither for the server nor for gRPC to say so.
#include <algorithm>

#include "pinion/client/internal/link_errors.h"
#include "pinion/client/internal/session_link.h"

namespace pinion::client_internal {

void SessionLink::Owe(SessionStream& stream, SteadyTime now) {
  if (stream.left) return;
  stream.silence.Owe(now, stream.LastHeard(now));
  alarm_.WakeAt(stream.silence.look_at());
}

SteadyTime SessionLink::HelloDueAt(const SessionStream& stream) const {
  return After(After(stream.opened_at, connect_.timeout()),
               silence_limits_.give_up_after);
}

SteadyTime SessionLink::LookAfter(SessionStream& stream, SteadyTime now,
                                  Deferred& deferred) {
  using Action = Silence::Action;
  if (stream.left) return kNever;
  if (stream.phase == SessionStream::Phase::kOpening) {
    if (now < HelloDueAt(stream)) return HelloDueAt(stream);
    Leave(stream, Silent(options_.connect_timeout + options_.keepalive_timeout),
          deferred);
    return kNever;
  }
  const Action action =
      stream.silence.Look(now, stream.LastHeard(now),
                          /*has_calls=*/stream.open_calls > 0);
  if (action == Action::kGiveUp) {
    Leave(stream, Silent(options_.keepalive_timeout), deferred);
    return kNever;
  }
  if (now >= stream.ends_by) {
    Leave(stream, NotEnded(options_.keepalive_timeout), deferred);
    return kNever;
  }
  if (action == Action::kAsk) {
    stream.asks = true;
    PutMessageTogether(stream, deferred);
  }
  return std::min(stream.silence.look_at(), stream.ends_by);
}

void SessionLink::Leave(SessionStream& stream, const absl::Status& why,
                        Deferred& deferred) {
  stream.left = true;
  stream.fault = why;
  stream.phase = SessionStream::Phase::kOver;  // Nothing more is written.
  stream.Break();
  for (size_t slot = 0; slot < calls_.slots(); ++slot) {
    ClientCall* const call = calls_.Find(slot);
    if (call == nullptr || call->stream != &stream) continue;
    // Its write may still look at it; so it goes with the stream.
    if (call->state == CallState::kSent) Abandon(*call, Broken(why), deferred);
  }
  if (stream_ != nullptr && stream_ != &stream) return;
  if (stream.channel() == source_.channel()) source_.Leave();
  if (stream_ != nullptr) LoseStream(why);
}

}  // namespace pinion::client_internal
