// SPDX-License-Identifier: Apache-2.0
//
// EchoPayload: the 64 bytes that a call of a CallLoop sends to be echoed,
// others than its neighbours'.
//
// Threads: anyone.
// Example: request.set_payload(EchoPayload(slot));
//          ... slot.Answered(CheckEcho(slot, response.payload())) ...
#ifndef PINION_TESTS_BENCH_ECHO_ECHO_PAYLOAD_H_
#define PINION_TESTS_BENCH_ECHO_ECHO_PAYLOAD_H_

#include <array>
#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "pinion/tests/bench/support/call_loop.h"

namespace pinion::bench {

inline const std::string& EchoPayload(const CallSlot& slot) {
  constexpr size_t kPayloadBytes = 64;
  static const auto* const payloads = [] {
    auto* const made = new std::array<std::string, 26>;
    char letter = 'a';
    for (std::string& payload : *made) payload.assign(kPayloadBytes, letter++);
    return made;
  }();
  return (*payloads)[slot.index() % payloads->size()];
}

// INTERNAL unless this came back.
inline absl::Status CheckEcho(const CallSlot& slot, absl::string_view payload) {
  if (payload == EchoPayload(slot)) return absl::OkStatus();
  return absl::InternalError("another payload came back than was sent");
}

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_ECHO_ECHO_PAYLOAD_H_
