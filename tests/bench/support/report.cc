// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/bench/support/report.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace pinion::bench {
namespace {

// 1234.5 as "1,234.5", and as "-" what is not a number.
std::string ForPeople(double value, int decimals) {
  if (std::isnan(value)) return "-";
  std::string text = absl::StrFormat("%.*f", decimals, value);
  const size_t digits = text.find('.');
  size_t at = digits == std::string::npos ? text.size() : digits;
  while (at > 3) text.insert(at -= 3, 1, ',');
  return text;
}

// What is not a number does not count.
double Greatest(const std::vector<double>& values) {
  double greatest = std::nan("");
  for (const double value : values) greatest = std::fmax(greatest, value);
  return greatest;
}

std::string ForJson(double value, int decimals) {
  if (std::isnan(value)) return "null";
  return absl::StrFormat("%.*f", decimals, value);
}

}  // namespace

double Median(std::vector<double> values) {
  values.erase(std::remove_if(values.begin(), values.end(),
                              [](double value) { return std::isnan(value); }),
               values.end());
  if (values.empty()) return std::nan("");
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  if (values.size() % 2 == 1) return values[middle];
  return (values[middle - 1] + values[middle]) / 2;
}

Report::Report(std::string bench, std::vector<std::string> group_keys,
               std::vector<Figure> figures, std::string impl_key)
    : bench_(std::move(bench)),
      impl_key_(std::move(impl_key)),
      group_keys_(std::move(group_keys)),
      figures_(std::move(figures)) {}

void Report::Add(absl::string_view impl, const Group& group,
                 const std::vector<double>& figures) {
  Entry& entry = FindOrAdd(impl, group);
  for (size_t i = 0; i < figures_.size(); ++i) {
    entry.rounds[i].push_back(figures.at(i));
  }
}

void Report::Compare(absl::string_view impl, absl::string_view other,
                     absl::string_view figure) {
  size_t at = 0;
  while (!figure.empty() && figures_.at(at).name != figure) ++at;
  comparisons_.push_back({std::string(impl), std::string(other), at});
}

void Report::Describe(absl::string_view impl, absl::string_view name,
                      absl::string_view field, int64_t value) {
  descriptions_.push_back(
      {std::string(impl),
       {std::string(name), absl::StrFormat(R"(,"%s":%d)", field, value)}});
}

void Report::Print(bool json, absl::string_view title) const {
  if (json) {
    absl::PrintF("%s", Json());
  } else {
    absl::PrintF("%s\n%s", title, Text());
  }
}

std::string Report::Text() const {
  std::string text;
  for (const Group& group : groups_) absl::StrAppend(&text, GroupText(group));
  return text;
}

std::string Report::GroupTitle(const Group& group) const {
  std::string title;
  for (size_t i = 0; i < group.size(); ++i) {
    std::visit(
        [&](const auto& value) {
          absl::StrAppend(&title, i == 0 ? "" : ", ", group_keys_[i], " = ",
                          value);
        },
        group[i]);
  }
  return title;
}

std::string Report::GroupText(const Group& group) const {
  const int first = static_cast<int>(FirstColumnWidth());
  std::string text = absl::StrFormat("\n%-*s", first, GroupTitle(group));
  for (size_t i = 0; i < figures_.size(); ++i) {
    absl::StrAppendFormat(&text, "  %*s", static_cast<int>(ColumnWidth(i)),
                          figures_[i].name);
  }
  text += "\n";
  for (const Entry& entry : entries_) {
    if (entry.group != group) continue;
    absl::StrAppendFormat(&text, "%-*s", first, "  " + entry.impl);
    for (size_t i = 0; i < figures_.size(); ++i) {
      absl::StrAppendFormat(&text, "  %*s", static_cast<int>(ColumnWidth(i)),
                            ForPeople(Value(entry, i), figures_[i].decimals));
    }
    text += "\n";
  }
  for (const Ratio& ratio : Ratios(group)) {
    const auto [least, most] =
        std::minmax_element(ratio.rounds.begin(), ratio.rounds.end());
    absl::StrAppendFormat(&text, "%-*s  %*.3f  (rounds: %.3f to %.3f)\n", first,
                          "  " + ratio.Label(),
                          static_cast<int>(ColumnWidth(0)),
                          Median(ratio.rounds), *least, *most);
  }
  return text;
}

std::string Report::Json() const {
  std::string text;
  for (const Entry& entry : entries_) {
    const Description impl = DescriptionOf(entry.impl);
    absl::StrAppendFormat(&text, R"({"bench":"%s","%s":"%s"%s%s)", bench_,
                          impl_key_, impl.name, impl.field,
                          GroupJson(entry.group));
    for (size_t i = 0; i < figures_.size(); ++i) {
      absl::StrAppendFormat(&text, R"(,"%s":%s)", figures_[i].name,
                            ForJson(Value(entry, i), figures_[i].decimals));
    }
    text += "}\n";
  }
  for (const Group& group : groups_) {
    for (const Ratio& ratio : Ratios(group)) {
      absl::StrAppend(&text, RatioJson(ratio, group), "\n");
    }
  }
  return text;
}

std::string Report::RatioJson(const Ratio& ratio, const Group& group) const {
  const Description impl = DescriptionOf(ratio.impl);
  const Description other = DescriptionOf(ratio.other);
  const std::string figure =
      ratio.figure.empty() ? ""
                           : absl::StrCat(R"(,"figure":")", ratio.figure, "\"");
  return absl::StrFormat(R"({"bench":"%s","ratio":"%s/%s"%s%s%s%s,"value":%s})",
                         bench_, impl.name, other.name, impl.field, other.field,
                         figure, GroupJson(group),
                         ForJson(Median(ratio.rounds), 3));
}

Report::Description Report::DescriptionOf(const std::string& impl) const {
  for (const auto& [described, description] : descriptions_) {
    if (described == impl) return description;
  }
  return {.name = impl, .field = ""};
}

std::string Report::GroupJson(const Group& group) const {
  std::string json;
  for (size_t i = 0; i < group.size(); ++i) {
    const char* quote = group[i].index() == 0 ? "" : "\"";
    std::visit(
        [&](const auto& value) {
          absl::StrAppend(&json, ",\"", group_keys_[i], "\":", quote, value,
                          quote);
        },
        group[i]);
  }
  return json;
}

Report::Entry& Report::FindOrAdd(absl::string_view impl, const Group& group) {
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

const Report::Entry* Report::Find(absl::string_view impl,
                                  const Group& group) const {
  for (const Entry& entry : entries_) {
    if (entry.impl == impl && entry.group == group) return &entry;
  }
  return nullptr;
}

double Report::Value(const Entry& entry, size_t figure) const {
  const std::vector<double>& rounds = entry.rounds[figure];
  switch (figures_[figure].over) {
    case Over::kMedian:
      return Median(rounds);
    case Over::kSum:
      return std::accumulate(rounds.begin(), rounds.end(), 0.0);
    case Over::kGreatest:
      return Greatest(rounds);
  }
  return std::nan("");
}

std::vector<Report::Ratio> Report::Ratios(const Group& group) const {
  std::vector<Ratio> ratios;
  for (const auto& [impl, other, figure] : comparisons_) {
    const Entry* above = Find(impl, group);
    const Entry* below = Find(other, group);
    if (above == nullptr || below == nullptr) continue;
    Ratio ratio = {.impl = impl,
                   .other = other,
                   .figure = figure == 0 ? "" : figures_[figure].name,
                   .rounds = {}};
    const std::vector<double>& a = above->rounds[figure];
    const std::vector<double>& b = below->rounds[figure];
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
  for (const Group& group : groups_) {
    width = std::max(width, GroupTitle(group).size());
    for (const Ratio& ratio : Ratios(group)) {
      width = std::max(width, ratio.Label().size() + 2);
    }
  }
  return width;
}

size_t Report::ColumnWidth(size_t figure) const {
  size_t width = figures_[figure].name.size();
  for (const Entry& entry : entries_) {
    width = std::max(
        width,
        ForPeople(Value(entry, figure), figures_[figure].decimals).size());
  }
  return width;
}

}  // namespace pinion::bench
