// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/stacks/stack_slot.h"

#include "gtest/gtest.h"

namespace pinion {
namespace {

using State = StackSlot::State;

constexpr pid_t kThread = 17;
constexpr pid_t kOther = 18;

TEST(StackSlotTest, TheThreadThatIsAskedWritesItsStack) {
  StackSlot slot;
  ASSERT_TRUE(slot.Ask(kThread));
  EXPECT_EQ(slot.Look(), State::kAsked);
  StackSlot::Stack* const stack = slot.Begin(kThread);
  ASSERT_NE(stack, nullptr);
  EXPECT_EQ(slot.Look(), State::kWriting);
  stack->count = 3;
  slot.End(kThread);
  EXPECT_EQ(slot.Look(), State::kWritten);
  EXPECT_EQ(slot.stack().count, 3);
}

TEST(StackSlotTest, ASignalThatNobodySentWritesNothing) {
  StackSlot slot;
  EXPECT_EQ(slot.Begin(kThread), nullptr);
  ASSERT_TRUE(slot.Ask(kThread));
  EXPECT_EQ(slot.Begin(kOther), nullptr);
  EXPECT_EQ(slot.Look(), State::kAsked);
}

TEST(StackSlotTest, AHandlerThatComesLateWritesNothing) {
  StackSlot slot;
  ASSERT_TRUE(slot.Ask(kThread));
  EXPECT_TRUE(slot.GiveUp());
  EXPECT_EQ(slot.Begin(kThread), nullptr);
  // Nor what another thread is asked for since.
  ASSERT_TRUE(slot.Ask(kOther));
  EXPECT_EQ(slot.Begin(kThread), nullptr);
  EXPECT_NE(slot.Begin(kOther), nullptr);
}

TEST(StackSlotTest, WhatIsBeingWrittenIsNeitherGivenUpNorAskedAnew) {
  StackSlot slot;
  ASSERT_TRUE(slot.Ask(kThread));
  ASSERT_NE(slot.Begin(kThread), nullptr);
  EXPECT_FALSE(slot.GiveUp());
  EXPECT_FALSE(slot.Ask(kOther));
  EXPECT_EQ(slot.Begin(kOther), nullptr);
  slot.End(kThread);
  EXPECT_TRUE(slot.Ask(kOther));
  EXPECT_NE(slot.Begin(kOther), nullptr);
}

TEST(StackSlotTest, AStackIsWrittenOnce) {
  StackSlot slot;
  ASSERT_TRUE(slot.Ask(kThread));
  ASSERT_NE(slot.Begin(kThread), nullptr);
  slot.End(kThread);
  EXPECT_EQ(slot.Begin(kThread), nullptr);
  EXPECT_TRUE(slot.GiveUp());
  EXPECT_EQ(slot.Look(), State::kIdle);
}

}  // namespace
}  // namespace pinion
