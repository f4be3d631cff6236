// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/kv/kv_config.h"

#include <cstdint>

#include "google/protobuf/descriptor.h"
#include "gtest/gtest.h"
#include "pinion/kv/v1/kv_config.pb.h"
#include "pinion/server/config/print_config.h"
#include "pinion/server/config/setting_value.h"
#include "pinion/server/keyed/keyed.h"
#include "pinion/server/kv/kv_options.h"
#include "pinion/tests/server/config/each_setting.h"

namespace pinion::kv {
namespace {

TEST(KvConfigTest, TheDefaultsThatTheSchemaSaysAreThoseOfTheCode) {
  v1::KvConfig config;
  testing::SetDefaults(&config);
  EXPECT_EQ(PrintConfig(config), PrintConfig(ConfigOf(KvOptions())));
}

TEST(KvConfigTest, TheRangeThatTheSchemaSaysIsThatOfTheCode) {
  const google::protobuf::FieldDescriptor& field =
      *v1::KvConfig::descriptor()->FindFieldByName("kv_bytes");
  v1::KvConfig least, most;
  ASSERT_TRUE(SetValue(&least, field, testing::SettingOf(field).least()).ok());
  ASSERT_TRUE(SetValue(&most, field, testing::SettingOf(field).most()).ok());
  EXPECT_TRUE(Validate(KvOptionsOf(least)).ok());
  EXPECT_TRUE(Validate(KvOptionsOf(most)).ok());
  EXPECT_FALSE(Validate({.bytes = least.kv_bytes() - 1}).ok());
  EXPECT_FALSE(Validate({.bytes = most.kv_bytes() + 1}).ok());
}

TEST(KvConfigTest, SetsWhatTheFileHasAndLeavesTheRest) {
  const KvOptions base = {.bytes = 12345, .when_full = WhenFull::kEvict};
  EXPECT_EQ(PrintConfig(ConfigOf(KvOptionsOf({}, base))),
            PrintConfig(ConfigOf(base)));
  v1::KvConfig config;
  config.set_kv_bytes(int64_t{64} << 20);
  config.set_kv_when_full(v1::KV_WHEN_FULL_REFUSE);
  const KvOptions options = KvOptionsOf(config, base);
  EXPECT_EQ(options.bytes, int64_t{64} << 20);
  EXPECT_EQ(options.when_full, WhenFull::kRefuse);
}

}  // namespace
}  // namespace pinion::kv
