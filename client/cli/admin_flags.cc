// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/admin_flags.h"

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "pinion/tools/command_line.h"

ABSL_FLAG(std::string, admin, "",
          "The admin socket of the server, as a path or unix:PATH, or the "
          "server's process id; empty: the only server on this machine whose "
          "socket this user may open. Set it when there are several.");
ABSL_FLAG(std::string, service, "",
          "The service whose key it is; empty: the only one with keys. Set it "
          "when the server hosts several.");
ABSL_FLAG(int, limit, 0,
          "The most entries to show, 1 to the command's most, which is said "
          "above; 0: the number that is said above, too.");
ABSL_FLAG(absl::Duration, interval, absl::Seconds(1),
          "The time between two readings, 100ms to 1h. Rates are those of that "
          "time: raise it for calmer numbers.");
ABSL_FLAG(bool, once, false,
          "Print one page and end, after one interval. So it does, too, if "
          "standard input or output is no terminal.");

namespace pinion::cli {

std::string AdminFlag() { return absl::GetFlag(FLAGS_admin); }

std::string ServiceFlag() { return absl::GetFlag(FLAGS_service); }

uint32_t LimitFlag(uint32_t most) {
  const int limit = absl::GetFlag(FLAGS_limit);
  if (limit < 0 || static_cast<uint32_t>(limit) > most) {
    ExitWithUsageError(absl::StrCat("--limit is ", limit, "; valid are 1 to ",
                                    most, ", and 0 for the command's default"));
  }
  return limit;
}

absl::Duration IntervalFlag() {
  const absl::Duration interval = absl::GetFlag(FLAGS_interval);
  if (interval < absl::Milliseconds(100) || interval > absl::Hours(1)) {
    ExitWithUsageError(absl::StrCat("--interval is ",
                                    absl::FormatDuration(interval),
                                    "; valid are 100ms to 1h"));
  }
  return interval;
}

bool OnceFlag() { return absl::GetFlag(FLAGS_once); }

}  // namespace pinion::cli
