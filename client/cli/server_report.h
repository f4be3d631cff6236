// SPDX-License-Identifier: Apache-2.0
//
// What `pinion info`, `config`, `set` and `sessions` print: the server as a
// whole.
//
// Threads: plain functions; any thread.
// Example: std::fputs(InfoReport(info, state, absl::LocalTimeZone()).c_str(),
//                     stdout);
#ifndef PINION_CLIENT_CLI_SERVER_REPORT_H_
#define PINION_CLIENT_CLI_SERVER_REPORT_H_

#include <string>

#include "absl/time/time.h"
#include "pinion/admin/v1/admin.pb.h"

namespace pinion::cli {

// Whether the server does its work, in a few words: "SERVING", or what is
// wrong: "STOPPING", "NOT SERVING", and "worker 2 is STALLED".
std::string HealthWords(const admin::v1::GetStateResponse& state);

// What became of all calls that were accepted, "3 ok, 1 error" and so on; and
// the refused ones by reason.
std::string OutcomeWords(const admin::v1::GetStateResponse& state);
std::string RefusedWords(const admin::v1::GetStateResponse& state);

std::string InfoReport(const admin::v1::GetInfoResponse& info,
                       const admin::v1::GetStateResponse& state,
                       absl::TimeZone zone);

std::string SessionsReport(const admin::v1::ListSessionsResponse& sessions,
                           absl::TimeZone zone);

std::string SettingsReport(const admin::v1::GetSettingsResponse& settings);

// "lane_calls: 16384 -> 20000"
std::string SetReport(const admin::v1::SetRequest& request,
                      const admin::v1::SetResponse& response);

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_SERVER_REPORT_H_
