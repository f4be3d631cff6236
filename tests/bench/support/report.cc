// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/support/report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace pinion::bench {
namespace {

// "1234.5" as "1,234.5".
std::string WithSeparators(double value, int decimals) {
  std::string text = absl::StrFormat("%.*f", decimals, value);
  const size_t digits = text.find('.');
  size_t at = digits == std::string::npos ? text.size() : digits;
  while (at > 3) text.insert(at -= 3, 1, ',');
  return text;
}

}  // namespace

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  if (values.size() % 2 == 1) return values[middle];
  return (values[middle - 1] + values[middle]) / 2;
}

Report::Report(std::string bench, std::string group,
               std::vector<Figure> figures)
    : bench_(std::move(bench)),
      group_name_(std::move(group)),
      figures_(std::move(figures)) {}

void Report::Add(absl::string_view impl, int64_t group,
                 std::vector<double> figures) {
  Entry& entry = FindOrAdd(impl, group);
  for (size_t i = 0; i < figures_.size(); ++i) {
    entry.rounds[i].push_back(figures.at(i));
  }
}

void Report::Compare(absl::string_view impl, absl::string_view other) {
  comparisons_.emplace_back(impl, other);
}

std::string Report::Text() const {
  std::string text;
  for (const int64_t group : groups_) absl::StrAppend(&text, GroupText(group));
  return text;
}

std::string Report::GroupText(int64_t group) const {
  const int first = static_cast<int>(FirstColumnWidth());
  std::string text =
      absl::StrFormat("\n%-*s", first, absl::StrCat(group_name_, " = ", group));
  for (size_t i = 0; i < figures_.size(); ++i) {
    absl::StrAppendFormat(&text, "  %*s", static_cast<int>(ColumnWidth(i)),
                          figures_[i].name);
  }
  text += "\n";
  for (const Entry& entry : entries_) {
    if (entry.group != group) continue;
    absl::StrAppendFormat(&text, "%-*s", first, "  " + entry.impl);
    for (size_t i = 0; i < figures_.size(); ++i) {
      absl::StrAppendFormat(
          &text, "  %*s", static_cast<int>(ColumnWidth(i)),
          WithSeparators(Median(entry.rounds[i]), figures_[i].decimals));
    }
    text += "\n";
  }
  for (const Ratio& ratio : Ratios(group)) {
    const auto [least, most] =
        std::minmax_element(ratio.rounds.begin(), ratio.rounds.end());
    absl::StrAppendFormat(&text, "%-*s  %*.3f  (rounds: %.3f to %.3f)\n", first,
                          "  " + ratio.name, static_cast<int>(ColumnWidth(0)),
                          Median(ratio.rounds), *least, *most);
  }
  return text;
}

std::string Report::Json() const {
  std::string text;
  for (const Entry& entry : entries_) {
    absl::StrAppendFormat(&text, R"({"bench":"%s","impl":"%s","%s":%d)", bench_,
                          entry.impl, group_name_, entry.group);
    for (size_t i = 0; i < figures_.size(); ++i) {
      absl::StrAppendFormat(&text, R"(,"%s":%.*f)", figures_[i].name,
                            figures_[i].decimals, Median(entry.rounds[i]));
    }
    text += "}\n";
  }
  for (const int64_t group : groups_) {
    for (const Ratio& ratio : Ratios(group)) {
      absl::StrAppendFormat(
          &text, R"({"bench":"%s","ratio":"%s","%s":%d,"value":%.3f})", bench_,
          ratio.name, group_name_, group, Median(ratio.rounds));
      text += "\n";
    }
  }
  return text;
}

Report::Entry& Report::FindOrAdd(absl::string_view impl, int64_t group) {
  for (Entry& entry : entries_) {
    if (entry.impl == impl && entry.group == group) return entry;
  }
  if (std::find(groups_.begin(), groups_.end(), group) == groups_.end()) {
    groups_.push_back(group);
  }
  entries_.push_back({std::string(impl), group, {}});
  entries_.back().rounds.resize(figures_.size());
  return entries_.back();
}

const Report::Entry* Report::Find(absl::string_view impl, int64_t group) const {
  for (const Entry& entry : entries_) {
    if (entry.impl == impl && entry.group == group) return &entry;
  }
  return nullptr;
}

std::vector<Report::Ratio> Report::Ratios(int64_t group) const {
  std::vector<Ratio> ratios;
  for (const auto& [impl, other] : comparisons_) {
    const Entry* above = Find(impl, group);
    const Entry* below = Find(other, group);
    if (above == nullptr || below == nullptr) continue;
    Ratio ratio = {absl::StrCat(impl, "/", other), group, {}};
    const std::vector<double>& a = above->rounds[0];
    const std::vector<double>& b = below->rounds[0];
    for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
      ratio.rounds.push_back(a[i] / b[i]);
    }
    ratios.push_back(std::move(ratio));
  }
  return ratios;
}

size_t Report::FirstColumnWidth() const {
  size_t width = 0;
  for (const Entry& entry : entries_) {
    width = std::max(width, entry.impl.size() + 2);
  }
  for (const int64_t group : groups_) {
    width = std::max(width, absl::StrCat(group_name_, " = ", group).size());
    for (const Ratio& ratio : Ratios(group)) {
      width = std::max(width, ratio.name.size() + 2);
    }
  }
  return width;
}

size_t Report::ColumnWidth(size_t figure) const {
  size_t width = figures_[figure].name.size();
  for (const Entry& entry : entries_) {
    width = std::max(width, WithSeparators(Median(entry.rounds[figure]),
                                           figures_[figure].decimals)
                                .size());
  }
  return width;
}

}  // namespace pinion::bench
