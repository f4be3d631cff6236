// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/admin_connection.h"

#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pinion::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(AdminErrorTest, AConnectionThatEndsSaysWhatMayBeTheMatter) {
  const absl::Status error =
      AdminError(absl::UnavailableError("unix:a.sock: Broken pipe"));
  EXPECT_EQ(error.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(error.message()),
              AllOf(HasSubstr("either it stops"),
                    HasSubstr("more connections than it takes at once"),
                    HasSubstr("(unix:a.sock: Broken pipe)")));
}

TEST(AdminErrorTest, TheServersOwnWordsStay) {
  const absl::Status early =
      absl::UnavailableError("the server has not started yet");
  EXPECT_EQ(AdminError(early), early);
  const absl::Status unknown = absl::NotFoundError("\"x\" is no setting");
  EXPECT_EQ(AdminError(unknown), unknown);
}

}  // namespace
}  // namespace pinion::cli
