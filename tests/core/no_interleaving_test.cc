// SPDX-License-Identifier: Apache-2.0
//
// The points of core/base/interleaving.h are nothing in a build for use.
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "gtest/gtest.h"
#include "pinion/core/base/interleaving.h"
#include "pinion/core/scheduler.h"

#ifdef PINION_INTERLEAVING_POINTS
#error "this is how programs are built for use, and it has points"
#endif

// Two steps, as a macro next to # is not expanded.
#define TEXT_OF_EXPANDED(code) #code
#define TEXT_OF(code) TEXT_OF_EXPANDED(code)

namespace pinion {
namespace {

static_assert(std::string_view(TEXT_OF(PINION_POINT(kIdle))) ==
              "static_cast<void>(0)");

TEST(NoInterleavingTest, TheSchedulerHasNoPointsInIt) {
  // Links the scheduler with all its points into this program.
  ASSERT_TRUE(Scheduler::Start({.workers = 1}).ok());
  std::ifstream file("/proc/self/exe", std::ios::binary);
  const std::string program(std::istreambuf_iterator<char>(file), {});
  ASSERT_NE(program.find("TheSchedulerHasNoPointsInIt"), std::string::npos);
  // Put together here, so that the program does not hold the word for this.
  const std::string hook = std::string("Reach") + "Point";
  EXPECT_EQ(program.find(hook), std::string::npos);
}

}  // namespace
}  // namespace pinion
