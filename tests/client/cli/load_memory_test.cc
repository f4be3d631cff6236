// SPDX-License-Identifier: Apache-2.0
//
// That a load takes no memory for its calls: this program counts what is taken.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "pinion/client/cli/load_generator.h"
#include "pinion/tests/support/counted_allocations.h"

namespace pinion::cli {
namespace {

using ::pinion::testing::CountedAllocations;

// Answers one call each microsecond of its own time.
class Ring final : public LoadTarget, public Clock {
 public:
  explicit Ring(size_t calls) : calls_(calls) {}

  int64_t Now() override { return now_; }
  void SleepUntil(int64_t nanos) override {
    while (now_ < nanos) {
      now_ += 1000;
      if (taken_ == sent_) continue;
      const Call call = calls_[taken_++ % calls_.size()];
      call.receiver->Answered(call.call, std::nullopt);
    }
  }
  void Send(absl::string_view, uint32_t call,
            AnswerReceiver& receiver) override {
    calls_[sent_++ % calls_.size()] = {call, &receiver};
  }

 private:
  struct Call {
    uint32_t call = 0;
    AnswerReceiver* receiver = nullptr;
  };

  int64_t now_ = 1'000'000'000;
  std::vector<Call> calls_;
  size_t sent_ = 0;
  size_t taken_ = 0;
};

TEST(LoadMemoryTest, CallsTakeNone) {
  constexpr int kPlaces = 64;
  const RequestMaker requests = *RequestMaker::Make(
      [](const std::string& json) -> absl::StatusOr<std::string> {
        return json;
      },
      "{key}" + std::string(100, 'x'),
      KeyDistribution::Zipf(1'000'000'000, 0.99));
  for (double rate : {0.0, 500'000.0}) {
    Ring ring(kPlaces);
    LoadGenerator load(
        {.in_flight = kPlaces, .rate = rate, .duration = absl::Seconds(1)},
        requests, ring, ring);
    const uint64_t before = CountedAllocations();
    load.Run();
    const uint64_t taken = CountedAllocations() - before;
    EXPECT_GT(load.Look().answers.succeeded.total(), 400'000u) << rate;
    // Each place makes its request's memory once.
    EXPECT_LE(taken, uint64_t{kPlaces}) << rate;
  }
}

}  // namespace
}  // namespace pinion::cli
