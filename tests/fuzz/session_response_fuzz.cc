// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as an OpenResponse: our code must read, and write, what protobuf's
// does; see session_oracle.h. README.md tells how to run it.
#include <cstddef>
#include <cstdint>

#include "pinion/tests/fuzz/must_agree.h"
#include "pinion/tests/proto/session_oracle.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  pinion::testing::MustAgree(pinion::testing::ResponseDisagreement, data, size);
  return 0;
}
