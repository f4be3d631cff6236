// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/summary.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "pinion/proto/wire/utf8.h"
#include "pinion/server/call_counts.h"
#include "pinion/server/policy_snapshot.h"
#include "pinion/v1/failure.pb.h"

namespace pinion {
namespace {

constexpr char kAll[] = "all methods";

CallCounts SumOf(const std::vector<MethodSnapshot>& methods) {
  CallCounts sum;
  for (const MethodSnapshot& method : methods) {
    const CallCounts& counts = method.counts;
    sum.accepted += counts.accepted;
    sum.ok += counts.ok;
    sum.error += counts.error;
    sum.expired += counts.expired;
    sum.cancelled += counts.cancelled;
    sum.stopped += counts.stopped;
    sum.abandoned += counts.abandoned;
    for (size_t i = 0; i < sum.refused.size(); ++i) {
      sum.refused[i] += counts.refused[i];
    }
  }
  return sum;
}

// "LANE_FULL 5, STOPPING 2"
std::string RefusedByReason(const CallCounts& counts) {
  std::vector<std::string> reasons;
  for (size_t i = 0; i < counts.refused.size(); ++i) {
    if (counts.refused[i] == 0) continue;
    const std::string& name = v1::Reason_Name(static_cast<v1::Reason>(i));
    reasons.push_back(
        absl::StrCat(absl::string_view(absl::StripPrefix(name, "REASON_")), " ",
                     counts.refused[i]));
  }
  return absl::StrJoin(reasons, ", ");
}

std::string Refused(const CallCounts& counts) {
  const uint64_t refused = counts.refusals();
  if (refused == 0) return "refused 0";
  return absl::StrCat("refused ", refused, " (", RefusedByReason(counts), ")");
}

std::string Peaks(const ServerSnapshot& snapshot) {
  std::string text =
      absl::StrCat("at most ", snapshot.most_calls, " calls with ",
                   snapshot.most_bytes, " bytes at a time");
  const ConnectionCounts& connections = snapshot.connections;
  if (connections.accepted + connections.refused > 0) {
    absl::StrAppend(&text, "; connections: accepted ", connections.accepted,
                    ", refused ", connections.refused, ", at most ",
                    connections.most_open, " at a time");
  }
  return text;
}

// What the policy has decided; empty: there is none.
std::string DescribePolicy(const ServerSnapshot& snapshot) {
  if (!snapshot.policy.has_value()) return "";
  const PolicySnapshot& policy = *snapshot.policy;
  std::string text = absl::StrCat("policy ", Quoted(policy.name, 64),
                                  policy.dry_run ? " (dry run)" : "", ": ");
  for (const PolicySnapshot::Rule& rule : policy.rules) {
    if (rule.calls == 0) continue;
    absl::StrAppend(&text, rule.allows ? "" : "denied by ",
                    Quoted(rule.name, 64), " ", rule.calls, ", ");
  }
  return absl::StrCat(text, "denied by no rule ", policy.matched_none);
}

// What the limits of parties have refused; empty: nothing.
std::string DescribeLimits(const PartyLimitsSnapshot& limits) {
  if (limits.refused() == 0) return "";
  std::vector<std::string> parts;
  const auto add = [&](absl::string_view what, uint64_t count) {
    if (count > 0) parts.push_back(absl::StrCat(what, " ", count));
  };
  add("calls", limits.calls);
  add("calls for their bytes", limits.bytes);
  add("calls for their connection", limits.connections);
  add("sessions", limits.sessions);
  add("streams", limits.streams);
  return absl::StrCat("limits of parties refused ", absl::StrJoin(parts, ", "));
}

// What the two say, each with `before` before it and `after` behind it.
std::string Rules(const ServerSnapshot& snapshot, absl::string_view before,
                  absl::string_view after) {
  std::string text;
  for (const std::string& part :
       {DescribePolicy(snapshot), DescribeLimits(snapshot.limits)}) {
    if (!part.empty()) absl::StrAppend(&text, before, part, after);
  }
  return text;
}

// A row of the table: a name, and the numbers of the columns.
constexpr std::array<const char*, 7> kColumns = {
    "accepted", "ok", "error", "expired", "cancelled", "stopped", "refused"};

std::string Row(int name_width, absl::string_view name,
                const CallCounts& counts) {
  const std::array<uint64_t, kColumns.size()> numbers = {
      counts.accepted,  counts.ok,      counts.error,     counts.expired,
      counts.cancelled, counts.stopped, counts.refusals()};
  std::string row = absl::StrFormat("%-*s", name_width, name);
  for (const uint64_t number : numbers) {
    absl::StrAppendFormat(&row, " %10d", number);
  }
  return row + "\n";
}

}  // namespace

std::string SummaryLine(const ServerSnapshot& snapshot) {
  const CallCounts counts = SumOf(snapshot.methods);
  const std::string abandoned =
      counts.abandoned == 0 ? ""
                            : absl::StrCat(", abandoned ", counts.abandoned);
  return absl::StrCat("accepted ", counts.accepted, " (ok ", counts.ok,
                      ", error ", counts.error, ", expired ", counts.expired,
                      ", cancelled ", counts.cancelled, ", stopped ",
                      counts.stopped, abandoned, "), ", Refused(counts), "; ",
                      Peaks(snapshot), Rules(snapshot, "; ", ""));
}

std::string SummaryTable(const ServerSnapshot& snapshot) {
  size_t width = sizeof(kAll) - 1;
  for (const MethodSnapshot& method : snapshot.methods) {
    width = std::max(width, method.method.size());
  }
  const int name_width = static_cast<int>(width);
  std::string table = absl::StrFormat("%-*s", name_width, "calls");
  for (const char* column : kColumns) {
    absl::StrAppendFormat(&table, " %10s", column);
  }
  table += "\n";
  for (const MethodSnapshot& method : snapshot.methods) {
    table += Row(name_width, method.method, method.counts);
  }
  const CallCounts counts = SumOf(snapshot.methods);
  table += Row(name_width, kAll, counts);
  if (counts.abandoned > 0) {
    absl::StrAppend(&table, "abandoned ", counts.abandoned, "\n");
  }
  absl::StrAppend(&table, Refused(counts), "\n", Peaks(snapshot), "\n",
                  Rules(snapshot, "", "\n"));
  return table;
}

}  // namespace pinion
