// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/rpc/pending_bytes.h"

#include "gtest/gtest.h"

namespace pinion {
namespace {

using Grant = PendingBytes::Grant;

TEST(PendingBytesTest, GrantsUpToItsBound) {
  PendingBytes pending(100);
  EXPECT_EQ(pending.Add(60), Grant::kGranted);
  EXPECT_EQ(pending.Add(41), Grant::kTooMany);
  EXPECT_EQ(pending.Add(40), Grant::kGranted);
  EXPECT_EQ(pending.Add(1), Grant::kTooMany);
  EXPECT_EQ(pending.bytes(), 100);
}

TEST(PendingBytesTest, TakesAnyOneThingWhenThereIsNone) {
  PendingBytes pending(100);
  EXPECT_EQ(pending.Add(1000), Grant::kGranted);
  EXPECT_EQ(pending.Add(1), Grant::kTooMany);
  pending.Return(1000);
  EXPECT_EQ(pending.Add(101), Grant::kGranted);
}

TEST(PendingBytesTest, TakesAnyOneThingWhileItIsWritable) {
  PendingBytes pending(100);
  EXPECT_EQ(pending.Add(49), Grant::kGranted);
  EXPECT_TRUE(pending.writable());
  EXPECT_EQ(pending.Add(1000), Grant::kGranted);
  EXPECT_EQ(pending.Add(1), Grant::kTooMany);
}

TEST(PendingBytesTest, SaysOnceThatItGotWritable) {
  PendingBytes pending(100);
  EXPECT_TRUE(pending.writable());
  for (int i = 0; i < 10; ++i) EXPECT_EQ(pending.Add(10), Grant::kGranted);
  EXPECT_FALSE(pending.writable());
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(pending.Return(10));
  EXPECT_FALSE(pending.writable());  // Half of it.
  EXPECT_TRUE(pending.Return(10));
  EXPECT_TRUE(pending.writable());
  EXPECT_FALSE(pending.Return(10));
}

TEST(PendingBytesTest, GrantsNothingOnceClosedAndStillTakesBack) {
  PendingBytes pending(100);
  EXPECT_EQ(pending.Add(60), Grant::kGranted);
  pending.Close();
  EXPECT_EQ(pending.Add(1), Grant::kClosed);
  EXPECT_EQ(pending.bytes(), 60);
  pending.Return(60);
  EXPECT_EQ(pending.bytes(), 0);
  EXPECT_EQ(pending.Add(1), Grant::kClosed);
}

}  // namespace
}  // namespace pinion
