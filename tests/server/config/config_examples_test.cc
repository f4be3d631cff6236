// SPDX-License-Identifier: Apache-2.0
//
// The files that people start from, and what docs/configuration.md prints.
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "pinion/config/v1/server_config.pb.h"
#include "pinion/echo/v1/echo_config.pb.h"
#include "pinion/kv/v1/kv_config.pb.h"
#include "pinion/server/config/config_mistake.h"
#include "pinion/server/config/options_from_config.h"
#include "pinion/server/config/read_config.h"
#include "pinion/server/kv/kv_config.h"
#include "pinion/server/kv/kv_options.h"
#include "pinion/server/options.h"

namespace pinion {
namespace {

std::string TextOf(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.is_open()) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

// What a server says of its file, a line for each mistake.
std::string Complaints(absl::string_view name, absl::string_view text) {
  config::v1::ServerConfig config;
  kv::v1::KvConfig kv;
  echo::v1::EchoConfig echo;
  const ConfigReading reading =
      ReadConfig(name, text, &config, {{"kv", &kv}, {"echo", &echo}});
  std::string lines;
  for (const ConfigMistake& mistake : reading.mistakes) {
    absl::StrAppend(&lines, mistake.ToString(), "\n");
  }
  for (const ConfigMistake& mistake :
       OptionMistakes(OptionsOf(config), reading)) {
    absl::StrAppend(&lines, mistake.ToString(), "\n");
  }
  const absl::Status valid = Validate(kv::KvOptionsOf(kv));
  EXPECT_TRUE(valid.ok()) << valid;
  return lines;
}

TEST(ConfigExamplesTest, TheExamplesAreRight) {
  for (const std::string name :
       {"small.yaml", "behind-a-proxy.yaml", "kubernetes.yaml"}) {
    const std::string text = TextOf("server/examples/config/" + name);
    EXPECT_GT(text.size(), 100u);
    EXPECT_EQ(Complaints(name, text), "");
  }
}

// The blocks of code of a page: their language, and their text.
std::vector<std::pair<std::string, std::string>> BlocksOf(
    absl::string_view page) {
  std::vector<std::pair<std::string, std::string>> blocks;
  bool within = false;
  for (const absl::string_view line : absl::StrSplit(page, '\n')) {
    if (absl::StartsWith(line, "```")) {
      within = !within;
      if (within) blocks.emplace_back(line.substr(3), "");
    } else if (within) {
      absl::StrAppend(&blocks.back().second, line, "\n");
    }
  }
  return blocks;
}

TEST(ConfigExamplesTest, WhatThePagePrintsIsSo) {
  const auto blocks = BlocksOf(TextOf("docs/configuration.md"));
  int right = 0, wrong = 0;
  for (size_t i = 0; i < blocks.size(); ++i) {
    if (blocks[i].first != "yaml") continue;
    // What is said of a wrong file is printed below it.
    const bool has_said =
        i + 1 < blocks.size() && blocks[i + 1].first == "text";
    EXPECT_EQ(Complaints("server.yaml", blocks[i].second),
              has_said ? blocks[i + 1].second : "");
    ++(has_said ? wrong : right);
  }
  EXPECT_GE(right, 1);
  EXPECT_GE(wrong, 1);
}

}  // namespace
}  // namespace pinion
