// SPDX-License-Identifier: Apache-2.0
//
// What an operator may know of a program's settings: where each is from, and
// nothing that only the program knows to be no secret.
#include "pinion/server/program/program_settings.h"

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/admin/v1/admin.pb.h"
#include "pinion/server/hosting/live_settings.h"
#include "pinion/server/program/program_config.h"
#include "tests/server/program/limited_counter.pb.h"

namespace pinion {
namespace {

using ::testing::Contains;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::Pair;

class ProgramSettingsTest : public ::testing::Test {
 protected:
  ProgramSettings Read(const std::string& text, const FlagTexts& flags) {
    const std::string file = absl::StrCat(
        ::testing::TempDir(), "/",
        ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::ofstream(file) << text;
    config_.Read(file, flags);
    EXPECT_TRUE(config_.mistakes().empty());
    return SettingsOf(config_, takes_sections_);
  }

  test::CountersConfig type_;
  const std::vector<ConfigSection> sections_ = {{"counters", &type_}};
  ProgramConfig config_{sections_};
  bool takes_sections_ = false;
};

TEST_F(ProgramSettingsTest, EachSettingIsFromTheFileAFlagOrNowhere) {
  const ProgramSettings settings = Read(
      "stop:\n  grace: 20s\n  lame_duck: 3s\n"
      "services:\n  counters:\n    most_value: 50\n",
      {{"stop.grace", "7s"}, {"services.counters.most_step", "2"}});
  EXPECT_THAT(
      settings.origins,
      IsSupersetOf(
          {Pair("stop.grace", admin::v1::ORIGIN_FLAG),
           Pair("stop.lame_duck", admin::v1::ORIGIN_FILE),
           Pair("lanes.lane_calls", admin::v1::ORIGIN_DEFAULT),
           Pair("services.counters.most_value", admin::v1::ORIGIN_FILE),
           Pair("services.counters.most_step", admin::v1::ORIGIN_FLAG)}));
}

TEST_F(ProgramSettingsTest, WhatIsTheProgramsIsNamedAndItsOwnValuesAreHidden) {
  const ProgramSettings settings = Read(
      "services:\n  counters:\n    greeting: hush\n"
      "probes:\n  probe_listen: 127.0.0.1:8081\n",
      {});
  std::map<std::string, std::string> values;
  for (const admin::v1::Setting& other : settings.others) {
    EXPECT_FALSE(other.can_change());
    values[other.name()] = other.value();
  }
  EXPECT_THAT(values, IsSupersetOf({Pair("greeting", "(secret)"),
                                    Pair("most_value", "(secret)"),
                                    Pair("probe_listen", "127.0.0.1:8081")}));
  // A Server's are told by the Server.
  EXPECT_THAT(values, Not(Contains(Pair("grace", "10s"))));
  for (const auto& [path, origin] : settings.origins) {
    const std::string name = path.substr(path.rfind('.') + 1);
    EXPECT_EQ(values.count(name) > 0, !LiveSettings::Has(path)) << path;
  }
}

TEST_F(ProgramSettingsTest, AReloadIsToldIfItTakesTheSetting) {
  const auto reloads = [this](absl::string_view name) {
    const ProgramSettings settings = Read("probes: {}\n", {});
    for (const admin::v1::Setting& other : settings.others) {
      if (other.name() == name) return other.reloads();
    }
    ADD_FAILURE() << "there is no " << name;
    return false;
  };
  EXPECT_TRUE(reloads("account"));
  EXPECT_TRUE(reloads("summary"));
  EXPECT_FALSE(reloads("probe_listen"));
  EXPECT_FALSE(reloads("most_value"));
  takes_sections_ = true;
  EXPECT_TRUE(reloads("most_value"));
  EXPECT_FALSE(reloads("greeting"));
}

}  // namespace
}  // namespace pinion
