// SPDX-License-Identifier: Apache-2.0
//
// HeldStream: a call whose handler got a Stream, to send on it and to finish
//             it.
//
// Threads: as for HeldCall.
// Use:     a Stream refers to one; handler_form.h makes it.
#ifndef PINION_SERVER_INTERNAL_HELD_STREAM_H_
#define PINION_SERVER_INTERNAL_HELD_STREAM_H_

#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "pinion/server/internal/handler_answer.h"
#include "pinion/server/internal/held_call.h"
#include "pinion/server/internal/stream_sink.h"

namespace pinion {

class HeldStream : public HeldCall {
 public:
  // `call` must have a sink.
  HeldStream(RoutedCall& call, const LaneServices& services);

  // For the holder, until it has called one of the last two.
  StreamSink& sink() const { return sink_; }
  void OnChange(absl::AnyInvocable<void()> function);

  // Ends the stream after everything that was sent.
  void FinishStream(absl::Status status);
  void DropStream();

  absl::string_view handle() const override { return "stream"; }

 private:
  Hops& hops_;
  StreamSink& sink_;
  std::string key_;  // If it has bytes.
};

// The same, with its request.
template <typename Request>
class HeldStreamOf final : public HeldStream {
 public:
  using HeldStream::HeldStream;

  std::optional<Answer> Parse(absl::string_view bytes) override {
    return ParseRequest(bytes, request.emplace());
  }
  void DropRequest() override { request.reset(); }

  std::optional<Request> request;  // Until its handler has returned.
};

}  // namespace pinion

#endif  // PINION_SERVER_INTERNAL_HELD_STREAM_H_
