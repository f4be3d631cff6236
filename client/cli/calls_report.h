// SPDX-License-Identifier: Apache-2.0
//
// What `pinion slow`, `hot`, `why` and `stalls` print: calls, their keys, and
// what keeps a worker.
//
// Threads: plain functions; any thread.
// Example: std::fputs(SlowReport(slow, absl::LocalTimeZone()).c_str(), stdout);
#ifndef PINION_CLIENT_CLI_CALLS_REPORT_H_
#define PINION_CLIENT_CLI_CALLS_REPORT_H_

#include <string>

#include "absl/time/time.h"
#include "pinion/admin/v1/admin.pb.h"

namespace pinion::cli {

std::string SlowReport(const admin::v1::ListSlowCallsResponse& slow,
                       absl::TimeZone zone);

std::string HotReport(const admin::v1::ListHotKeysResponse& hot,
                      absl::TimeZone zone);

// `now`: when the server answered.
std::string WhyReport(const admin::v1::ExplainKeyResponse& why, absl::Time now,
                      absl::TimeZone zone);

std::string StallsReport(const admin::v1::ListStallsResponse& stalls,
                         absl::TimeZone zone);

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_CALLS_REPORT_H_
