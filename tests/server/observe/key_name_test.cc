// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/observe/key_name.h"

#include <string>

#include "gtest/gtest.h"
#include "pinion/admin/v1/admin.pb.h"
#include "pinion/proto/wire/key.h"
#include "pinion/server/slot.h"

namespace pinion {
namespace {

TEST(KeyNameTest, HasTheSlotByWhichTheRouterFindsTheWorker) {
  const admin::v1::KeyName name =
      NameKey("apples", /*key_seed=*/7, /*show_keys=*/false);
  const uint64_t hash = Key::FromBytes("apples").Hash(7);
  EXPECT_EQ(name.hash(), hash);
  EXPECT_EQ(name.slot(), static_cast<uint32_t>(SlotOf(hash)));
}

TEST(KeyNameTest, HidesTheKeyUnlessItMayBeShown) {
  EXPECT_FALSE(NameKey("apples", 7, /*show_keys=*/false).has_key());
  EXPECT_EQ(NameKey("apples", 7, /*show_keys=*/true).key(), "apples");
}

TEST(KeyNameTest, EscapesWhatATerminalCouldTakeForACommand) {
  EXPECT_EQ(NameKey("a\x1b[2J\n", 7, /*show_keys=*/true).key(), "a\\x1b[2J\\n");
  // Else Protobuf could not send it.
  EXPECT_EQ(NameKey("\xff", 7, /*show_keys=*/true).key(), "\\xff");
}

}  // namespace
}  // namespace pinion
