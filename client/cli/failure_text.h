// SPDX-License-Identifier: Apache-2.0
//
// FailureText: an error for people and for programs.
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

// "LANE_FULL"; empty for an unknown or unspecified reason.
absl::string_view ReasonName(int reason);
// The same, but "reason 99" for an unknown one.
std::string ReasonText(int reason);

// Several lines: code and message, then everything in the failure.
std::string DescribeError(const absl::Status& status);

// A JSON object: {"code":"NOT_FOUND","message":"...","reason":"HANDLER",
// "executed":"YES"}.
// The reason is null if the server gave none; "executed" is then "MAYBE",
// because nobody knows whether a handler ran.
std::string ErrorJson(const absl::Status& status);

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_FAILURE_TEXT_H_
