// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/config/read_config.h"

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/config/v1/server_config.pb.h"
#include "tests/server/config/garden.pb.h"

namespace pinion {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

std::vector<std::string> Lines(const ConfigReading& reading) {
  std::vector<std::string> lines;
  for (const ConfigMistake& mistake : reading.mistakes) {
    lines.push_back(mistake.ToString());
  }
  return lines;
}

// What is said of a server's file with a section services.garden.
class ReadConfigTest : public ::testing::Test {
 protected:
  std::vector<std::string> Complaints(absl::string_view text) {
    reading_ = ReadConfig("f", text, &config_, {{"garden", &garden_}});
    return Lines(reading_);
  }

  // The same of the garden's lines, which it indents.
  std::vector<std::string> GardenComplaints(absl::string_view lines) {
    return Complaints(absl::StrCat("services:\n  garden:\n", lines));
  }

  config::v1::ServerConfig config_;
  testing::Garden garden_;
  ConfigReading reading_;
};

TEST_F(ReadConfigTest, ReadsWhatPeopleWrite) {
  EXPECT_THAT(Complaints("# Of our shop.\n"
                         "listener:\n"
                         "  listen: 127.0.0.1:50051   # loopback\n"
                         "  grpc_memory_bytes: 64MiB\n"
                         "  keepalive_time: 1m30s\n"
                         "workers: {workers: 2, cpu_policy: float}\n"
                         "sessions:\n"
                         "  max_session_age: inf\n"
                         "keys:\n"
                         "  key_seed: 18446744073709551615\n"
                         "health:\n"
                         "  healthy_share: 0.5\n"
                         "services:\n"
                         "  garden:\n"
                         "    name: \"Eden\"\n"),
              IsEmpty());
  EXPECT_EQ(config_.listener().listen(), "127.0.0.1:50051");
  EXPECT_EQ(config_.listener().grpc_memory_bytes(), 64 << 20);
  EXPECT_EQ(config_.listener().keepalive_time().seconds(), 90);
  EXPECT_EQ(config_.workers().workers(), 2);
  EXPECT_EQ(config_.workers().cpu_policy(), config::v1::CPU_POLICY_FLOAT);
  EXPECT_EQ(config_.sessions().max_session_age().seconds(), 315'576'000'000);
  EXPECT_EQ(config_.keys().key_seed(), UINT64_MAX);
  EXPECT_EQ(config_.health().healthy_share(), 0.5);
  EXPECT_FALSE(config_.listener().has_max_connections()) << "not in the file";
  EXPECT_EQ(garden_.name(), "Eden");
}

TEST_F(ReadConfigTest, ReadsJson) {
  EXPECT_THAT(Complaints("{\"stop\": {\"grace\": \"5s\"},\n"
                         " \"lanes\": {\"lane_calls\": 7}}\n"),
              IsEmpty());
  EXPECT_EQ(config_.stop().grace().seconds(), 5);
  EXPECT_EQ(config_.lanes().lane_calls(), 7);
}

TEST_F(ReadConfigTest, QuotesDoNotChangeWhatAValueMeans) {
  EXPECT_THAT(Complaints("lanes: {lane_calls: '7'}\n"
                         "log: {log_keys: \"true\", log_format: 'json'}\n"),
              IsEmpty());
  EXPECT_EQ(config_.lanes().lane_calls(), 7);
  EXPECT_TRUE(config_.log().log_keys());
}

TEST_F(ReadConfigTest, AnEmptyFileAndEmptySectionsAreRight) {
  for (const char* text :
       {"", "# Nothing.\n", "---\n", "{}", "stop:\n", "stop: {}\n", "stop: ~\n",
        "stop:\n  # grace: 5s\nlanes:\n", "services:\n",
        "services: {garden: }"}) {
    EXPECT_THAT(Complaints(text), IsEmpty()) << text;
  }
}

TEST_F(ReadConfigTest, EarlierValuesAreCleared) {
  config_.mutable_lanes()->set_lane_calls(5);
  garden_.set_name("Eden");
  EXPECT_THAT(Complaints(""), IsEmpty());
  EXPECT_FALSE(config_.has_lanes());
  EXPECT_FALSE(garden_.has_name());
}

TEST_F(ReadConfigTest, ReadsEveryKindOfFieldOfASection) {
  EXPECT_THAT(GardenComplaints("    bed: {plant: rose, inner: {rows: 2}}\n"
                               "    visitors: [ann, \"bob\"]\n"
                               "    years:\n"
                               "    - 1999\n"
                               "    - 2001\n"
                               "    breaks: [5m, 1.5s]\n"
                               "    seasons: []\n"
                               "    beds:\n"
                               "      - plant: tulip\n"
                               "      -\n"
                               "      - {rows: 3}\n"
                               "    prices: {rose: 5, 'oak tree': 500}\n"
                               "    named_beds:\n"
                               "      left: {plant: lily}\n"
                               "      right:\n"
                               "    plots: {7: seven}\n"
                               "    soils: {true: clay}\n"
                               "    guest: {plant: ivy}\n"),
              IsEmpty());
  EXPECT_EQ(garden_.bed().inner().rows(), 2);
  EXPECT_THAT(garden_.visitors(), ElementsAre("ann", "bob"));
  EXPECT_THAT(garden_.years(), ElementsAre(1999, 2001));
  EXPECT_EQ(garden_.breaks(1).nanos(), 500'000'000);
  ASSERT_EQ(garden_.beds_size(), 3) << "with one that is empty";
  EXPECT_EQ(garden_.beds(2).rows(), 3);
  EXPECT_EQ(garden_.prices().at("oak tree"), 500);
  EXPECT_EQ(garden_.named_beds().at("left").plant(), "lily");
  EXPECT_EQ(garden_.named_beds().count("right"), 1u);
  EXPECT_EQ(garden_.plots().at(7), "seven");
  EXPECT_EQ(garden_.soils().at(true), testing::CLAY);
  EXPECT_EQ(garden_.guest().plant(), "ivy");
}

TEST_F(ReadConfigTest, TellsAllMistakesInTheOrderOfTheFile) {
  EXPECT_THAT(
      Complaints("listner:\n"
                 "  listen: x\n"
                 "listener:\n"
                 "  listen: [1]\n"
                 "  max_connections: 0\n"
                 "  max_conections: 5\n"
                 "workers: 5\n"
                 "lanes:\n"
                 "  lane_calls: many\n"
                 "  lane_calls: 6\n"
                 "stop:\n"
                 "  grace: \"5s\n"),
      ElementsAre(
          "f:1:1: listner: \"listner\" is unknown here; did you mean listener?",
          "f:4:11: listener.listen: one value is expected here, and not a list",
          "f:5:20: listener.max_connections: \"0\" is out of range; valid are "
          "1 to 1000000",
          "f:6:3: listener.max_conections: \"max_conections\" is unknown here; "
          "did you mean max_connections?",
          "f:7:10: workers: a section with fields is expected here, and not "
          "\"5\"",
          "f:9:15: lanes.lane_calls: \"many\" is no whole number; write "
          "digits, for example 100",
          "f:10:3: lanes.lane_calls: the name stands here twice; remove one",
          "f:12:10: stop.grace: the quote that begins here is never closed"));
}

TEST_F(ReadConfigTest, AnUnknownNameIsToldWithTheOneThatWasMeant) {
  const auto complaint = [&](absl::string_view text) {
    const std::vector<std::string> all = Complaints(text);
    return all.size() == 1 ? all[0] : absl::StrCat(all.size(), " mistakes");
  };
  // Misspelt, in its place.
  EXPECT_THAT(complaint("lanes: {lane-calls: 5}"),
              EndsWith("did you mean lane_calls?"));
  EXPECT_THAT(complaint("lanes: {laneCalls: 5}"),
              EndsWith("did you mean lane_calls?"));
  EXPECT_THAT(complaint("lanes: {LANE_CALLS: 5}"),
              EndsWith("did you mean lane_calls?"));
  EXPECT_THAT(complaint("services: {gardn: {}}"),
              EndsWith("did you mean garden?"));
  EXPECT_THAT(complaint("service: {garden: {}}"),
              EndsWith("did you mean services?"));
  // Of another section.
  EXPECT_THAT(complaint("grace: 5s"), EndsWith("did you mean stop.grace?"));
  EXPECT_THAT(complaint("stop: {lane_calls: 5}"),
              EndsWith("did you mean lanes.lane_calls?"));
  EXPECT_THAT(complaint("lane_cals: 5"),
              EndsWith("did you mean lanes.lane_calls?"));
  EXPECT_THAT(complaint("visitors: [ann]"),
              EndsWith("did you mean services.garden.visitors?"));
  EXPECT_THAT(complaint("services: {garden: {beds: [{plnt: ivy}]}}"),
              EndsWith("did you mean plant?"));
  // Neither.
  EXPECT_EQ(complaint("stop: {xyzzy: 5}"),
            "f:1:8: stop.xyzzy: \"xyzzy\" is unknown here; valid are grace, "
            "lame_duck");
  EXPECT_THAT(complaint("services: {shop: {}}"),
              EndsWith("\"shop\" is unknown here; valid are garden"));
}

TEST_F(ReadConfigTest, WithoutServicesThereIsNoSuchSection) {
  const ConfigReading reading = ReadConfig("f", "services: {}", &config_);
  EXPECT_THAT(Lines(reading),
              ElementsAre(StartsWith("f:1:1: services: \"services\" is "
                                     "unknown here; ")));
}

TEST_F(ReadConfigTest, TellsWhereInAListOrMapAMistakeIs) {
  EXPECT_THAT(
      GardenComplaints("    years: [1999, soon, 2001, [5]]\n"
                       "    beds:\n"
                       "      - rows: 2\n"
                       "        plant: rose\n"
                       "      - rows: 10\n"
                       "      - corners: [{inner: {rows: no}}]\n"
                       "    prices:\n"
                       "      rose: 5\n"
                       "      oak: dear\n"
                       "      rose: 6\n"
                       "    plots:\n"
                       "      seven: x\n"
                       "    visitors: ann\n"
                       "    named_beds: [left]\n"
                       "    jars:\n"
                       "      -\n"),
      ElementsAre(StartsWith("f:3:19: services.garden.years[1]: \"soon\" is"),
                  StartsWith("f:3:31: services.garden.years[3]: one value is"),
                  StartsWith("f:7:15: services.garden.beds[1].rows: \"10\" is"),
                  StartsWith("f:8:34: services.garden.beds[2].corners[0].inner"
                             ".rows: \"no\" is no whole number"),
                  StartsWith("f:11:12: services.garden.prices.oak: \"dear\" "),
                  StartsWith("f:12:7: services.garden.prices.rose: the name "
                             "stands here twice"),
                  StartsWith("f:14:7: services.garden.plots.seven: \"seven\""),
                  StartsWith("f:15:15: services.garden.visitors: a list is "
                             "expected here, and not \"ann\""),
                  StartsWith("f:16:17: services.garden.named_beds: a map is"),
                  StartsWith("f:18:8: services.garden.jars[0]: there is no "
                             "value")));
}

TEST_F(ReadConfigTest, OnlyOneFieldOfAChoiceMayStand) {
  EXPECT_THAT(GardenComplaints("    person: ann\n"
                               "    guest: {plant: ivy}\n"),
              ElementsAre("f:4:5: services.garden.guest: it must not stand "
                          "beside person; remove one of them"));
}

TEST_F(ReadConfigTest, AFieldWithoutAValueIsAMistake) {
  const std::string without =
      "there is no value; write one, or remove the line";
  EXPECT_THAT(Complaints("stop:\n"
                         "  grace:\n"
                         "  lame_duck: ~\n"
                         "listener:\n"
                         "  listen: null\n"
                         "lanes: {lane_calls}\n"),
              ElementsAre("f:2:3: stop.grace: " + without,
                          "f:3:3: stop.lame_duck: " + without,
                          "f:5:3: listener.listen: " + without,
                          "f:6:9: lanes.lane_calls: " + without));
  EXPECT_THAT(Complaints("probes: {probe_listen: ''}"), IsEmpty());
  EXPECT_TRUE(config_.probes().has_probe_listen());
}

TEST_F(ReadConfigTest, WhatAFileMayNotHaveIsToldOnceEach) {
  EXPECT_THAT(Complaints("stop: &s\n"
                         "  grace: &g 5s\n"
                         "  lame_duck: *g\n"
                         "lanes:\n"
                         "  <<: *s\n"
                         "  lane_calls: !!int 5\n"
                         "  ~: 5\n"),
              ElementsAre(HasSubstr("stop: the YAML anchor \"&s\""),
                          HasSubstr("stop.grace: the YAML anchor \"&g\""),
                          HasSubstr("stop.lame_duck: the YAML alias \"*g\""),
                          HasSubstr("lanes: the YAML merge key"),
                          HasSubstr("lanes.lane_calls: the YAML tag \"!!int\""),
                          HasSubstr("lanes: a field's name must not be null")));
}

TEST_F(ReadConfigTest, ASlipOfIndentationIsToldOnce) {
  EXPECT_THAT(Complaints("stop:\n"
                         "  grace: 5s\n"
                         "    lame_duck: 1s\n"),
              ElementsAre(HasSubstr("f:2:10: stop.grace: the value goes on in "
                                    "the next line")));
  EXPECT_THAT(Complaints("listener:\n"
                         "  listen: [::]:50051\n"),
              ElementsAre(HasSubstr("f:2:12: listener.listen: a value is "
                                    "expected here; write a text with brackets "
                                    "or other signs in quotes")));
}

TEST_F(ReadConfigTest, WhatIsNotReadToItsEndIsNeverRight) {
  // The mistake that makes libyaml stop only follows from the text's, which
  // stands where nobody looks at it.
  EXPECT_THAT(Complaints("stop:\n"
                         "  grace:\n"
                         "    - 1\n"
                         "      b: 3\n"),
              SizeIs(1));
  EXPECT_THAT(Complaints("foo: 1\n"
                         "stop:\n"
                         "  grace:\n"
                         "    - 1\n"
                         "      b: 3\n"),
              SizeIs(2));
}

TEST_F(ReadConfigTest, AHundredMistakesAreTold) {
  std::string text;
  for (int i = 0; i < 100; ++i) absl::StrAppend(&text, "x", i, ": 1\n");
  EXPECT_THAT(Complaints(text), SizeIs(100));
  absl::StrAppend(&text, "y: 1\n");
  const std::vector<std::string> more = Complaints(text);
  ASSERT_THAT(more, SizeIs(101));
  EXPECT_THAT(more[99], StartsWith("f:100:1: x99: "));
  EXPECT_EQ(more[100], "f: there are more mistakes than these 100");
}

TEST_F(ReadConfigTest, ALongNameOrTextIsShownByItsBeginning) {
  const std::string name(1 << 18, 'x');
  for (const std::string& text :
       {absl::StrCat(name, ": 1"), absl::StrCat("stop: {", name, ": 1}"),
        absl::StrCat("stop: ", name), absl::StrCat("stop: {grace: ", name, "}"),
        absl::StrCat("listener: {listen: ", name, "}"),
        absl::StrCat("services: {garden: {prices: {", name, ": x}}}"),
        absl::StrCat("stop: {grace: &", name, " 5s}"),
        absl::StrCat("stop: {grace: !", name, " 5s}")}) {
    const std::vector<std::string> complaints = Complaints(text);
    ASSERT_THAT(complaints, SizeIs(1)) << text.substr(0, 40);
    EXPECT_LT(complaints[0].size(), 500u) << complaints[0].substr(0, 1000);
  }
}

TEST_F(ReadConfigTest, ATextHasAtMost64KiB) {
  const std::string text(64 << 10, 'x');
  EXPECT_THAT(Complaints(absl::StrCat("listener: {listen: ", text, "}")),
              IsEmpty());
  EXPECT_THAT(Complaints(absl::StrCat("listener: {listen: x", text, "}")),
              ElementsAre("f:1:20: listener.listen: the value has 65537 bytes; "
                          "the most is 65536"));
}

TEST_F(ReadConfigTest, KnowsWhereEachValueStands) {
  EXPECT_THAT(Complaints("stop:\n"
                         "  grace: 5s\n"
                         "services: {garden: {years: [1, 2]}}\n"),
              IsEmpty());
  const ConfigMistake known = reading_.MistakeAt("stop.grace", "is too long");
  EXPECT_EQ(known.ToString(), "f:2:10: stop.grace: is too long");
  EXPECT_EQ(reading_.MistakeAt("services.garden.years[1]", "x").ToString(),
            "f:3:32: services.garden.years[1]: x");
  EXPECT_EQ(reading_.MistakeAt("lanes.lane_calls", "x").ToString(),
            "f: lanes.lane_calls: x")
      << "the file does not have it";
}

class ReadConfigFileTest : public ::testing::Test {
 protected:
  std::vector<std::string> Complaints(const std::string& path) {
    return Lines(ReadConfigFile(path, &config_));
  }

  const std::string path_ = ::testing::TempDir() + "/server.yaml";
  config::v1::ServerConfig config_;
};

TEST_F(ReadConfigFileTest, ReadsAFileAndNamesIt) {
  std::ofstream(path_) << "stop: {grace: 5s, lame_duck: 5}";
  EXPECT_THAT(Complaints(path_),
              ElementsAre(StartsWith(path_ + ":1:30: stop.lame_duck: ")));
  EXPECT_EQ(config_.stop().grace().seconds(), 5);
}

TEST_F(ReadConfigFileTest, AFileThatCannotBeReadIsAMistake) {
  config_.mutable_lanes();
  EXPECT_THAT(Complaints(path_ + ".none"),
              ElementsAre(path_ + ".none: the file cannot be read: No such "
                                  "file or directory"));
  EXPECT_FALSE(config_.has_lanes()) << "cleared in any case";
  EXPECT_THAT(Complaints(::testing::TempDir()),
              ElementsAre(HasSubstr("the file cannot be read: Is a "
                                    "directory")));
}

TEST_F(ReadConfigFileTest, ALargeFileIsNotReadToItsEnd) {
  std::ofstream(path_) << std::string(3 << 20, ' ');
  EXPECT_THAT(Complaints(path_),
              ElementsAre(path_ + ": the file has 1048577 bytes or more; a "
                                  "configuration has at most 1048576"));
  EXPECT_THAT(Complaints("/dev/zero"), SizeIs(1)) << "which has no end";
}

}  // namespace
}  // namespace pinion
