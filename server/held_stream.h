// SPDX-License-Identifier: Apache-2.0
//
// HeldStream: a call whose handler was given a Stream to send on and to finish.
//
// Threads: as HeldCall's.
// Use:     a Stream refers to one; handler_form.h makes it.
#ifndef PINION_SERVER_HELD_STREAM_H_
#define PINION_SERVER_HELD_STREAM_H_

#include <optional>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/handler_answer.h"
#include "server/held_call.h"
#include "server/stream_sink.h"

namespace pinion {

class HeldStream : public HeldCall {
 public:
  // `call` has a sink.
  HeldStream(RoutedCall& call, const HeldPlace& place);

  // The holder's, until it has called one of the last two.
  StreamSink& sink() const { return sink_; }
  void OnChange(absl::AnyInvocable<void()> function);

  // Ends the stream behind what was sent.
  void FinishStream(absl::Status status);
  void DropStream();

  absl::string_view handle() const override { return "stream"; }

 private:
  Hops& hops_;
  StreamSink& sink_;
};

// The same with its request.
template <typename Request>
class HeldStreamOf final : public HeldStream {
 public:
  using HeldStream::HeldStream;

  std::optional<Answer> Parse(absl::string_view bytes) override {
    return ParseRequest(bytes, request);
  }

  Request request;
};

}  // namespace pinion

#endif  // PINION_SERVER_HELD_STREAM_H_
