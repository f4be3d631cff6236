// SPDX-License-Identifier: Apache-2.0
//
// EachSetting: every field of a configuration that has a value of its own, with
//              its path and the message that it stands in.
//
// Threads: plain functions; any thread.
// Example: EachSetting(&config, [](const std::string& path,
//                                  google::protobuf::Message* section,
//                                  const auto& field) { ... });
#ifndef PINION_TESTS_SERVER_CONFIG_EACH_SETTING_H_
#define PINION_TESTS_SERVER_CONFIG_EACH_SETTING_H_

#include <string>

#include "absl/status/status.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "gtest/gtest.h"
#include "pinion/config/v1/setting.pb.h"
#include "pinion/server/config/known_names.h"
#include "pinion/server/config/setting_value.h"

namespace pinion::testing {

inline const config::v1::Setting& SettingOf(
    const google::protobuf::FieldDescriptor& field) {
  return field.options().GetExtension(config::v1::setting);
}

// Sets each section on the way, though to nothing. Lists and maps are left out.
template <typename Visit>
void EachSetting(google::protobuf::Message* message, const Visit& visit,
                 const std::string& path = "") {
  const google::protobuf::Descriptor& type = *message->GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const google::protobuf::FieldDescriptor& field = *type.field(i);
    const std::string at = JoinedPath(path, field.name());
    if (field.is_repeated()) continue;
    if (IsWrittenAsText(field)) {
      visit(at, message, field);
    } else {
      EachSetting(message->GetReflection()->MutableMessage(message, &field),
                  visit, at);
    }
  }
}

// Sets each field to the default that the schema says.
inline void SetDefaults(google::protobuf::Message* message) {
  EachSetting(message, [](const std::string& path, auto* section,
                          const google::protobuf::FieldDescriptor& field) {
    const absl::Status set =
        SetValue(section, field, SettingOf(field).default_value());
    EXPECT_EQ(set, absl::OkStatus()) << path;
  });
}

}  // namespace pinion::testing

#endif  // PINION_TESTS_SERVER_CONFIG_EACH_SETTING_H_
