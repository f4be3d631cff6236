// SPDX-License-Identifier: Apache-2.0
//
// LoadTarget: the receiver of a load: a server, or a test's replacement for it.
//
// Threads: Send() on any thread, also within Answered().
// Example: class ServerTarget final : public LoadTarget { ... };
#ifndef PINION_CLIENT_CLI_LOAD_TARGET_H_
#define PINION_CLIENT_CLI_LOAD_TARGET_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "pinion/client/cli/load_counts.h"

namespace pinion::cli {

// Receives answers.
class AnswerReceiver {
 public:
  // Call number `call` has its answer: an error, or none. Called once for each
  // call, on any thread; must not block.
  virtual void Answered(uint32_t call,
                        const std::optional<ErrorKind>& error) = 0;

  // Call number `call`, which is a stream, has got a message, its first one or
  // a later one. Before Answered(), which reports the stream's end.
  virtual void Received(uint32_t call, bool first) = 0;

 protected:
  ~AnswerReceiver() = default;
};

class LoadTarget {
 public:
  virtual ~LoadTarget() = default;

  // Starts a call and does not wait. `request` is valid until it returns;
  // `receiver` must outlive the call. A call that cannot be started is answered
  // at once.
  virtual void Send(absl::string_view request, uint32_t call,
                    AnswerReceiver& receiver) = 0;
};

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_LOAD_TARGET_H_
