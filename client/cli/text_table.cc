// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/text_table.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "pinion/client/cli/text_width.h"

namespace pinion::cli {
namespace {

constexpr int kGap = 2;  // Between two columns.
// A column is cut to no less: with fewer nobody can tell its cells apart.
constexpr int kNarrowest = 8;

}  // namespace

std::vector<int> TextTable::Widths(int width) const {
  std::vector<int> widths;
  int all = -kGap;
  for (size_t i = 0; i < columns_.size(); ++i) {
    int widest = WidthOf(columns_[i].title);
    for (const auto& row : rows_) widest = std::max(widest, WidthOf(row[i]));
    widths.push_back(widest);
    all += widest + kGap;
  }
  if (width == kAnyWidth) return widths;
  // Takes what is too much from the widest columns that may be cut.
  for (int excess = all - width; excess > 0; --excess) {
    int* widest = nullptr;
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].cut == TextColumn::kWhole || widths[i] <= kNarrowest) {
        continue;
      }
      if (widest == nullptr || widths[i] > *widest) widest = &widths[i];
    }
    if (widest == nullptr) break;
    --*widest;
  }
  return widths;
}

std::string TextTable::Line(const std::vector<std::string>& cells,
                            const std::vector<int>& widths) const {
  std::string line;
  for (size_t i = 0; i < columns_.size(); ++i) {
    const std::string cell = columns_[i].cut == TextColumn::kCutAtStart
                                 ? CutStart(cells[i], widths[i])
                                 : CutEnd(cells[i], widths[i]);
    const std::string space(widths[i] - WidthOf(cell), ' ');
    if (i > 0) line.append(kGap, ' ');
    absl::StrAppend(&line, columns_[i].side == TextColumn::kRight ? space : "",
                    cell, columns_[i].side == TextColumn::kRight ? "" : space);
  }
  absl::StripTrailingAsciiWhitespace(&line);
  return line;
}

std::vector<std::string> TextTable::Lines(int width) const {
  const std::vector<int> widths = Widths(width);
  std::vector<std::string> titles;
  for (const TextColumn& column : columns_) titles.push_back(column.title);
  std::vector<std::string> lines = {Line(titles, widths)};
  for (const auto& row : rows_) lines.push_back(Line(row, widths));
  if (width != kAnyWidth) {
    for (std::string& line : lines) line = CutEnd(line, width);
  }
  return lines;
}

std::string TextTable::Text(const std::string& indent) const {
  std::string text;
  for (const std::string& line : Lines()) {
    absl::StrAppend(&text, indent, line, "\n");
  }
  return text;
}

}  // namespace pinion::cli
