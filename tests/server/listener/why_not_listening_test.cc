// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/listener/why_not_listening.h"

#include <unistd.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/server/listener/listening_sockets.h"

namespace pinion {
namespace {

using ::testing::HasSubstr;

void ExpectWhy(const std::string& address, const std::string& why) {
  const absl::Status status = WhyNotListening(address);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << address;
  EXPECT_THAT(std::string(status.message()),
              HasSubstr(absl::StrCat("cannot listen on ", address, ": ")));
  EXPECT_THAT(std::string(status.message()), HasSubstr(why));
}

std::string PathInTmp(const std::string& name) {
  return absl::StrCat("/tmp/pinion-", getpid(), "-", name);
}

TEST(WhyNotListeningTest, SaysThatAPortIsTakenAndNothingOnceItIsFree) {
  std::string address;
  {
    const auto taken = ListeningSockets::Open("127.0.0.1:0", {});
    ASSERT_TRUE(taken.ok()) << taken.status();
    address = absl::StrCat("127.0.0.1:", taken->port());
    ExpectWhy(address, "in use");
  }
  EXPECT_EQ(WhyNotListening(address), absl::OkStatus());
}

TEST(WhyNotListeningTest, SaysThatThisMachineHasNoSuchAddress) {
  ExpectWhy("192.0.2.1:80", "annot assign");
}

TEST(WhyNotListeningTest, SaysThatAUnixPathHasNoFolder) {
  ExpectWhy("unix:" + PathInTmp("none") + "/socket", "No such file");
}

TEST(WhyNotListeningTest, LeavesNoFileAndTakesNoneThatIsThere) {
  const std::string path = PathInTmp("socket");
  EXPECT_EQ(WhyNotListening("unix:" + path), absl::OkStatus());
  EXPECT_NE(access(path.c_str(), F_OK), 0);
  const auto taken = ListeningSockets::Open("unix:" + path, {});
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(WhyNotListening("unix:" + path), absl::OkStatus());
  EXPECT_EQ(access(path.c_str(), F_OK), 0);
}

TEST(WhyNotListeningTest, SaysNothingOfWhatOnlyGrpcKnows) {
  EXPECT_EQ(WhyNotListening("ipv4:127.0.0.1:80"), absl::OkStatus());
  EXPECT_EQ(WhyNotListening(""), absl::OkStatus());
}

}  // namespace
}  // namespace pinion
