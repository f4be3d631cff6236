// SPDX-License-Identifier: Apache-2.0
//
// What holds of a file, flags and defaults, and where it is from.
#include "pinion/server/program/program_config.h"

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/config/v1/server_config.pb.h"
#include "pinion/config/v1/setting.pb.h"
#include "pinion/server/config/options_from_config.h"
#include "pinion/server/config/setting_value.h"
#include "pinion/server/hosting/needs_restart.h"
#include "pinion/server/options.h"
#include "pinion/server/program/all_mistakes.h"
#include "tests/server/program/limited_counter.pb.h"

namespace pinion {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::pinion::test::CountersConfig;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ProgramConfigTest : public ::testing::Test {
 protected:
  void Write(const std::string& text) { std::ofstream(file_) << text; }
  void Read(ProgramConfig& config, const FlagTexts& flags = {}) {
    config.Read(file_, flags);
  }
  const CountersConfig& Counters(const ProgramConfig& config) {
    return dynamic_cast<const CountersConfig&>(*config.sections()[0].message);
  }
  // "FILE:LINE" of an origin, and the path of a mistake.
  std::string At(int line) { return absl::StrCat(file_, ":", line); }

  const std::string file_ = absl::StrCat(
      ::testing::TempDir(), "/",
      ::testing::UnitTest::GetInstance()->current_test_info()->name(), ".yaml");
  CountersConfig type_;
  const std::vector<ConfigSection> sections_ = {{"counters", &type_}};
};

TEST_F(ProgramConfigTest, AFlagGoesBeforeTheFileAndTheFileBeforeTheDefault) {
  Write(
      "stop:\n"
      "  grace: 20s\n"
      "  lame_duck: 3s\n"
      "services:\n"
      "  counters:\n"
      "    most_value: 50\n"
      "    most_step: 5\n");
  ProgramConfig config(sections_);
  Read(config, {{"stop.grace", "7s"}, {"services.counters.most_step", "2"}});
  EXPECT_THAT(AllMistakes(config), IsEmpty());
  EXPECT_EQ(config.server().stop().grace().seconds(), 7);
  EXPECT_EQ(config.OriginOf("stop.grace"), "--grace");
  EXPECT_EQ(config.server().stop().lame_duck().seconds(), 3);
  EXPECT_EQ(config.OriginOf("stop.lame_duck"), At(3));
  EXPECT_EQ(config.server().lanes().lane_calls(), 16384);
  EXPECT_EQ(config.OriginOf("lanes.lane_calls"), "default");
  EXPECT_EQ(Counters(config).most_value(), 50);
  EXPECT_EQ(Counters(config).most_step(), 2);
  EXPECT_EQ(config.OriginOf("services.counters.most_step"), "--most_step");
}

TEST_F(ProgramConfigTest, ASectionHasItsDefaultsUnlessTheFileHasTheField) {
  Write(
      "services:\n"
      "  counters:\n"
      "    plain: 0\n"
      "    greeting: ''\n"
      "    peers:\n"
      "      - port: 1\n"
      "      - {}\n");
  ProgramConfig config(sections_);
  Read(config);
  const CountersConfig& counters = Counters(config);
  EXPECT_EQ(counters.plain(), 0);
  EXPECT_EQ(counters.greeting(), "");
  EXPECT_EQ(counters.most_value(), 100);
  EXPECT_EQ(DurationOf(counters.keep_for()), absl::Hours(1));
  ASSERT_EQ(counters.peers_size(), 2);
  EXPECT_EQ(counters.peers(0).host(), "localhost");
  EXPECT_EQ(counters.peers(0).port(), 1);
  EXPECT_EQ(counters.peers(1).port(), 443);
  EXPECT_FALSE(counters.has_main_peer());

  ProgramConfig nothing(sections_);
  nothing.Read("", {});
  EXPECT_EQ(Counters(nothing).plain(), 7);
  EXPECT_EQ(Counters(nothing).greeting(), "hello # \"you\"");
}

TEST_F(ProgramConfigTest, TheDefaultsAreThoseOfTheOptions) {
  ProgramConfig config({});
  config.Read("", {});
  const ConfiguredOptions options = OptionsOf(config.server());
  EXPECT_THAT(NeedsRestart(HostingOptions(), options.hosting), IsEmpty());
  EXPECT_THAT(NeedsRestart(ListenOptions(), options.listen), IsEmpty());
  EXPECT_EQ(options.hosting.grace, HostingOptions().grace);
  EXPECT_EQ(options.hosting.max_session_age, HostingOptions().max_session_age);
  EXPECT_EQ(options.listen.max_connections, ListenOptions().max_connections);
}

TEST_F(ProgramConfigTest, ItsYamlReadsBackAndSaysWhereEachValueIsFrom) {
  Write(
      "listener:\n"
      "  listen: \"127.0.0.1:0\"  # any\n"
      "services:\n"
      "  counters:\n"
      "    tags: [\"a: b\", \"- c\"]\n"
      "    weights:\n"
      "      \"x y\": 3\n"
      "    main_peer:\n"
      "      host: h\n"
      "    peers:\n"
      "      - host: p\n");
  ProgramConfig config(sections_);
  Read(config, {{"lanes.lane_bytes", "128MiB"}});
  ASSERT_THAT(AllMistakes(config), IsEmpty());
  const std::string yaml = config.ToYaml();
  for (const std::string& line :
       {absl::StrCat("  listen: \"127.0.0.1:0\"  # ", At(2), "\n"),
        std::string("  lane_bytes: 128MiB  # --lane_bytes\n"),
        std::string("  grace: 10s  # default\n"),
        std::string("    plain: 7  # default\n"),
        absl::StrCat("      host: \"h\"  # ", At(9), "\n"),
        std::string("      port: 443  # default\n"),
        absl::StrCat("      - \"- c\"  # ", At(5), "\n")}) {
    EXPECT_TRUE(absl::StrContains(yaml, line)) << line << "in\n" << yaml;
  }
  Write(yaml);
  ProgramConfig again(sections_);
  Read(again);
  EXPECT_THAT(AllMistakes(again), IsEmpty());
  EXPECT_THAT(ChangesBetween(config, again), IsEmpty());
}

TEST_F(ProgramConfigTest, TellsTheMistakesOfTheFileAndThoseOfTheOptions) {
  Write(
      "lanes:\n"
      "  lane_calls: many\n"
      "  lane_bytes: 1MiB\n"
      "workers:\n"
      "  worker_cpus: 3-1\n"
      "listener:\n"
      "  listen: 0.0.0.0:50051\n");
  ProgramConfig config(sections_);
  Read(config, {{"sessions.session_bytes", "5KiB"}});
  const auto told = [&](int line, const char* path) {
    return AllOf(Field(&ConfigMistake::place, Field(&ConfigPlace::line, line)),
                 Field(&ConfigMistake::path, path));
  };
  EXPECT_THAT(
      AllMistakes(config),
      ElementsAre(told(2, "lanes.lane_calls"), told(3, "lanes.lane_bytes"),
                  told(5, "workers.worker_cpus"), told(7, "listener.listen"),
                  told(0, "--session_bytes")));
}

TEST_F(ProgramConfigTest, AMistakeInWhatOthersAreMeasuredByIsToldAlone) {
  Write(
      "limits:\n"
      "  max_message_bytes: 1kb\n"
      "lanes:\n"
      "  lane_bytes: 1MiB\n");
  ProgramConfig config(sections_);
  Read(config);
  ASSERT_EQ(AllMistakes(config).size(), 1);
  EXPECT_EQ(AllMistakes(config)[0].path, "limits.max_message_bytes");
}

TEST_F(ProgramConfigTest,
       ChangesHaveBothValuesAndWhetherARunningServerTakesThem) {
  Write(
      "stop:\n  grace: 20s\n"
      "services:\n  counters:\n    tags: [a]\n    most_value: 1\n");
  ProgramConfig before(sections_);
  Read(before);
  Write(
      "lanes:\n  lane_streams: 7\n"
      "services:\n  counters:\n    tags: [a, b]\n    most_value: 2\n");
  ProgramConfig after(sections_);
  Read(after);
  const auto change = [](const char* path, const char* old_text,
                         const char* new_text, bool reloads) {
    return AllOf(Field(&ConfigChange::path, path),
                 Field(&ConfigChange::before, old_text),
                 Field(&ConfigChange::after, new_text),
                 Field(&ConfigChange::reloads, reloads));
  };
  EXPECT_THAT(
      ChangesBetween(before, after),
      ElementsAre(change("lanes.lane_streams", "16384", "7", false),
                  change("services.counters.most_value", "1", "2", true),
                  change("services.counters.tags[1]", "", "b", false),
                  change("stop.grace", "20s", "10s", true)));
}

// Another valid value than the default.
std::string AnotherValue(const FieldDescriptor& field) {
  const config::v1::Setting& setting =
      field.options().GetExtension(config::v1::setting);
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_BOOL) {
    return setting.default_value() == "true" ? "false" : "true";
  }
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) return "1";
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
    for (const std::string& word : EnumWords(*field.enum_type())) {
      if (word != setting.default_value()) return word;
    }
  }
  if (setting.least().empty()) return "1";
  return setting.least() == setting.default_value() ? setting.most()
                                                    : setting.least();
}

// So that the file does not promise what the server refuses, nor the other way
// round.
TEST_F(ProgramConfigTest, TheSchemaSaysOfEachOptionWhetherAServerReloadsIt) {
  int options = 0;
  for (const FlagSection& section : FlagSectionsOf({})) {
    // They are RunOptions, of which no server decides.
    if (section.path == "output" || section.path == "probes" ||
        section.path == "admin") {
      continue;
    }
    for (const FieldDescriptor* field : section.fields) {
      const std::string path = absl::StrCat(section.path, ".", field->name());
      ProgramConfig before({}), after({});
      before.Read("", {});
      after.Read("", {{path, AnotherValue(*field)}});
      const auto changes = ChangesBetween(before, after);
      ASSERT_EQ(changes.size(), 1) << path;
      const ConfiguredOptions wanted = OptionsOf(after.server());
      const size_t fixed =
          NeedsRestart(ListenOptions(), wanted.listen).size() +
          NeedsRestart(HostingOptions(), wanted.hosting).size();
      if (changes[0].reloads) {
        EXPECT_EQ(fixed, 0) << path;
      } else {
        EXPECT_EQ(fixed, 1) << path;
      }
      ++options;
    }
  }
  EXPECT_GT(options, 30);
}

}  // namespace
}  // namespace pinion
