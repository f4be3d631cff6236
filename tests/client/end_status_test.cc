// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/internal/end_status.h"

#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/proto/wire/status_details.h"

namespace pinion::client_internal {
namespace {

using ::testing::HasSubstr;

constexpr char kReset[] = "Received RST_STREAM with error code 8";

TEST(EndStatusTest, IsWhatTheServerSaid) {
  EXPECT_TRUE(EndStatus(grpc::Status::OK).ok());
  EXPECT_EQ(EndStatus({grpc::StatusCode::NOT_FOUND, "none"}),
            absl::NotFoundError("none"));
  EXPECT_EQ(EndStatus({grpc::StatusCode::CANCELLED, "by the server"}),
            absl::CancelledError("by the server"));
}

TEST(EndStatusTest, IsWhatTheServerSaidThoughAProxyResetTheStream) {
  const std::string details = EncodeStatus(14, "the server stops");
  EXPECT_EQ(EndStatus({grpc::StatusCode::CANCELLED, kReset, details}),
            absl::UnavailableError("the server stops"));
}

TEST(EndStatusTest, NamesTheProxyThatMayHaveLostTheReason) {
  const absl::Status status = EndStatus({grpc::StatusCode::CANCELLED, kReset});
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_THAT(std::string(status.message()), HasSubstr(kReset));
  EXPECT_THAT(std::string(status.message()), HasSubstr("HAProxy 2.6"));
}

}  // namespace
}  // namespace pinion::client_internal
