// SPDX-License-Identifier: Apache-2.0
//
// EchoStamp: what the first bytes of a benchmark's payload say.
//
// Threads: plain functions; any thread.
// Example: WriteStamp({.id = 7, .deadline_ns = end},
// request.mutable_payload());
//          if (ReadStamp(request.payload()).deadline_ns < MonotonicNanos()) ...
//
// Client and server are on one machine, whose monotonic clock they share.
#ifndef PINION_TESTS_BENCH_ECHO_ECHO_STAMP_H_
#define PINION_TESTS_BENCH_ECHO_ECHO_STAMP_H_

#include <cstdint>
#include <cstring>
#include <string>

#include "absl/strings/string_view.h"
#include "pinion/core/base/check.h"

namespace pinion::bench {

struct EchoStamp {
  // Another in each call, so that none takes another's answer for its own.
  uint64_t id;
  // The client's, as MonotonicNanos() tells it; INT64_MAX: none.
  int64_t deadline_ns;
};

// The payload has room for it.
inline void WriteStamp(const EchoStamp& stamp, std::string* payload) {
  PINION_CHECK(payload->size() >= sizeof stamp, "a payload has no room");
  std::memcpy(payload->data(), &stamp, sizeof stamp);
}

// Of a payload that has one.
inline EchoStamp ReadStamp(absl::string_view payload) {
  EchoStamp stamp;
  PINION_CHECK(payload.size() >= sizeof stamp, "a payload has no stamp");
  std::memcpy(&stamp, payload.data(), sizeof stamp);
  return stamp;
}

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_ECHO_ECHO_STAMP_H_
