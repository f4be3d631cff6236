// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/config/options_from_config.h"

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "gtest/gtest.h"
#include "pinion/config/v1/server_config.pb.h"
#include "pinion/server/config/each_option.h"
#include "pinion/server/config/print_config.h"
#include "pinion/server/config/read_config.h"
#include "pinion/server/config/setting_value.h"
#include "pinion/tests/server/config/each_setting.h"

namespace pinion {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

std::set<std::string> OptionPaths() {
  const ConfiguredOptions options;
  std::set<std::string> paths;
  EachOption(options, [&](absl::string_view path, const auto&) {
    EXPECT_TRUE(paths.insert(std::string(path)).second) << path;
  });
  return paths;
}

TEST(OptionsFromConfigTest, EachFieldOfTheSchemaIsAnOption) {
  // Those that no code reads yet.
  std::set<std::string> expected = {"log.log_format", "log.log_level",
                                    "log.log_keys", "probes.probe_listen",
                                    "reflection.reflection"};
  expected.merge(OptionPaths());
  std::set<std::string> fields;
  config::v1::ServerConfig config;
  testing::EachSetting(&config, [&](const std::string& path, Message*,
                                    const auto&) { fields.insert(path); });
  EXPECT_EQ(fields, expected);
}

TEST(OptionsFromConfigTest, TheDefaultsThatTheSchemaSaysAreThoseOfTheCode) {
  config::v1::ServerConfig said;
  testing::SetDefaults(&said);
  const config::v1::ServerConfig defaults = ConfigOf({});
  EXPECT_EQ(PrintConfig(ConfigOf(OptionsOf(said))), PrintConfig(defaults));
}

TEST(OptionsFromConfigTest, WhatTheFileDoesNotHaveStays) {
  ConfiguredOptions base;
  EachOption(base, [](absl::string_view, auto& option) {
    using Option = std::decay_t<decltype(option)>;
    if constexpr (std::is_same_v<Option, std::string>) {
      option = "x";
    } else if constexpr (std::is_same_v<Option, absl::Duration>) {
      option = absl::Seconds(17);
    } else {
      option = static_cast<Option>(1);
    }
  });
  EXPECT_EQ(PrintConfig(ConfigOf(OptionsOf({}, base))),
            PrintConfig(ConfigOf(base)));
  EXPECT_NE(PrintConfig(ConfigOf(base)), PrintConfig(ConfigOf({})));
}

// A value that is not the default, and that the field may have.
std::string OtherValue(const FieldDescriptor& field) {
  const config::v1::Setting& setting = testing::SettingOf(field);
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return setting.default_value() == "true" ? "false" : "true";
    case FieldDescriptor::CPPTYPE_STRING:
      return "other";
    case FieldDescriptor::CPPTYPE_ENUM:
      return EnumWords(*field.enum_type()).back();
    case FieldDescriptor::CPPTYPE_UINT64:
      return "18446744073709551615";
    default:
      return setting.default_value() == setting.most() ? setting.least()
                                                       : setting.most();
  }
}

TEST(OptionsFromConfigTest, EachFieldSetsItsOptionAndNoOther) {
  const std::set<std::string> options = OptionPaths();
  config::v1::ServerConfig schema;
  testing::EachSetting(&schema, [&](const std::string& path, Message*,
                                    const FieldDescriptor& wanted) {
    if (options.count(path) == 0) return;
    config::v1::ServerConfig config, expected = ConfigOf({});
    for (config::v1::ServerConfig* each : {&config, &expected}) {
      testing::EachSetting(each, [&](const std::string& at, Message* section,
                                     const FieldDescriptor& field) {
        if (at != path) return;
        EXPECT_EQ(SetValue(section, field, OtherValue(wanted)),
                  absl::OkStatus())
            << path;
      });
    }
    config::v1::ServerConfig found = ConfigOf(OptionsOf(config));
    // With those sections, too, that have no options.
    testing::EachSetting(&found, [](const auto&, Message*, const auto&) {});
    EXPECT_EQ(PrintConfig(found), PrintConfig(expected));
    EXPECT_NE(PrintConfig(expected), PrintConfig(ConfigOf({}))) << path;
  });
}

// ---- Ranges -----------------------------------------------------------------

// Whether Validate() refuses the option that the schema calls `name`, if the
// field of that name has the value that `set` sets. One message is small, so
// that the limits in bytes may be.
template <typename Set>
bool IsRefused(const std::string& path, Set set) {
  config::v1::ServerConfig config;
  config.mutable_limits()->set_max_message_bytes(1 << 10);
  std::string name;
  testing::EachSetting(&config, [&](const std::string& at, Message* section,
                                    const FieldDescriptor& field) {
    if (at != path) return;
    name = field.name();
    set(section, field);
  });
  const ConfiguredOptions options = OptionsOf(config);
  std::vector<absl::Status> mistakes = Mistakes(options.listen);
  for (absl::Status& mistake : Mistakes(options.hosting)) {
    mistakes.push_back(std::move(mistake));
  }
  for (const absl::Status& mistake : mistakes) {
    if (absl::StartsWith(mistake.message(), name + " ")) return true;
  }
  return false;
}

// Moves the field's number by one, or by the smallest part.
void Move(Message* section, const FieldDescriptor& field, int by) {
  const auto& reflection = *section->GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      reflection.SetInt32(section, &field,
                          reflection.GetInt32(*section, &field) + by);
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      reflection.SetInt64(section, &field,
                          reflection.GetInt64(*section, &field) + by);
      break;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      reflection.SetDouble(section, &field,
                           reflection.GetDouble(*section, &field) + by * 1e-9);
      break;
    default:
      Message* const duration = reflection.MutableMessage(section, &field);
      SetDuration(DurationOf(*duration) + by * absl::Nanoseconds(1), duration);
  }
}

TEST(OptionsFromConfigTest, TheRangesThatTheSchemaSaysAreThoseOfTheCode) {
  const std::set<std::string> options = OptionPaths();
  int bounds = 0;
  config::v1::ServerConfig schema;
  const auto check = [&](const std::string& path, const std::string& bound,
                         int outwards) {
    if (bound.empty()) return;
    ++bounds;
    EXPECT_FALSE(IsRefused(path,
                           [&](Message* section, const auto& field) {
                             EXPECT_EQ(SetValue(section, field, bound),
                                       absl::OkStatus());
                           }))
        << path << " may be " << bound;
    if (bound == "inf") return;
    EXPECT_TRUE(IsRefused(path,
                          [&](Message* section, const auto& field) {
                            EXPECT_EQ(SetValue(section, field, bound),
                                      absl::OkStatus());
                            Move(section, field, outwards);
                          }))
        << path << " must be refused beyond " << bound;
  };
  testing::EachSetting(&schema, [&](const std::string& path, Message*,
                                    const FieldDescriptor& field) {
    if (options.count(path) == 0) return;
    check(path, testing::SettingOf(field).least(), -1);
    check(path, testing::SettingOf(field).most(), +1);
  });
  EXPECT_GT(bounds, 40);
}

// ---- What only Validate() knows ---------------------------------------------

std::vector<std::string> Complaints(absl::string_view text) {
  config::v1::ServerConfig config;
  const ConfigReading reading = ReadConfig("f", text, &config);
  EXPECT_THAT(reading.mistakes, IsEmpty());
  std::vector<std::string> lines;
  for (const ConfigMistake& mistake :
       OptionMistakes(OptionsOf(config), reading)) {
    lines.push_back(mistake.ToString());
  }
  return lines;
}

TEST(OptionsFromConfigTest, EachMistakeThatOnlyTheOptionsKnowHasItsPlace) {
  EXPECT_THAT(
      Complaints("listener:\n"
                 "  listen: 0.0.0.0:50051\n"
                 "memory:\n"
                 "  trusted_proxies: nobody\n"
                 "lanes:\n"
                 "  lane_bytes: 2MiB\n"),
      ElementsAre(
          "f:2:11: listener.listen: it is \"0.0.0.0:50051\", which others "
          "can reach, and the traffic is not encrypted; set tls_certificate "
          "and tls_key, listen on a loopback address, or set "
          "allow_unencrypted_public_traffic",
          "f:6:15: lanes.lane_bytes: it is 2097152; valid are 4194304 "
          "to 549755813887",
          "f:4:20: memory.trusted_proxies: it has \"nobody\", "
          "which is no address; valid are addresses and networks with commas "
          "between them, as in \"10.0.0.0/8, ::1\""));
  EXPECT_THAT(Complaints(""), IsEmpty());
}

TEST(OptionsFromConfigTest, EachMistakeOfEncryptionHasItsPlace) {
  EXPECT_THAT(Complaints("tls:\n"
                         "  client_auth: required\n"
                         "  tls_certificate: a.pem\n"),
              ElementsAre(StartsWith("f:3:20: tls.tls_certificate: "),
                          StartsWith("f:2:16: tls.client_auth: it is required, "
                                     "and tls_client_ca is empty")));
  EXPECT_THAT(Complaints("tls:\n"
                         "  tls_min_version: 1.3\n"),
              ElementsAre(StartsWith("f:2:20: tls.tls_min_version: ")));
}

TEST(OptionsFromConfigTest, ADefaultThatIsTooSmallIsToldWhereAMessageIsLarge) {
  EXPECT_THAT(Complaints("limits:\n"
                         "  max_message_bytes: 128MiB\n"),
              ElementsAre("f:2:22: lanes.lane_bytes: it is 67108864; valid are "
                          "134217728 to 549755813887",
                          "f:2:22: sessions.session_bytes: it is 67108864; "
                          "valid are 134217728 to 549755813887",
                          "f:2:22: sessions.stream_bytes: it is 4194304; "
                          "valid are 134217728 to 549755813887"));
}

}  // namespace
}  // namespace pinion
