// SPDX-License-Identifier: Apache-2.0
//
// Report: the figures of a benchmark's rounds: their medians, and how the
// implementations compare.
//
// Threads: the owner's alone.
// Example: Report report("unary", "in_flight", {{"rps", 0}, {"p50_us", 1}});
//          report.Add("pinion", 64, {41230, 1512.1});  // once in each round
//          report.Add("sync", 64, {20110, 3120.7});
//          report.Compare("pinion", "sync");
//          std::cout << report.Text();                 // or Json()
//
// A comparison is the median over rounds of the round's own ratio: what slows
// the machine down for a while slows both sides of a ratio.
#ifndef PINION_TESTS_BENCH_SUPPORT_REPORT_H_
#define PINION_TESTS_BENCH_SUPPORT_REPORT_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace pinion::bench {

struct Figure {
  std::string name;  // Its key in JSON, with the unit: "p50_us".
  int decimals;      // How many are worth showing.
};

class Report {
 public:
  // `group` names the number by which results stand together, "in_flight". The
  // first figure is the main one, which comparisons are about.
  Report(std::string bench, std::string group, std::vector<Figure> figures);

  // One round's figures of `impl`, in the order of the constructor's. The n-th
  // of each implementation and group belongs to round n.
  void Add(absl::string_view impl, int64_t group, std::vector<double> figures);

  // Asks for the ratio "impl/other" in each group that has both.
  void Compare(absl::string_view impl, absl::string_view other);

  // A table for each group, for people.
  std::string Text() const;

  // One object per line: the medians, then the ratios.
  std::string Json() const;

 private:
  struct Entry {
    std::string impl;
    int64_t group;
    std::vector<std::vector<double>> rounds;  // Of each figure.
  };
  struct Ratio {
    std::string name;
    int64_t group;
    std::vector<double> rounds;
  };

  Entry& FindOrAdd(absl::string_view impl, int64_t group);
  const Entry* Find(absl::string_view impl, int64_t group) const;
  std::vector<Ratio> Ratios(int64_t group) const;
  std::string GroupText(int64_t group) const;
  // How wide a column must be for its title and its numbers.
  size_t FirstColumnWidth() const;
  size_t ColumnWidth(size_t figure) const;

  const std::string bench_;
  const std::string group_name_;
  const std::vector<Figure> figures_;
  std::vector<int64_t> groups_;  // In order of their first appearance.
  std::vector<Entry> entries_;   // The same.
  std::vector<std::pair<std::string, std::string>> comparisons_;
};

// Of an even number of values, the mean of the two in the middle.
double Median(std::vector<double> values);

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_SUPPORT_REPORT_H_
