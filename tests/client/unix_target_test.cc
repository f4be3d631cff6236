// SPDX-License-Identifier: Apache-2.0
//
// Errors of a Unix socket that cannot be one say why.
#include "pinion/client/internal/unix_target.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/client/client.h"
#include "pinion/client/failure.h"

namespace pinion {
namespace {

using ::pinion::client_internal::CheckUnixTarget;
using ::pinion::client_internal::WhyNoSocket;
using ::testing::HasSubstr;

constexpr char kEcho[] = "/pinion.echo.v1.EchoService/Echo";

// The parameter: whether calls are unary.
class UnixTargetTest : public ::testing::TestWithParam<bool> {
 protected:
  // Not in the test's folder, whose path may be too long for a socket.
  UnixTargetTest() { EXPECT_NE(mkdtemp(folder_), nullptr); }
  ~UnixTargetTest() override {
    unlink(File().c_str());
    rmdir(folder_);
  }

  std::string File() const { return absl::StrCat(folder_, "/file"); }

  absl::Status CallOf(const std::string& target) {
    const auto client = Client::Connect(
        target, {.unary = GetParam(), .connect_timeout = absl::ZeroDuration()});
    return client->CallRaw(kEcho, "", {.timeout = absl::Minutes(1)})
        .response.status();
  }

 private:
  char folder_[32] = "/tmp/pinion-unix-XXXXXX";
};

INSTANTIATE_TEST_SUITE_P(, UnixTargetTest, ::testing::Bool(),
                         [](const auto& info) {
                           return info.param ? "Unary" : "Session";
                         });

TEST_P(UnixTargetTest, APathThatIsTooLongIsRefusedAtOnce) {
  EXPECT_TRUE(CheckUnixTarget("unix:" + std::string(107, 'x')).ok());
  EXPECT_TRUE(CheckUnixTarget("unix:///" + std::string(106, 'x')).ok());
  EXPECT_TRUE(CheckUnixTarget(std::string(300, 'x') + ":1").ok());
  for (const char* scheme : {"unix:", "unix-abstract:"}) {
    const absl::Status status = CallOf(scheme + std::string(108, 'x'));
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("at most 107 bytes, and this has 108"));
    EXPECT_EQ(FailureOf(status)->executed(), v1::EXECUTED_NO);
  }
}

TEST_P(UnixTargetTest, APlainFileIsToldAsOne) {
  std::FILE* const file = std::fopen(File().c_str(), "w");
  ASSERT_NE(file, nullptr);
  std::fclose(file);
  const std::string why = File() + " is a plain file, not a socket";
  EXPECT_EQ(WhyNoSocket("unix:" + File()), why);
  EXPECT_EQ(WhyNoSocket("unix://" + File()), why);
  const absl::Status status = CallOf("unix:" + File());
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr(why));
}

TEST(WhyNoSocketTest, SaysNothingOfWhatIsNotThereOrOtherTargets) {
  for (const char* target : {"unix:/none", "unix-abstract:none", "/tmp:1"}) {
    EXPECT_EQ(WhyNoSocket(target), "") << target;
  }
}

}  // namespace
}  // namespace pinion
