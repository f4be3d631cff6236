// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/latency_curve.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace pinion::cli {
namespace {

constexpr int kRows = 12;
constexpr int kColumns = 60;
// Every so many rows have their latency beside them.
constexpr int kRowsPerLabel = 3;
constexpr int kMaxNines = 6;

// As many nines as the latencies can tell apart.
int NinesOf(uint64_t total) {
  const int nines =
      static_cast<int>(std::floor(std::log10(static_cast<double>(total))));
  return std::clamp(nines, 1, kMaxNines);
}

double PercentileOfColumn(int column, int nines) {
  return 100 * (1 - std::pow(10, -static_cast<double>(column) * nines /
                                     (kColumns - 1)));
}

// "0%", "90%", "99%", "99.9%": what ends after so many nines.
std::string PercentileLabel(int nines) {
  if (nines == 0) return "0%";
  if (nines == 1) return "90%";
  std::string label = "99";
  if (nines > 2)
    label += "." + std::string(static_cast<size_t>(nines) - 2, '9');
  return label + "%";
}

// The latencies at the upper edge, the lower edge and between.
class Scale {
 public:
  Scale(int64_t shortest, int64_t longest)
      : from_(std::log(static_cast<double>(std::max<int64_t>(1, shortest)))),
        to_(std::max(std::log(static_cast<double>(longest)),
                     // One bucket's latencies are a flat line, not a steep one.
                     from_ + std::log(1.1))) {}

  int RowOf(int64_t nanos) const {
    const double part =
        (std::log(static_cast<double>(std::max<int64_t>(1, nanos))) - from_) /
        (to_ - from_);
    return std::clamp(static_cast<int>(std::lround(part * (kRows - 1))), 0,
                      kRows - 1);
  }
  double OfRow(int row) const {
    return std::exp(from_ + (to_ - from_) * row / (kRows - 1));
  }

 private:
  double from_;
  double to_;
};

// From each latency up or down to that of the column before, so that the curve
// has no holes.
std::vector<std::string> Draw(const Histogram& latencies, const Scale& scale,
                              int nines) {
  std::vector<std::string> rows(kRows, std::string(kColumns, ' '));
  int before = -1;
  for (int column = 0; column < kColumns; ++column) {
    const int row =
        scale.RowOf(latencies.AtPercentile(PercentileOfColumn(column, nines)));
    for (int r = std::min(row, before < 0 ? row : before + 1); r <= row; ++r) {
      rows[static_cast<size_t>(r)][static_cast<size_t>(column)] = '*';
    }
    before = row;
  }
  return rows;
}

std::string Axis(int nines) {
  std::string ticks(kColumns, '-');
  std::string labels(kColumns + 8, ' ');
  for (int nine = 0; nine <= nines; ++nine) {
    const auto column = static_cast<size_t>((kColumns - 1) * nine / nines);
    ticks[column] = '+';
    const std::string label = PercentileLabel(nine);
    labels.replace(column, label.size(), label);
  }
  return absl::StrCat(std::string(10, ' '), " +-", ticks, "\n",
                      std::string(10, ' '), "   ",
                      absl::StripTrailingAsciiWhitespace(labels), "\n");
}

}  // namespace

std::string LatencyCurve(const Histogram& latencies) {
  if (latencies.total() < 2) return "";
  const int nines = NinesOf(latencies.total());
  const Scale scale(
      latencies.AtPercentile(0),
      latencies.AtPercentile(PercentileOfColumn(kColumns - 1, nines)));
  const std::vector<std::string> rows = Draw(latencies, scale, nines);
  std::string text;
  for (int row = kRows - 1; row >= 0; --row) {
    const bool labelled = (kRows - 1 - row) % kRowsPerLabel == 0 || row == 0;
    absl::StrAppendFormat(&text, "%10s | ",
                          labelled ? LatencyText(scale.OfRow(row)) : "");
    absl::StrAppend(&text, absl::StripTrailingAsciiWhitespace(
                               rows[static_cast<size_t>(row)]));
    text = std::string(absl::StripTrailingAsciiWhitespace(text)) + "\n";
  }
  return text + Axis(nines);
}

std::string LatencyText(double nanos) {
  static constexpr const char* kUnits[] = {"ns", "us", "ms", "s"};
  size_t unit = 0;
  // What would be rounded to 1000 is 1 of the next unit.
  while (nanos >= 999.5 && unit < 3) {
    nanos /= 1000;
    ++unit;
  }
  const int decimals = nanos >= 99.95 || unit == 0 ? 0 : nanos >= 9.995 ? 1 : 2;
  return absl::StrFormat("%.*f %s", decimals, nanos, kUnits[unit]);
}

}  // namespace pinion::cli
