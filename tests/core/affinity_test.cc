// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/cpu/affinity.h"

#include <sys/types.h>

#include <limits>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pinion {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(AffinityTest, PinsTheCallingThreadAndNoOther) {
  const std::vector<int> before = AllowedCpus().value();
  const int cpu = before.back();
  std::thread([&] {
    ASSERT_TRUE(RunThisThreadOn({cpu}).ok());
    EXPECT_THAT(AllowedCpus().value(), ElementsAre(cpu));
  }).join();
  EXPECT_EQ(AllowedCpus().value(), before);
}

TEST(AffinityTest, RefusesACpuThatDoesNotExistByItsNumber) {
  for (int cpu : {-1, 500000, std::numeric_limits<int>::max()}) {
    const absl::Status status = RunThisThreadOn({cpu});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::to_string(cpu)));
  }
}

TEST(AffinityTest, SaysThatThereIsNoSuchThread) {
  // Above the largest thread id a kernel gives.
  EXPECT_EQ(AllowedCpus(pid_t{1} << 29).status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace pinion
