// SPDX-License-Identifier: Apache-2.0
//
// ReadOptions: what a program with a main() of its own has of a file.
#include "pinion/server/config_file.h"

#include <fstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/config/garden.pb.h"

namespace pinion {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ReadOptionsTest : public ::testing::Test {
 protected:
  absl::StatusOr<FileOptions> Read(const std::string& text) {
    std::ofstream(path_) << text;
    return ReadOptions(path_, {{"garden", &garden_}});
  }
  // What is wrong with the text, line by line, without the file's name.
  std::vector<std::string> MistakesOf(const std::string& text) {
    const absl::Status status = Read(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    std::vector<std::string> lines = absl::StrSplit(status.message(), '\n');
    for (std::string& line : lines) {
      EXPECT_THAT(line, StartsWith(path_));
      line.erase(0, path_.size() + 1);
    }
    return lines;
  }

  const std::string path_ = ::testing::TempDir() + "/carts.yaml";
  testing::Garden garden_;
};

TEST_F(ReadOptionsTest, HasWhatTheFileSaysAndDefaultsForTheRest) {
  const auto options = Read(
      "listener: {max_connections: 7}\n"
      "lanes: {lane_calls: 9}\n"
      "stop: {grace: 5s}\n"
      "probes: {probe_listen: \"127.0.0.1:8080\"}\n"
      "services: {garden: {name: roses}}\n");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->listen.max_connections, 7);
  EXPECT_EQ(options->hosting.lane_calls, 9);
  EXPECT_EQ(options->hosting.grace, absl::Seconds(5));
  EXPECT_EQ(options->hosting.lame_duck, HostingOptions().lame_duck);
  EXPECT_EQ(options->run.probe_listen, "127.0.0.1:8080");
  EXPECT_EQ(garden_.name(), "roses");
}

TEST_F(ReadOptionsTest, TellsEveryMistakeWithItsPlace) {
  EXPECT_THAT(MistakesOf("stop: {grace: 5}\n"
                         "lanes: {lane_cals: 9}\n"
                         "services: {garden: {small: many}}\n"),
              ElementsAre(StartsWith("1:15: stop.grace: "),
                          HasSubstr("did you mean lane_calls"),
                          StartsWith("3:28: services.garden.small: ")));
}

TEST_F(ReadOptionsTest, TellsWhatOnlyTheOptionsRefuse) {
  EXPECT_THAT(MistakesOf("lanes:\n  lane_bytes: 2MiB\n"),
              ElementsAre("2:15: lanes.lane_bytes: it is 2097152; valid are "
                          "4194304 to 549755813887"));
}

TEST_F(ReadOptionsTest, AFileThatIsNotThereIsAMistake) {
  const absl::Status status = ReadOptions("/none/here").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), StartsWith("/none/here: "));
}

}  // namespace
}  // namespace pinion
