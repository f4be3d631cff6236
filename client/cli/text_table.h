// SPDX-License-Identifier: Apache-2.0
//
// TextTable: rows below headings, in columns that are as wide as their widest
//            cell.
//
// Threads: one thread.
// Example: TextTable table({{"KEY"}, {"CALLS", TextColumn::kRight}});
//          table.Add({"cart-17", "1.2k"});
//          for (const std::string& line : table.Lines(80)) ...
#ifndef PINION_CLIENT_CLI_TEXT_TABLE_H_
#define PINION_CLIENT_CLI_TEXT_TABLE_H_

#include <string>
#include <utility>
#include <vector>

namespace pinion::cli {

struct TextColumn {
  enum Side { kLeft, kRight };
  // What happens if the table is too wide.
  enum Cut {
    kWhole,       // The column keeps its width.
    kCutAtStart,  // It gets narrower: the ends of its cells are kept,
    kCutAtEnd,    // or their beginnings.
  };

  std::string title;
  Side side = kLeft;
  Cut cut = kWhole;
};

class TextTable {
 public:
  // No limit for a table's width.
  static constexpr int kAnyWidth = 0;

  explicit TextTable(std::vector<TextColumn> columns)
      : columns_(std::move(columns)) {}

  // One cell for each column, each one line of printable text.
  void Add(std::vector<std::string> cells) {
    rows_.push_back(std::move(cells));
  }
  bool empty() const { return rows_.empty(); }

  // The headings and the rows; none has more than `width` columns, or a space
  // at its end.
  std::vector<std::string> Lines(int width = kAnyWidth) const;

  // The same as text, with `indent` before each line.
  std::string Text(const std::string& indent = "") const;

 private:
  std::vector<int> Widths(int width) const;
  std::string Line(const std::vector<std::string>& cells,
                   const std::vector<int>& widths) const;

  const std::vector<TextColumn> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_TEXT_TABLE_H_
