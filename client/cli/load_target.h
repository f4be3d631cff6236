// SPDX-License-Identifier: Apache-2.0
//
// LoadTarget: what a load is sent to; a server, or what a test has in its
// place.
//
// Threads: Send() from any thread, also from within Answered().
// Example: class ServerTarget final : public LoadTarget { ... };
#ifndef PINION_CLIENT_CLI_LOAD_TARGET_H_
#define PINION_CLIENT_CLI_LOAD_TARGET_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "client/cli/tally.h"

namespace pinion::cli {

// Who is told of answers.
class AnswerTaker {
 public:
  // The call of that number has its answer: an error, or none. Once for each
  // call, on any thread; it does not block.
  virtual void Answered(uint32_t call,
                        const std::optional<ErrorKind>& error) = 0;

 protected:
  ~AnswerTaker() = default;
};

class LoadTarget {
 public:
  virtual ~LoadTarget() = default;

  // Begins a call and waits for nothing. `request` is valid until it returns;
  // `taker` outlives the call. One that cannot be begun is answered at once.
  virtual void Send(absl::string_view request, uint32_t call,
                    AnswerTaker& taker) = 0;
};

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_LOAD_TARGET_H_
