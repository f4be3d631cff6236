// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/top_page.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <numeric>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "pinion/client/cli/admin_words.h"
#include "pinion/client/cli/failure_text.h"
#include "pinion/client/cli/server_report.h"
#include "pinion/client/cli/text_table.h"
#include "pinion/client/cli/text_width.h"

namespace pinion::cli {
namespace {

using admin::v1::Counts;
using admin::v1::GetStateResponse;
using admin::v1::MethodState;
using admin::v1::Running;
using admin::v1::WorkerState;

// From so many columns on, a method's row has its medians, too.
constexpr int kWidthWithMedians = 76;
// A table shows no fewer rows than this, if it has them.
constexpr int kFewestRows = 3;

// How much a counter grew; one that is smaller than before began anew.
uint64_t Growth(uint64_t before, uint64_t now) {
  return now > before ? now - before : 0;
}

// Two readings of one server.
class Readings {
 public:
  Readings(const TopReading* previous, const TopReading& current)
      : current_(current.state) {
    const bool same_run =
        previous != nullptr &&
        previous->info.started_ms() == current.info.started_ms() &&
        previous->info.process_id() == current.info.process_id() &&
        previous->state.now_ms() < current.state.now_ms();
    since_start_ = !same_run;
    if (same_run) {
      for (const MethodState& method : previous->state.methods()) {
        methods_[method.method()] = &method;
      }
      for (const WorkerState& worker : previous->state.workers()) {
        workers_[worker.worker()] = &worker;
      }
    }
    const uint64_t from =
        same_run ? previous->state.now_ms() : current.info.started_ms();
    seconds_ = static_cast<double>(
                   std::max<uint64_t>(1, Growth(from, current_.now_ms()))) /
               1000;
  }

  const GetStateResponse& current() const { return current_; }
  bool since_start() const { return since_start_; }
  double PerSecond(uint64_t growth) const {
    return static_cast<double>(growth) / seconds_;
  }

  // As of before; a default one if there was none.
  const Counts& Before(const MethodState& method) const {
    const auto found = methods_.find(method.method());
    return found == methods_.end() ? Counts::default_instance()
                                   : found->second->counts();
  }
  const WorkerState& Before(const WorkerState& worker) const {
    const auto found = workers_.find(worker.worker());
    return found == workers_.end() ? WorkerState::default_instance()
                                   : *found->second;
  }

 private:
  const GetStateResponse& current_;
  bool since_start_ = false;
  double seconds_ = 1;
  std::map<std::string, const MethodState*> methods_;
  std::map<uint32_t, const WorkerState*> workers_;
};

// A table of which only some rows may be shown.
struct Section {
  std::vector<TopLine> rows;
  TopLine heading;
  // The more, the later is the row left out.
  std::vector<double> weights;
  std::string what;  // "workers"

  int size() const { return static_cast<int>(rows.size()); }
};

// What the table has, with the rows' weights.
Section SectionOf(const TextTable& table, int width, std::string what,
                  std::vector<double> weights) {
  Section section;
  section.what = std::move(what);
  section.weights = std::move(weights);
  const std::vector<std::string> lines = table.Lines(width);
  section.heading = {lines[0], TopLine::kHeading};
  for (size_t i = 1; i < lines.size(); ++i) section.rows.push_back({lines[i]});
  return section;
}

// Of a time that has been busy and idle: "97%".
std::string BusyText(uint64_t busy, uint64_t idle) {
  const double all = static_cast<double>(busy) + static_cast<double>(idle);
  if (all == 0) return "-";
  return absl::StrFormat("%.0f%%", 100 * static_cast<double>(busy) / all);
}

// In `width` columns: of a long method its end, so that the key has room.
std::string RunsText(const WorkerState& worker, int width) {
  if (!worker.has_running()) return worker.stalled() ? "STALLED" : "-";
  const Running& running = worker.running();
  std::string runs = worker.stalled() ? "STALLED " : "";
  width -= WidthOf(runs);
  if (running.method().empty()) {
    return absl::StrCat(
        runs,
        CutEnd(running.work().empty() ? "other work" : Words(running.work()),
               width));
  }
  const std::string method = Words(running.method());
  std::string rest;
  if (running.has_key()) absl::StrAppend(&rest, " ", KeyText(running.key()));
  if (!running.principal().empty()) {
    absl::StrAppend(&rest, " for ", Words(running.principal()));
  }
  const int for_method = std::max(width - WidthOf(rest), width / 2);
  absl::StrAppend(&runs, CutStart(method, for_method));
  return absl::StrCat(runs, rest);
}

Section Workers(const Readings& readings, int width) {
  TextTable table({{"WORKER", TextColumn::kRight},
                   {"BUSY", TextColumn::kRight},
                   {"WAITING", TextColumn::kRight},
                   {"FOR", TextColumn::kRight},
                   {"RUNS", TextColumn::kLeft, TextColumn::kCutAtEnd}});
  // The columns before, as wide as they usually are, with their gaps.
  constexpr int kBefore = 6 + 2 + 4 + 2 + 7 + 2 + 7 + 2;
  std::vector<double> weights;
  for (const WorkerState& worker : readings.current().workers()) {
    const WorkerState& before = readings.Before(worker);
    const uint64_t busy = Growth(before.busy_ns(), worker.busy_ns());
    const uint64_t idle = Growth(before.idle_ns(), worker.idle_ns());
    table.Add({absl::StrCat(worker.worker()), BusyText(busy, idle),
               CountText(worker.waiting()),
               worker.has_running() ? SpanText(worker.running().age_ns()) : "-",
               RunsText(worker, width - kBefore)});
    weights.push_back((worker.stalled() ? 1e18 : 0) +
                      static_cast<double>(worker.waiting()) * 1e6 +
                      readings.PerSecond(busy) / 1e9);
  }
  return SectionOf(table, width, "workers", std::move(weights));
}

// What a method has done since the reading before.
struct MethodRates {
  const MethodState* method;
  double calls;
  double errors;
  uint64_t accepted;
};

std::vector<MethodRates> RatesOf(const Readings& readings) {
  std::vector<MethodRates> rates;
  for (const MethodState& method : readings.current().methods()) {
    const Counts& before = readings.Before(method);
    const Counts& now = method.counts();
    rates.push_back(
        {.method = &method,
         .calls = readings.PerSecond(Growth(before.accepted(), now.accepted())),
         .errors = readings.PerSecond(Growth(before.error(), now.error())),
         .accepted = now.accepted()});
  }
  std::stable_sort(rates.begin(), rates.end(),
                   [](const MethodRates& a, const MethodRates& b) {
                     return std::pair(a.calls, a.accepted) >
                            std::pair(b.calls, b.accepted);
                   });
  return rates;
}

Section Methods(const Readings& readings, int width) {
  const bool medians = width >= kWidthWithMedians;
  std::vector<TextColumn> columns = {
      {"METHOD", TextColumn::kLeft, TextColumn::kCutAtStart},
      {"CALLS/s", TextColumn::kRight},
      {"ERRORS/s", TextColumn::kRight}};
  if (medians) columns.push_back({"WAITED p50", TextColumn::kRight});
  columns.push_back({medians ? "p99" : "WAITED p99", TextColumn::kRight});
  if (medians) columns.push_back({"RAN p50", TextColumn::kRight});
  columns.push_back({medians ? "p99" : "RAN p99", TextColumn::kRight});
  TextTable table(std::move(columns));
  std::vector<double> weights;
  for (const MethodRates& of : RatesOf(readings)) {
    std::vector<std::string> cells = {Words(of.method->method()),
                                      NumberText(of.calls),
                                      NumberText(of.errors)};
    for (const auto* latency : {&of.method->waited(), &of.method->ran()}) {
      const bool any = latency->calls() > 0;
      if (medians) cells.push_back(any ? SpanText(latency->p50_ns()) : "-");
      cells.push_back(any ? SpanText(latency->p99_ns()) : "-");
    }
    table.Add(std::move(cells));
    weights.push_back(-static_cast<double>(weights.size()));
  }
  return SectionOf(table, width, "methods", std::move(weights));
}

// The refused calls by reason: all, and those since the reading before.
std::map<int, std::pair<uint64_t, uint64_t>> RefusedOf(
    const Readings& readings) {
  std::map<int, std::pair<uint64_t, uint64_t>> refused;
  for (const MethodState& method : readings.current().methods()) {
    std::map<int, uint64_t> before;
    for (const auto& of : readings.Before(method).refused()) {
      before[of.reason()] = of.calls();
    }
    for (const auto& of : method.counts().refused()) {
      refused[of.reason()].first += of.calls();
      refused[of.reason()].second += Growth(before[of.reason()], of.calls());
    }
  }
  return refused;
}

Section Refusals(const Readings& readings, int width) {
  TextTable table({{"REFUSED"},
                   {"CALLS/s", TextColumn::kRight},
                   {"IN ALL", TextColumn::kRight}});
  std::vector<double> weights;
  for (const auto& [reason, calls] : RefusedOf(readings)) {
    table.Add({ReasonText(reason), NumberText(readings.PerSecond(calls.second)),
               CountText(calls.first)});
    weights.push_back(static_cast<double>(calls.second) * 1e9 +
                      static_cast<double>(calls.first));
  }
  return SectionOf(table, width, "reasons", std::move(weights));
}

// "left          right", or only the left if there is no room.
std::string BothSides(const std::string& left, const std::string& right,
                      int width) {
  const int space = width - WidthOf(left) - WidthOf(right);
  if (space < 2) return left;
  return absl::StrCat(left, std::string(space, ' '), right);
}

std::vector<TopLine> Header(const TopReading& reading, const Readings& readings,
                            int width, absl::TimeZone zone,
                            const std::string& trouble) {
  const auto& info = reading.info;
  const GetStateResponse& state = reading.state;
  double calls = 0;
  double errors = 0;
  for (const MethodRates& of : RatesOf(readings)) {
    calls += of.calls;
    errors += of.errors;
  }
  uint64_t refused = 0;
  for (const auto& [reason, of] : RefusedOf(readings)) refused += of.second;
  const std::string time = TimeText(state.now_ms(), zone);
  const bool alarm = !state.serving() || state.stopping() ||
                     HealthWords(state).find("STALLED") != std::string::npos;
  std::vector<TopLine> lines = {
      {BothSides(
           absl::StrCat(
               Words(info.program()), " ", Words(info.version()), ", up ",
               SpanText(Growth(info.started_ms(), state.now_ms()) * 1'000'000)),
           time.substr(time.find(' ') + 1), width),
       TopLine::kTitle},
      {HealthWords(state), alarm ? TopLine::kAlarm : TopLine::kPlain},
      {absl::StrCat(NumberText(calls), " calls/s, ", NumberText(errors),
                    " errors/s, ", NumberText(readings.PerSecond(refused)),
                    " refused/s",
                    readings.since_start() ? " since the start" : "")},
      {absl::StrCat("holds ", CountText(state.held_calls()), " of ",
                    CountText(state.max_calls()), " calls, ",
                    SizeText(state.held_bytes()), " of ",
                    SizeText(state.max_bytes()))},
      {absl::StrCat(CountText(state.open_connections()), " connections, ",
                    CountText(state.open_sessions()), " sessions")},
  };
  if (!trouble.empty()) {
    lines.insert(lines.begin() + 1,
                 {absl::StrCat("NO ANSWER, so this is old: ", Words(trouble)),
                  TopLine::kAlarm});
  }
  return lines;
}

// How many rows each section gets, of `rows` in all: at first the fewest, then
// what is left, from the first section to the last.
std::vector<int> Shares(const std::vector<Section>& sections, int rows) {
  std::vector<int> shares;
  for (const Section& section : sections) {
    shares.push_back(
        std::clamp(rows, 0, std::min(section.size(), kFewestRows)));
    rows -= shares.back();
  }
  for (size_t i = 0; i < sections.size() && rows > 0; ++i) {
    const int more = std::min(rows, sections[i].size() - shares[i]);
    shares[i] += more;
    rows -= more;
  }
  return shares;
}

// The section in `rows` rows; if that leaves some out, the last one says so.
std::vector<TopLine> Shown(Section section, int rows) {
  std::vector<TopLine> lines = {section.heading};
  if (rows >= section.size()) {
    std::move(section.rows.begin(), section.rows.end(),
              std::back_inserter(lines));
    return lines;
  }
  std::vector<int> order(section.rows.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return section.weights[a] > section.weights[b];
  });
  order.resize(std::max(rows - 1, 0));
  std::sort(order.begin(), order.end());
  for (const int row : order) lines.push_back(section.rows[row]);
  lines.push_back({absl::StrCat("and ", section.rows.size() - order.size(),
                                " more ", section.what)});
  return lines;
}

void Fit(std::vector<TopLine>& lines, TopSize size) {
  if (size.height != TopSize::kAnyHeight &&
      static_cast<int>(lines.size()) > size.height) {
    lines.resize(size.height);
  }
  for (TopLine& line : lines) {
    line.text = CutEnd(line.text, size.width);
    absl::StripTrailingAsciiWhitespace(&line.text);
  }
}

}  // namespace

std::vector<TopLine> TopPage(const TopReading* previous,
                             const TopReading& current, TopSize size,
                             absl::TimeZone zone, const std::string& trouble) {
  const Readings readings(previous, current);
  std::vector<TopLine> page =
      Header(current, readings, size.width, zone, trouble);
  std::vector<Section> sections;
  for (Section& section : std::vector<Section>{
           Workers(readings, size.width), Methods(readings, size.width),
           Refusals(readings, size.width)}) {
    if (section.size() > 0) sections.push_back(std::move(section));
  }
  int rows = 0;  // For all sections; each has an empty line and a heading.
  for (const Section& section : sections) rows += section.size();
  if (size.height != TopSize::kAnyHeight) {
    const int fixed =
        static_cast<int>(page.size()) + 2 * static_cast<int>(sections.size());
    rows = std::min(rows, std::max(0, size.height - fixed));
  }
  const std::vector<int> shares = Shares(sections, rows);
  for (size_t i = 0; i < sections.size(); ++i) {
    page.push_back({""});
    for (TopLine& line : Shown(std::move(sections[i]), shares[i])) {
      page.push_back(std::move(line));
    }
  }
  Fit(page, size);
  return page;
}

std::vector<TopLine> TopPageWithoutReading(const std::string& trouble,
                                           TopSize size) {
  std::vector<TopLine> page = {
      {"pinion top", TopLine::kTitle},
      {trouble.empty() ? "asks the server" : Words(trouble),
       trouble.empty() ? TopLine::kPlain : TopLine::kAlarm}};
  if (!trouble.empty()) page.push_back({"it keeps trying; q quits"});
  Fit(page, size);
  return page;
}

}  // namespace pinion::cli
