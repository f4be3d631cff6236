// SPDX-License-Identifier: Apache-2.0
//
// Report: the figures of a benchmark's rounds: their medians, and how the
// implementations compare.
//
// Threads: the owner's alone.
// Example: Report report("unary", {"in_flight"}, {{"rps", 0}, {"p50_us", 1}});
//          report.Add("pinion", {64}, {41230, 1512.1});  // once in each round
//          report.Add("sync", {64}, {20110, 3120.7});
//          report.Compare("pinion", "sync");
//          report.Print(json, "Echo of 64 bytes.");
//
// A comparison is the median over rounds of the round's own ratio: what slows
// the machine down for a while slows both sides of a ratio.
#ifndef PINION_TESTS_BENCH_SUPPORT_REPORT_H_
#define PINION_TESTS_BENCH_SUPPORT_REPORT_H_

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"

namespace pinion::bench {

// How the figures of all rounds become one.
enum class Over { kMedian, kSum, kGreatest };

struct Figure {
  std::string name;  // Its key in JSON, with the unit: "p50_us".
  int decimals;      // How many are worth showing.
  Over over = Over::kMedian;
};

// By what results stand together: the values of the report's group keys.
using Group = std::vector<std::variant<int64_t, std::string>>;

class Report {
 public:
  // `impl_key` names what results are compared by, in JSON.
  Report(std::string bench, std::vector<std::string> group_keys,
         std::vector<Figure> figures, std::string impl_key = "impl");

  // One round's figures of `impl`, in the order of the constructor's; one that
  // is not a number is one that the round did not bring. The n-th of each
  // implementation and group belongs to round n.
  void Add(absl::string_view impl, const Group& group,
           const std::vector<double>& figures);

  // Asks for the ratio "impl/other" of a figure, the first unless it is named,
  // in each group that has both.
  void Compare(absl::string_view impl, absl::string_view other,
               absl::string_view figure = "");

  // Has JSON call `impl` by the `name` of its kind, with one field more, in
  // figures and ratios: "striped_64" as {"impl":"striped","stripes":64}.
  void Describe(absl::string_view impl, absl::string_view name,
                absl::string_view field, int64_t value);

  // On standard output: Json(), or Text() under a title of one line or more.
  void Print(bool json, absl::string_view title) const;

  // A table for each group, for people.
  std::string Text() const;

  // One object per line: the figures, then the ratios.
  std::string Json() const;

 private:
  struct Entry {
    std::string impl;
    Group group;
    std::vector<std::vector<double>> rounds;  // Of each figure.
  };
  struct Description {
    std::string name;
    std::string field;  // ",\"stripes\":64"; empty: none.
  };
  struct Comparison {
    std::string impl;
    std::string other;
    size_t figure;
  };
  struct Ratio {
    std::string impl;
    std::string other;
    std::string figure;  // Empty: the first.
    std::vector<double> rounds;

    std::string Label() const {
      return impl + "/" + other + (figure.empty() ? "" : " " + figure);
    }
  };

  Entry& FindOrAdd(absl::string_view impl, const Group& group);
  const Entry* Find(absl::string_view impl, const Group& group) const;
  double Value(const Entry& entry, size_t figure) const;
  std::vector<Ratio> Ratios(const Group& group) const;
  Description DescriptionOf(const std::string& impl) const;
  std::string GroupTitle(const Group& group) const;  // "in_flight = 64"
  std::string GroupText(const Group& group) const;
  std::string RatioJson(const Ratio& ratio, const Group& group) const;
  std::string GroupJson(const Group& group) const;  // ",\"in_flight\":64"
  // How wide a column must be for its title and its numbers.
  size_t FirstColumnWidth() const;
  size_t ColumnWidth(size_t figure) const;

  const std::string bench_;
  const std::string impl_key_;
  const std::vector<std::string> group_keys_;
  const std::vector<Figure> figures_;
  std::vector<Group> groups_;   // In order of their first appearance.
  std::vector<Entry> entries_;  // The same.
  std::vector<Comparison> comparisons_;
  std::vector<std::pair<std::string, Description>> descriptions_;  // By impl.
};

// Of an even number of values, the mean of the two in the middle. What is not a
// number does not count; if nothing else is there, neither is the median.
double Median(std::vector<double> values);

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_SUPPORT_REPORT_H_
