// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/server_report.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "pinion/client/cli/admin_words.h"
#include "pinion/client/cli/failure_text.h"
#include "pinion/client/cli/text_table.h"
#include "pinion/proto/wire/origin_text.h"

namespace pinion::cli {
namespace {

using admin::v1::Counts;
using admin::v1::GetInfoResponse;
using admin::v1::GetStateResponse;
using admin::v1::LaneState;
using admin::v1::MethodInfo;
using admin::v1::MethodState;

std::string FactLine(absl::string_view name, absl::string_view fact) {
  return absl::StrFormat("%-12s %s\n", name, fact);
}

// "12 of 65.5k calls, 3.1 MiB of 256 MiB"
std::string HeldWords(const GetStateResponse& state) {
  return absl::StrCat(
      CountText(state.held_calls()), " of ", Calls(state.max_calls()), ", ",
      SizeText(state.held_bytes()), " of ", SizeText(state.max_bytes()));
}

const MethodState* StateOf(const MethodInfo& method,
                           const GetStateResponse& state) {
  for (const MethodState& each : state.methods()) {
    if (each.method() == method.path()) return &each;
  }
  return nullptr;
}

std::string MethodsTable(const GetInfoResponse& info,
                         const GetStateResponse& state) {
  TextTable table({{"METHOD"},
                   {"KEY"},
                   {"CALLS", TextColumn::kRight},
                   {"ERRORS", TextColumn::kRight},
                   {"WAITED p50", TextColumn::kRight},
                   {"p99", TextColumn::kRight},
                   {"RAN p50", TextColumn::kRight},
                   {"p99", TextColumn::kRight}});
  for (const auto& service : info.services()) {
    for (const MethodInfo& method : service.methods()) {
      const MethodState* found = StateOf(method, state);
      const MethodState& of =
          found != nullptr ? *found : MethodState::default_instance();
      const auto span = [](const admin::v1::Latency& latency, uint64_t nanos) {
        return latency.calls() == 0 ? "-" : SpanText(nanos);
      };
      table.Add({absl::StrCat(Words(method.path()),
                              method.streams() ? " (streams)" : ""),
                 method.key().empty() ? "any worker" : Words(method.key()),
                 CountText(of.counts().accepted()),
                 CountText(of.counts().error()),
                 span(of.waited(), of.waited().p50_ns()),
                 span(of.waited(), of.waited().p99_ns()),
                 span(of.ran(), of.ran().p50_ns()),
                 span(of.ran(), of.ran().p99_ns())});
    }
  }
  return table.empty() ? "" : "\n" + table.Text();
}

// The lanes that hold calls, the one with the most bytes first.
std::string LanesTable(const GetStateResponse& state) {
  std::vector<const LaneState*> holding;
  for (const LaneState& lane : state.lanes()) {
    if (lane.held_calls() > 0 || lane.held_bytes() > 0 ||
        lane.open_streams() > 0) {
      holding.push_back(&lane);
    }
  }
  if (holding.empty()) return "";
  std::stable_sort(holding.begin(), holding.end(),
                   [](const LaneState* a, const LaneState* b) {
                     return a->held_bytes() > b->held_bytes();
                   });
  TextTable table({{"LANE HOLDS CALLS"},
                   {"WORKER", TextColumn::kRight},
                   {"WAITING", TextColumn::kRight},
                   {"RUNNING", TextColumn::kRight},
                   {"STREAMS", TextColumn::kRight},
                   {"CALLS OF", TextColumn::kRight},
                   {"BYTES OF", TextColumn::kRight},
                   {"PER CALL", TextColumn::kRight}});
  for (const LaneState* lane : holding) {
    table.Add(
        {Words(lane->service()), absl::StrCat(lane->worker()),
         CountText(lane->counts().waiting()),
         CountText(lane->counts().running()), CountText(lane->open_streams()),
         absl::StrCat(CountText(lane->held_calls()), "/",
                      CountText(lane->max_calls())),
         absl::StrCat(SizeText(lane->held_bytes()), "/",
                      SizeText(lane->max_bytes())),
         lane->time_per_call_ns() == 0 ? "-"
                                       : SpanText(lane->time_per_call_ns())});
  }
  return "\n" + table.Text();
}

}  // namespace

std::string HealthWords(const GetStateResponse& state) {
  std::string words = state.stopping()  ? "STOPPING"
                      : state.serving() ? "SERVING"
                                        : "NOT SERVING";
  std::vector<std::string> stalled;
  for (const auto& worker : state.workers()) {
    if (worker.stalled()) stalled.push_back(absl::StrCat(worker.worker()));
  }
  if (stalled.empty()) return words;
  absl::StrAppend(&words, "; ", stalled.size() == 1 ? "worker " : "workers ",
                  absl::StrJoin(stalled, ", "),
                  stalled.size() == 1 ? " is STALLED" : " are STALLED");
  return words;
}

std::string OutcomeWords(const GetStateResponse& state) {
  Counts all;
  for (const MethodState& method : state.methods()) {
    const Counts& counts = method.counts();
    all.set_accepted(all.accepted() + counts.accepted());
    all.set_ok(all.ok() + counts.ok());
    all.set_error(all.error() + counts.error());
    all.set_expired(all.expired() + counts.expired());
    all.set_cancelled(all.cancelled() + counts.cancelled());
    all.set_stopped(all.stopped() + counts.stopped());
    all.set_waiting(all.waiting() + counts.waiting());
    all.set_running(all.running() + counts.running());
    all.set_abandoned(all.abandoned() + counts.abandoned());
  }
  std::vector<std::string> parts;
  const auto part = [&](uint64_t count, absl::string_view what) {
    if (count > 0) parts.push_back(absl::StrCat(CountText(count), " ", what));
  };
  part(all.ok(), "ok");
  part(all.error(), all.error() == 1 ? "error" : "errors");
  part(all.expired(), "expired");
  part(all.cancelled(), "cancelled");
  part(all.stopped(), "stopped");
  part(all.waiting(), "waiting");
  part(all.running(), "running");
  std::string words = absl::StrCat(CountText(all.accepted()), " accepted");
  if (!parts.empty()) absl::StrAppend(&words, ": ", absl::StrJoin(parts, ", "));
  if (all.abandoned() > 0) {
    absl::StrAppend(&words, "; ", CountText(all.abandoned()),
                    " answered while their handlers still run");
  }
  return words;
}

std::string RefusedWords(const GetStateResponse& state) {
  std::map<int, uint64_t> by_reason;
  uint64_t all = 0;
  for (const MethodState& method : state.methods()) {
    for (const auto& refused : method.counts().refused()) {
      by_reason[refused.reason()] += refused.calls();
      all += refused.calls();
    }
  }
  if (all == 0) return "none";
  std::vector<std::string> parts;
  for (const auto& [reason, count] : by_reason) {
    parts.push_back(absl::StrCat(CountText(count), " ", ReasonText(reason)));
  }
  return absl::StrCat(CountText(all), ": ", absl::StrJoin(parts, ", "));
}

std::string InfoReport(const GetInfoResponse& info,
                       const GetStateResponse& state, absl::TimeZone zone) {
  const uint64_t up_ms =
      std::max(info.now_ms(), info.started_ms()) - info.started_ms();
  return absl::StrCat(
      FactLine("program",
               absl::StrCat(Words(info.program()), " ", Words(info.version()),
                            ", process ", info.process_id())),
      FactLine("listens on",
               info.address().empty() ? "-" : Words(info.address())),
      FactLine("health", HealthWords(state)),
      FactLine("up", absl::StrCat(SpanText(up_ms * 1'000'000), ", since ",
                                  TimeText(info.started_ms(), zone))),
      FactLine("threads", absl::StrCat(info.workers(), " workers, ",
                                       info.io_threads(), " for I/O")),
      FactLine("holds", HeldWords(state)),
      FactLine("connections",
               absl::StrCat(CountText(state.open_connections()), ", with ",
                            CountText(state.open_sessions()), " sessions")),
      FactLine("calls", OutcomeWords(state)),
      FactLine("refused", RefusedWords(state)), MethodsTable(info, state),
      LanesTable(state));
}

std::string SessionsReport(const admin::v1::ListSessionsResponse& sessions,
                           absl::TimeZone zone) {
  if (sessions.sessions().empty()) return "no session is open\n";
  TextTable table({{"ID", TextColumn::kRight},
                   {"PEER"},
                   {"CLIENT"},
                   {"PRINCIPAL"},
                   {"I/O", TextColumn::kRight},
                   {"OPENED"},
                   {"CALLS", TextColumn::kRight},
                   {"OPEN", TextColumn::kRight},
                   {"HELD", TextColumn::kRight},
                   {"UNSENT", TextColumn::kRight}});
  const auto text = [](const std::string& said) {
    return said.empty() ? "-" : Words(said);
  };
  for (const auto& session : sessions.sessions()) {
    table.Add({absl::StrCat(session.id()), text(session.peer()),
               text(session.client()), text(session.principal()),
               absl::StrCat(session.io_thread()),
               TimeText(session.opened_ms(), zone), CountText(session.calls()),
               CountText(session.open_calls()), SizeText(session.held_bytes()),
               SizeText(session.unsent_bytes())});
  }
  std::string report = table.Text();
  const int64_t more = sessions.open() - sessions.sessions_size();
  if (more > 0) {
    absl::StrAppend(
        &report, "and ", CountText(more),
        " more, which hold no more than these; --limit shows more\n");
  }
  return report;
}

std::string SettingsReport(const admin::v1::GetSettingsResponse& settings) {
  TextTable table({{"NAME"}, {"VALUE"}, {"FROM"}, {"CHANGES BY"}});
  for (const auto& setting : settings.settings()) {
    table.Add({Words(setting.name()),
               setting.value().empty() ? "\"\"" : Words(setting.value()),
               std::string(OriginText(setting.origin())),
               setting.can_change() ? "pinion set"
               : setting.reloads()  ? "a reload"
                                    : "a restart"});
  }
  return table.Text();
}

std::string SetReport(const admin::v1::SetRequest& request,
                      const admin::v1::SetResponse& response) {
  return absl::StrCat(Words(request.name()), ": ", Words(response.old_value()),
                      " -> ", Words(response.new_value()), "\n");
}

}  // namespace pinion::cli
