// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/calls_report.h"

#include <google/protobuf/repeated_field.h>

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "pinion/client/cli/admin_words.h"
#include "pinion/client/cli/failure_text.h"
#include "pinion/client/cli/text_table.h"

namespace pinion::cli {
namespace {

using admin::v1::CallRecord;
using admin::v1::ExplainKeyResponse;
using admin::v1::HotKey;
using admin::v1::HotKeysOfService;
using admin::v1::Stall;

using Records = google::protobuf::RepeatedPtrField<CallRecord>;

constexpr char kNoSamples[] =
    "the server samples no calls; \"pinion config\" shows how it is set\n";

std::string RecordsTable(const Records& records, absl::TimeZone zone) {
  TextTable table({{"ENDED"},
                   {"METHOD"},
                   {"KEY"},
                   {"PRINCIPAL"},
                   {"WORKER", TextColumn::kRight},
                   {"WAITED", TextColumn::kRight},
                   {"RAN", TextColumn::kRight},
                   {"BATCH", TextColumn::kRight},
                   {"CODE"}});
  for (const CallRecord& call : records) {
    table.Add({TimeText(call.ended_ms(), zone), Words(call.method()),
               call.has_key() ? KeyText(call.key()) : "-",
               call.principal().empty() ? "-" : Words(call.principal()),
               absl::StrCat(call.worker()), SpanText(call.waited_ns()),
               SpanText(call.ran_ns()), absl::StrCat(call.batch()),
               call.kept() ? "kept" : CodeText(call.code())});
  }
  return table.Text();
}

std::string SampledWords(uint64_t sampled_of) {
  return sampled_of == 1 ? "each call is recorded"
                         : absl::StrCat("one of ", CountText(sampled_of),
                                        " calls is recorded");
}

std::string HotTable(const google::protobuf::RepeatedPtrField<HotKey>& keys,
                     bool by_time) {
  TextTable table({{by_time ? "KEY, BY TIME" : "KEY, BY CALLS"},
                   {"WORKER", TextColumn::kRight},
                   {"SHARE", TextColumn::kRight},
                   {by_time ? "TIME" : "CALLS", TextColumn::kRight},
                   {"LESS AT MOST", TextColumn::kRight},
                   {by_time ? "CALLS" : "TIME", TextColumn::kRight}});
  for (const HotKey& key : keys) {
    const std::string calls = CountText(key.calls());
    const std::string time = SpanText(key.ran_ns());
    table.Add({KeyText(key.key()), absl::StrCat(key.worker()),
               ShareText(key.share()), by_time ? time : calls,
               by_time ? SpanText(key.error()) : CountText(key.error()),
               by_time ? calls : time});
  }
  return table.empty() ? "" : table.Text("  ");
}

std::string HotOfService(const HotKeysOfService& service, absl::TimeZone zone) {
  return absl::StrCat(Words(service.service()), ": about ",
                      Calls(service.calls()), ", which ran for ",
                      SpanText(service.ran_ns()), ", since ",
                      TimeText(service.since_ms(), zone), "\n",
                      HotTable(service.by_calls(), /*by_time=*/false),
                      HotTable(service.by_time(), /*by_time=*/true));
}

// What the key's worker does now.
std::string WorkerSentence(const ExplainKeyResponse& why, absl::Time now,
                           absl::TimeZone zone) {
  const std::string worker = absl::StrCat(
      "Worker ", why.worker(), why.stalled() ? " is STALLED: it " : " ");
  if (!why.has_running()) {
    return absl::StrCat(worker, why.stalled() ? "runs something that has ended "
                                                "by now.\n"
                                              : "runs nothing now.\n");
  }
  const admin::v1::Running& running = why.running();
  std::string what = RunningWords(running);
  if (!running.method().empty()) {
    absl::StrAppend(&what, why.runs_this_key()
                               ? ", a call of this key"
                               : ", a call of another key or of none");
  }
  const absl::Time since =
      now - absl::Nanoseconds(static_cast<int64_t>(running.age_ns()));
  return absl::StrCat(worker, "runs ", what, ". It has done so for ",
                      SpanText(running.age_ns()), ", since ",
                      absl::FormatTime("%Y-%m-%d %H:%M:%S", since, zone),
                      ".\n");
}

std::string WaitSentence(const ExplainKeyResponse& why) {
  if (why.waiting_before() == 0) {
    return "No call waits before a new call of this key.\n";
  }
  return absl::StrCat(
      Calls(why.waiting_before()),
      why.waiting_before() == 1 ? " waits" : " wait",
      " before a new call of this key",
      why.wait_ns() == 0
          ? "; how long that takes is not known.\n"
          : absl::StrCat(", which takes about ", SpanText(why.wait_ns()),
                         " if calls go on as lately.\n"));
}

std::string VerdictSentence(const ExplainKeyResponse& why) {
  if (why.reason() == v1::REASON_UNSPECIFIED) {
    return "A call without a deadline would be admitted now.\n";
  }
  const absl::string_view reason = ReasonName(why.reason());
  return absl::StrCat("A call without a deadline would be refused now",
                      reason.empty() ? "" : absl::StrCat(", ", reason), ": ",
                      Words(why.verdict()), "\n");
}

std::string RecentCalls(const ExplainKeyResponse& why, absl::TimeZone zone) {
  if (why.sampled_of() == 0) return absl::StrCat("Of its calls ", kNoSamples);
  if (why.recent().empty()) {
    return absl::StrCat("No call of this key was recorded lately; ",
                        SampledWords(why.sampled_of()), ".\n");
  }
  return absl::StrCat("Its calls that were recorded lately, of which ",
                      SampledWords(why.sampled_of()), ":\n\n",
                      RecordsTable(why.recent(), zone));
}

std::string StallText(const Stall& stall, absl::TimeZone zone) {
  std::string text = absl::StrCat(
      "worker ", stall.worker(), ", ", TimeText(stall.reported_ms(), zone),
      ": ", RunningWords(stall.running()), " had run for ",
      SpanText(stall.ran_ns()), ", ", SpanText(stall.had_cpu_ns()),
      " of it with a CPU", stall.blocked() ? " (it was blocked)" : "", "; ",
      stall.waiting() == 0
          ? "no call waited behind it"
          : absl::StrCat(Calls(stall.waiting()), " waited behind it"),
      "; ", stall.ended() ? "it has ended since" : "it STILL RUNS", "\n");
  for (const std::string& line : stall.stack()) {
    absl::StrAppend(&text, "    ", Words(line), "\n");
  }
  if (stall.stack().empty()) {
    absl::StrAppend(&text, "    no stack: ",
                    stall.no_stack().empty() ? "the server gives no reason"
                                             : Words(stall.no_stack()),
                    "\n");
  }
  return text;
}

}  // namespace

std::string SlowReport(const admin::v1::ListSlowCallsResponse& slow,
                       absl::TimeZone zone) {
  if (slow.slowest().empty()) return "no handler has run a call lately\n";
  const std::string kept =
      slow.kept_ns() == 0 ? ""
                          : absl::StrCat(", each kept for ",
                                         SpanText(slow.kept_ns()), " at most");
  return absl::StrCat(RecordsTable(slow.slowest(), zone),
                      "the slowest of all calls", kept, "\n");
}

std::string HotReport(const admin::v1::ListHotKeysResponse& hot,
                      absl::TimeZone zone) {
  if (hot.sampled_of() == 0) return kNoSamples;
  if (hot.services().empty()) {
    return absl::StrCat("no service with keys has had a recorded call; ",
                        SampledWords(hot.sampled_of()), "\n");
  }
  std::string report;
  for (const HotKeysOfService& service : hot.services()) {
    absl::StrAppend(&report, HotOfService(service, zone), "\n");
  }
  return absl::StrCat(report, "estimates: ", SampledWords(hot.sampled_of()),
                      "\n");
}

std::string WhyReport(const ExplainKeyResponse& why, absl::Time now,
                      absl::TimeZone zone) {
  std::string key = KeyWithoutSlot(why.key());
  key[0] = 'T';  // "The key ..."
  return absl::StrCat(key, " of ", Words(why.service()), " is in slot ",
                      why.key().slot(), ", which runs on worker ", why.worker(),
                      ".\n", WorkerSentence(why, now, zone), WaitSentence(why),
                      VerdictSentence(why), RecentCalls(why, zone));
}

std::string StallsReport(const admin::v1::ListStallsResponse& stalls,
                         absl::TimeZone zone) {
  if (stalls.stalls().empty())
    return "no handler has held a worker for too long\n";
  std::string report;
  for (const Stall& stall : stalls.stalls()) {
    absl::StrAppend(&report, report.empty() ? "" : "\n",
                    StallText(stall, zone));
  }
  return report;
}

}  // namespace pinion::cli
