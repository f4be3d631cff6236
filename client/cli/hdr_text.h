// SPDX-License-Identifier: Apache-2.0
//
// HdrText: a histogram in the text format of HdrHistogram's percentile output,
// which its plotters read:
//
//          Value     Percentile TotalCount 1/(1-Percentile)
//
//       0.052095 0.000000000000          1           1.00
//       0.060383 0.100000000000       1043           1.11
//
// Threads: plain function; any thread.
// Example: std::fputs(HdrText(latencies).c_str(), file);
#ifndef PINION_CLIENT_CLI_HDR_TEXT_H_
#define PINION_CLIENT_CLI_HDR_TEXT_H_

#include <string>

#include "pinion/client/cli/histogram.h"

namespace pinion::cli {

// Values are in milliseconds. There are five lines for each halving of what is
// left to 100 percent, up to the longest value.
std::string HdrText(const Histogram& histogram);

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_HDR_TEXT_H_
