// SPDX-License-Identifier: Apache-2.0
//
// StreamSink: where the messages of a server stream go: what a Stream needs of
//             its call's transport. See stream.h for what is promised.
//
// Threads: its holder's, one at a time, as long as it refers to the call;
//          pending_bytes(), writable() and stopping() anyone's meanwhile.
// Example: const absl::Status sent = call.sink()->Send(response);
#ifndef PINION_SERVER_STREAM_SINK_H_
#define PINION_SERVER_STREAM_SINK_H_

#include <google/protobuf/message.h>

#include <cstdint>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "server/hop.h"

namespace pinion {

class StreamSink {
 public:
  virtual absl::Status Send(const google::protobuf::Message& message) = 0;
  virtual int64_t pending_bytes() const = 0;
  virtual bool writable() const = 0;
  virtual bool stopping() const = 0;

  // Has `function` run soon and after each change, by way of `hop`. Once.
  virtual void OnChange(Hop hop, absl::AnyInvocable<void()> function) = 0;

  // From now on it does not begin any more.
  virtual void IgnoreChanges() = 0;

 protected:
  ~StreamSink() = default;
};

}  // namespace pinion

#endif  // PINION_SERVER_STREAM_SINK_H_
