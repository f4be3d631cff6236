// SPDX-License-Identifier: Apache-2.0
//
// StreamSink: the receiver of a server stream's messages: what a Stream needs
//             from its call's transport. stream.h has the promises.
//
// Threads: its holder's, one at a time, while the holder refers to the call.
//          Any thread may call pending_bytes(), writable() and stopping()
//          meanwhile.
// Example: const absl::Status sent = call.sink()->Send(response);
#ifndef PINION_SERVER_INTERNAL_STREAM_SINK_H_
#define PINION_SERVER_INTERNAL_STREAM_SINK_H_

#include <google/protobuf/message.h>

#include <cstdint>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "pinion/server/hop.h"
#include "pinion/server/internal/shared_message.h"

namespace pinion {

class StreamSink {
 public:
  virtual absl::Status Send(const google::protobuf::Message& message) = 0;
  virtual absl::Status SendShared(const SharedMessage& message) = 0;
  virtual int64_t pending_bytes() const = 0;
  virtual bool writable() const = 0;
  virtual bool stopping() const = 0;

  // Runs `function` soon and after each change, through `hop`. Call it once.
  virtual void OnChange(Hop hop, absl::AnyInvocable<void()> function) = 0;

  // No further run of it starts.
  virtual void IgnoreChanges() = 0;

 protected:
  ~StreamSink() = default;
};

}  // namespace pinion

#endif  // PINION_SERVER_INTERNAL_STREAM_SINK_H_
