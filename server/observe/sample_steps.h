// SPDX-License-Identifier: Apache-2.0
//
// SampleSteps: after how many calls the next one is sampled: one of N on
//              average, in steps that vary, so that no size of a batch and no
//              rhythm of a client's keeps its calls out or in.
//
// Threads: one.
// Example: SampleSteps steps(seed);
//          left = steps.Next(64);  // 1 to 127.
#ifndef PINION_SERVER_OBSERVE_SAMPLE_STEPS_H_
#define PINION_SERVER_OBSERVE_SAMPLE_STEPS_H_

#include <cstdint>

namespace pinion {

class SampleSteps {
 public:
  explicit SampleSteps(uint64_t seed) : state_(seed | 1) {}

  // For one of `of` calls, 1 or more: 1 to 2 * `of` - 1, each equally often.
  uint64_t Next(uint64_t of) {
    // xorshift64* (S. Vigna, 2016): some instructions, and good upper bits.
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    const uint64_t random = state_ * 0x2545f4914f6cdd1d;
    using Wider = unsigned __int128;
    return 1 + static_cast<uint64_t>((Wider{random} * (2 * of - 1)) >> 64);
  }

 private:
  uint64_t state_;  // Never 0.
};

}  // namespace pinion

#endif  // PINION_SERVER_OBSERVE_SAMPLE_STEPS_H_
