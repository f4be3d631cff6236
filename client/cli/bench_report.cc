// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/bench_report.h"

#include <algorithm>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "pinion/client/cli/failure_text.h"
#include "pinion/client/cli/histogram.h"
#include "pinion/client/cli/latency_curve.h"
#include "pinion/client/cli/load_counts.h"
#include "pinion/proto/wire/json_string.h"

namespace pinion::cli {
namespace {

using State = LoadGenerator::State;

// "1,234,567"
std::string Count(uint64_t count) {
  std::string text = absl::StrCat(count);
  for (int at = static_cast<int>(text.size()) - 3; at > 0; at -= 3) {
    text.insert(static_cast<size_t>(at), 1, ',');
  }
  return text;
}

// "1,234" or, where it says more, "1.23"
std::string Rate(double rate) {
  if (rate != 0 && rate < 100) return absl::StrFormat("%.2f", rate);
  return Count(static_cast<uint64_t>(rate + 0.5));
}

double RateOf(uint64_t count, absl::Duration time) {
  return time > absl::ZeroDuration()
             ? static_cast<double>(count) / absl::ToDoubleSeconds(time)
             : 0;
}

std::string CodeName(int code) {
  return absl::StatusCodeToString(static_cast<absl::StatusCode>(code));
}

uint64_t Calls(const State& state) {
  return state.answers.succeeded.total() + state.answers.failed.total();
}

std::string LatencyRow(absl::string_view name, const Histogram& latencies) {
  std::string row = absl::StrFormat("  %-9s", name);
  for (double percentile : {50.0, 90.0, 99.0, 99.9, 100.0}) {
    absl::StrAppendFormat(
        &row, "%11s",
        LatencyText(static_cast<double>(latencies.AtPercentile(percentile))));
  }
  absl::StrAppendFormat(&row, "%11s\n", LatencyText(latencies.mean()));
  return row;
}

std::string CountsText(const BenchSetup& setup, const State& state) {
  const uint64_t failed = state.answers.failed.total();
  std::string text;
  absl::StrAppendFormat(&text, "  %-10s%15s\n",
                        setup.streams() ? "streams" : "calls",
                        Count(Calls(state)));
  absl::StrAppendFormat(
      &text, "  rate      %15s   succeeded a second\n",
      Rate(RateOf(state.answers.within_time, state.measured)));
  if (setup.streams()) {
    absl::StrAppendFormat(&text, "  messages  %15s   a second\n",
                          Rate(RateOf(state.answers.messages, state.measured)));
  }
  absl::StrAppendFormat(&text, "  errors    %15s", Count(failed));
  if (failed > 0) {
    absl::StrAppendFormat(&text, "   %.2f %%",
                          100.0 * static_cast<double>(failed) /
                              static_cast<double>(Calls(state)));
  }
  absl::StrAppend(&text, "\n");
  for (const auto& [kind, count] : state.answers.errors) {
    absl::StrAppendFormat(&text, "            %15s   %s", Count(count),
                          CodeName(kind.code));
    const absl::string_view reason = ReasonName(kind.reason);
    if (!reason.empty()) absl::StrAppend(&text, " (", reason, ")");
    absl::StrAppend(&text, "\n");
  }
  return text;
}

std::string LatenciesText(const State& state) {
  std::string text =
      absl::StrFormat("  %-9s%11s%11s%11s%11s%11s%11s\n", "latency", "p50",
                      "p90", "p99", "p99.9", "max", "mean");
  if (state.answers.first_messages.total() > 0) {
    absl::StrAppend(&text,
                    LatencyRow("first msg", state.answers.first_messages));
  }
  if (state.answers.succeeded.total() > 0) {
    absl::StrAppend(&text, LatencyRow("succeeded", state.answers.succeeded));
  }
  if (state.answers.failed.total() > 0) {
    absl::StrAppend(&text, LatencyRow("failed", state.answers.failed));
  }
  if (state.send_delay.total() > 0) {
    absl::StrAppend(&text, LatencyRow("sent late", state.send_delay));
  }
  return text;
}

// What the reader must know to trust the figures.
std::string NotesText(const BenchSetup& setup, const State& state) {
  std::string text;
  if (state.measured < setup.duration) {
    absl::StrAppend(&text, "  Ended early: ",
                    absl::FormatDuration(
                        absl::Trunc(state.measured, absl::Milliseconds(1))),
                    " of ", absl::FormatDuration(setup.duration), ".\n");
  }
  if (state.waited_for_place > 0) {
    absl::StrAppend(&text, "  ", Count(state.waited_for_place),
                    " calls that were due had to wait as all ",
                    Count(static_cast<uint64_t>(setup.in_flight)),
                    " places were taken; the wait is in the latencies.\n");
  }
  if (state.unsent > 0) {
    absl::StrAppend(&text, "  ", Count(state.unsent),
                    " calls that were due were never sent, and are not in the "
                    "latencies: the server does not keep up.\n");
  }
  if (state.open > 0) {
    absl::StrAppend(&text, "  ", Count(state.open),
                    " calls had no answer in the end, and are not in the "
                    "latencies.\n");
  }
  return text;
}

// ,"p50_us":12.3,... or null, if there are none.
std::string LatencyJson(absl::string_view prefix, const Histogram& latencies) {
  const auto member = [&](absl::string_view name, double nanos) {
    return absl::StrCat(
        ",\"", prefix, name, "_us\":",
        latencies.total() > 0 ? absl::StrFormat("%.3f", nanos / 1e3) : "null");
  };
  const auto at = [&](double percentile) {
    return static_cast<double>(latencies.AtPercentile(percentile));
  };
  return absl::StrCat(member("p50", at(50)), member("p90", at(90)),
                      member("p99", at(99)), member("p999", at(99.9)),
                      member("max", at(100)), member("mean", latencies.mean()));
}

struct Interval {
  explicit Interval(const State& before, const State& now)
      : succeeded(now.answers.succeeded.Since(before.answers.succeeded)),
        failed(now.answers.failed.total() - before.answers.failed.total()),
        rate(RateOf(now.answers.within_time - before.answers.within_time,
                    now.measured - before.measured)),
        messages(RateOf(now.answers.messages - before.answers.messages,
                        now.measured - before.measured)) {}

  Histogram succeeded;
  uint64_t failed;
  double rate;
  double messages;  // A second.
};

std::string Seconds(absl::Duration time) {
  return absl::StrFormat("%.3f", absl::ToDoubleSeconds(time));
}

}  // namespace

std::string SetupText(const BenchSetup& setup) {
  std::string text = absl::StrCat(setup.method, " at ", setup.target, "\n");
  if (setup.rate > 0) {
    absl::StrAppend(&text, "open loop, ", Rate(setup.rate),
                    " calls a second, ");
  } else {
    absl::StrAppend(&text, "closed loop, ", setup.in_flight, " in flight, ");
  }
  if (setup.streams()) {
    absl::StrAppend(&text, "streams");
    if (setup.messages > 0) {
      absl::StrAppend(&text, " of up to ", Count(setup.messages), " messages");
    }
    absl::StrAppend(&text, ", ");
  } else if (setup.mode == "unary") {
    absl::StrAppend(&text, "unary calls, ");
  } else {
    absl::StrAppend(&text, setup.sessions,
                    setup.sessions == 1 ? " session, " : " sessions, ");
  }
  absl::StrAppend(&text, "requests of ", setup.request_bytes, " bytes, ");
  if (setup.keys > 0) {
    absl::StrAppend(&text, Count(setup.keys), " keys ", setup.distribution,
                    ", ");
  }
  absl::StrAppend(&text, absl::FormatDuration(setup.duration));
  if (setup.warm_up > absl::ZeroDuration()) {
    absl::StrAppend(&text, " after ", absl::FormatDuration(setup.warm_up),
                    " of warm-up");
  }
  return absl::StrCat(text, "\n");
}

std::string ReportText(const BenchSetup& setup, const State& state) {
  std::string text = absl::StrCat(CountsText(setup, state), "\n");
  if (Calls(state) > 0) absl::StrAppend(&text, LatenciesText(state));
  const std::string notes = NotesText(setup, state);
  if (!notes.empty()) absl::StrAppend(&text, "\n", notes);
  const std::string curve = LatencyCurve(state.answers.succeeded);
  if (!curve.empty()) absl::StrAppend(&text, "\n", curve);
  return text;
}

std::string ReportJson(const BenchSetup& setup, const State& state) {
  std::string text;
  for (const auto& [kind, count] : state.answers.errors) {
    const absl::string_view reason = ReasonName(kind.reason);
    absl::StrAppend(
        &text, "{\"kind\":\"error\",\"code\":\"", CodeName(kind.code),
        "\",\"reason\":", reason.empty() ? "null" : JsonString(reason),
        ",\"count\":", count, "}\n");
  }
  absl::StrAppend(
      &text, "{\"kind\":\"result\",\"method\":", JsonString(setup.method),
      ",\"target\":", JsonString(setup.target), ",\"mode\":\"", setup.mode,
      "\",\"sessions\":", setup.sessions, ",\"loop\":\"",
      setup.rate > 0 ? "open" : "closed", "\",\"in_flight\":", setup.in_flight,
      ",\"rate\":", setup.rate, ",\"request_bytes\":", setup.request_bytes,
      ",\"keys\":", setup.keys, ",\"distribution\":",
      setup.keys > 0 ? JsonString(setup.distribution) : "null",
      ",\"seed\":", setup.seed, ",\"seconds\":", Seconds(state.measured),
      ",\"calls\":", Calls(state),
      ",\"succeeded\":", state.answers.succeeded.total(),
      ",\"errors\":", state.answers.failed.total(), ",\"rps\":",
      absl::StrFormat("%.1f",
                      RateOf(state.answers.within_time, state.measured)));
  if (setup.streams()) {
    absl::StrAppend(
        &text, ",\"stream_messages\":", setup.messages,
        ",\"messages\":", state.answers.messages, ",\"messages_per_s\":",
        absl::StrFormat("%.1f", RateOf(state.answers.messages, state.measured)),
        LatencyJson("first_", state.answers.first_messages));
  }
  absl::StrAppend(&text, LatencyJson("", state.answers.succeeded));
  if (state.answers.failed.total() > 0) {
    absl::StrAppend(&text, LatencyJson("failed_", state.answers.failed));
  }
  if (setup.rate > 0) {
    absl::StrAppend(&text, LatencyJson("send_delay_", state.send_delay),
                    ",\"waited_for_place\":", state.waited_for_place,
                    ",\"unsent\":", state.unsent);
  }
  return absl::StrCat(text, ",\"open\":", state.open, "}\n");
}

std::string IntervalText(const BenchSetup& setup, const State& before,
                         const State& now) {
  const Interval interval(before, now);
  std::string text = absl::StrFormat(
      "%.0fs of %s: %s a second", absl::ToDoubleSeconds(now.measured),
      absl::FormatDuration(setup.duration), Rate(interval.rate));
  if (setup.streams()) {
    absl::StrAppend(&text, ", ", Rate(interval.messages), " messages a second");
  }
  for (double percentile : {50.0, 99.0}) {
    if (interval.succeeded.total() == 0) break;
    absl::StrAppendFormat(&text, ", p%.0f %s", percentile,
                          LatencyText(static_cast<double>(
                              interval.succeeded.AtPercentile(percentile))));
  }
  if (interval.failed > 0) {
    absl::StrAppend(&text, ", ", Count(interval.failed), " errors");
  }
  return text;
}

std::string IntervalJson(const BenchSetup& setup, const State& before,
                         const State& now) {
  const Interval interval(before, now);
  const std::string messages =
      setup.streams()
          ? absl::StrFormat(",\"messages_per_s\":%.1f", interval.messages)
          : "";
  return absl::StrCat("{\"kind\":\"interval\",\"at_s\":", Seconds(now.measured),
                      ",\"rps\":", absl::StrFormat("%.1f", interval.rate),
                      messages, ",\"errors\":", interval.failed,
                      LatencyJson("", interval.succeeded), "}");
}

}  // namespace pinion::cli
