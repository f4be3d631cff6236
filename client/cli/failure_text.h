// SPDX-License-Identifier: Apache-2.0
//
// FailureText: an error as people and programs are told it.
//
// Threads: plain functions; any thread.
// Example: std::fprintf(stderr, "pinion: %s\n", DescribeError(status).c_str());
#ifndef PINION_CLIENT_CLI_FAILURE_TEXT_H_
#define PINION_CLIENT_CLI_FAILURE_TEXT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "pinion/v1/failure.pb.h"

namespace pinion::cli {

// "LANE_FULL"; empty for one that is not known here, and for unspecified.
absl::string_view ReasonName(int reason);

// Over several lines: code and message, then all that the failure tells.
std::string DescribeError(const absl::Status& status);

// As a JSON object: {"code":"NOT_FOUND","message":"...","reason":"HANDLER",
// "executed":"YES"}. The reason is null if the server gave none; it is not
// known then whether a handler ran, which is "MAYBE".
std::string ErrorJson(const absl::Status& status);

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_FAILURE_TEXT_H_
