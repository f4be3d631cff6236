// SPDX-License-Identifier: Apache-2.0
//
// The numbers in the units that we ship fit the defaults of the options.
#include <fstream>
#include <map>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/server/listener/listen_address.h"
#include "pinion/server/options.h"

namespace pinion {
namespace {

// The values of a unit by their directives; the last one of each.
std::map<std::string, std::string> ReadUnit(const std::string& name) {
  std::map<std::string, std::string> values;
  std::ifstream file("deploy/systemd/" + name);
  EXPECT_TRUE(file.good()) << name;
  for (std::string line; std::getline(file, line);) {
    const size_t equals = line.find('=');
    if (line[0] == '#' || equals == std::string::npos) continue;
    values[line.substr(0, equals)] = line.substr(equals + 1);
  }
  return values;
}

absl::Duration TimeOf(const std::string& text) {
  absl::Duration time;
  EXPECT_TRUE(absl::ParseDuration(text, &time)) << text;
  return time;
}

TEST(UnitFilesTest, TheServiceHasTimeForAStopAndFilesForItsConnections) {
  auto unit = ReadUnit("pinion-server.service");
  const HostingOptions hosting;
  EXPECT_EQ(unit["Type"], "notify");
  EXPECT_GT(TimeOf(unit["TimeoutStopSec"]),
            hosting.lame_duck + hosting.grace + absl::Seconds(1));
  EXPECT_GE(TimeOf(unit["WatchdogSec"]), 4 * hosting.stall_after);
  int64_t files = 0;
  ASSERT_TRUE(absl::SimpleAtoi(unit["LimitNOFILE"], &files));
  EXPECT_GT(files, ListenOptions().max_connections + 1000);
}

TEST(UnitFilesTest, TheSocketIsThatOfTheServiceAndListensOnLoopback) {
  auto unit = ReadUnit("pinion-server.socket");
  EXPECT_EQ(unit["ListenStream"], ListenOptions().listen);
  EXPECT_TRUE(*IsLocalAddress(unit["ListenStream"]));
  // "listen: systemd:grpc" finds it.
  EXPECT_EQ(SystemdName(absl::StrCat("systemd:", unit["FileDescriptorName"])),
            "grpc");
}

}  // namespace
}  // namespace pinion
