// SPDX-License-Identifier: Apache-2.0
//
// The README prints the middle of the server with one method on pinned workers.
#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/match.h"
#include "gtest/gtest.h"

namespace pinion {
namespace {

std::string Read(const char* file) {
  std::ifstream stream(file);
  EXPECT_TRUE(stream) << file;
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

TEST(AttachExampleTest, StandsInTheReadmeToTheLetter) {
  const std::string program = Read("server/examples/attach/cart_server.cc");
  const size_t begin = program.find("  Offers offers;");
  ASSERT_NE(begin, std::string::npos);
  const std::string middle =
      program.substr(begin, program.find("}\n\nint main") - begin);
  EXPECT_TRUE(absl::StrContains(Read("README.md"), middle)) << middle;
}

}  // namespace
}  // namespace pinion
