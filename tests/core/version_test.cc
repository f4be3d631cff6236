// SPDX-License-Identifier: Apache-2.0
//
// The version that the code tells is that of the file VERSION.
#include "pinion/core/base/version.h"

#include <fstream>
#include <string>

#include "gtest/gtest.h"

namespace pinion {
namespace {

TEST(VersionTest, IsThatOfTheFile) {
  std::ifstream file("VERSION");
  std::string version;
  ASSERT_TRUE(std::getline(file, version));
  EXPECT_EQ(kVersion, version);
}

}  // namespace
}  // namespace pinion
