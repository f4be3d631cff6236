// SPDX-License-Identifier: Apache-2.0
//
// In a process that has a handler for SIGURG before a stack is asked for.
#include <signal.h>
#include <unistd.h>

#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/stacks/thread_stacks.h"

namespace pinion {
namespace {

using ::testing::HasSubstr;

int calls = 0;

TEST(OwnHandlerTest, AProgramKeepsItsHandlerAndIsToldThatThereAreNoStacks) {
  struct sigaction theirs = {};
  theirs.sa_handler = [](int) { ++calls; };
  ASSERT_EQ(sigaction(SIGURG, &theirs, nullptr), 0);
  for (const absl::Status& status :
       {ThreadStacks::Prepare(), ThreadStacks::Take(gettid()).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("a handler of its own for SIGURG"));
  }
  EXPECT_EQ(calls, 0);
  ASSERT_EQ(raise(SIGURG), 0);
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace pinion
