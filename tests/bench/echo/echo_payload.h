// SPDX-License-Identifier: Apache-2.0
//
// EchoPayloads: the bytes that the calls of a CallLoop send to be echoed, each
// others than its neighbours'.
//
// Threads: anyone, at the same time.
// Example: const EchoPayloads payloads(64);
//          request.set_payload(payloads.Of(slot));
//          ... slot.Answered(payloads.Check(slot, response.payload())) ...
#ifndef PINION_TESTS_BENCH_ECHO_ECHO_PAYLOAD_H_
#define PINION_TESTS_BENCH_ECHO_ECHO_PAYLOAD_H_

#include <array>
#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "pinion/tests/bench/support/call_loop.h"

namespace pinion::bench {

class EchoPayloads {
 public:
  // Payloads of so many bytes.
  explicit EchoPayloads(size_t bytes) {
    char letter = 'a';
    for (std::string& payload : payloads_) payload.assign(bytes, letter++);
  }

  const std::string& Of(const CallSlot& slot) const {
    return payloads_[slot.index() % payloads_.size()];
  }

  // INTERNAL unless this came back.
  absl::Status Check(const CallSlot& slot, absl::string_view payload) const {
    if (payload == Of(slot)) return absl::OkStatus();
    return absl::InternalError("another payload came back than was sent");
  }

 private:
  std::array<std::string, 26> payloads_;
};

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_ECHO_ECHO_PAYLOAD_H_
