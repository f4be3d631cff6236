// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/snapshot.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace pinion {
namespace {

absl::Status CheckCounts(const std::string& what, const CallCounts& counts) {
  if (counts.accepted == counts.answered() && counts.abandoned == 0) {
    return absl::OkStatus();
  }
  return absl::InternalError(absl::StrCat(
      what, " has accepted ", counts.accepted, " calls but answered ",
      counts.answered(), ": ok ", counts.ok, ", error ", counts.error,
      ", expired ", counts.expired, ", cancelled ", counts.cancelled,
      ", stopped ", counts.stopped, "; ", counts.abandoned, " are abandoned"));
}

absl::Status CheckLane(const LaneSnapshot& lane) {
  const std::string what =
      absl::StrCat("the lane of ", lane.service, " on worker ", lane.worker);
  absl::Status status = CheckCounts(what, lane.counts);
  if (status.ok() && (lane.held_calls != 0 || lane.held_bytes != 0 ||
                      lane.listed_calls != 0 || lane.open_streams != 0)) {
    status = absl::InternalError(absl::StrCat(
        what, " holds ", lane.held_calls, " calls with ", lane.held_bytes,
        " bytes, ", lane.listed_calls, " of them in its lists, and ",
        lane.open_streams, " streams, at rest"));
  }
  return status;
}

}  // namespace

std::string DescribeOpenCalls(const ServerSnapshot& snapshot) {
  std::vector<std::string> methods;
  for (const MethodSnapshot& method : snapshot.methods) {
    const uint64_t waiting = method.counts.waiting;
    const uint64_t running = method.counts.running;
    if (waiting + running == 0) continue;
    methods.push_back(absl::StrCat(waiting + running, " of ", method.method,
                                   " (", waiting, " waiting, ", running,
                                   " running)"));
  }
  return absl::StrJoin(methods, ", ");
}

absl::Status CheckAtRest(const ServerSnapshot& snapshot) {
  absl::Status status;
  for (const LaneSnapshot& lane : snapshot.lanes) {
    status.Update(CheckLane(lane));
  }
  for (const MethodSnapshot& method : snapshot.methods) {
    status.Update(CheckCounts(method.method, method.counts));
  }
  if (snapshot.held_calls != 0 || snapshot.held_bytes != 0) {
    status.Update(absl::InternalError(
        absl::StrCat("the server holds ", snapshot.held_calls, " calls with ",
                     snapshot.held_bytes, " bytes at rest")));
  }
  return status;
}

}  // namespace pinion
