// SPDX-License-Identifier: Apache-2.0
#include "pinion/proto/wire/nearest_first.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"

namespace pinion {
namespace {

// Longer than names are: it bounds the time for what is no name at all.
constexpr size_t kMostLetters = 64;

// Damerau's distance, as far as each letter is touched once.
size_t Distance(absl::string_view a, absl::string_view b) {
  // Of the beginnings of `a` to those of `b`: the last row, and two before it.
  std::vector<size_t> row(b.size() + 1), above(b.size() + 1),
      above_that(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    above_that.swap(above);
    above.swap(row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], above_that[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

}  // namespace

std::vector<std::string> NearestFirst(absl::string_view wanted,
                                      std::vector<std::string> names) {
  std::vector<std::pair<size_t, std::string>> by_distance;
  for (std::string& name : names) {
    const size_t distance =
        Distance(wanted.substr(0, kMostLetters),
                 absl::string_view(name).substr(0, kMostLetters));
    by_distance.emplace_back(distance, std::move(name));
  }
  std::stable_sort(
      by_distance.begin(), by_distance.end(),
      [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> sorted;
  for (auto& [distance, name] : by_distance) sorted.push_back(std::move(name));
  return sorted;
}

std::string LikelyMeant(absl::string_view wanted,
                        const std::vector<std::string>& names) {
  if (wanted.size() > kMostLetters) return "";
  const std::string small = absl::AsciiStrToLower(wanted);
  size_t least = small.size() / 3 + 1;
  std::string nearest;
  for (const std::string& name : names) {
    const size_t distance =
        Distance(small, absl::AsciiStrToLower(name.substr(0, kMostLetters)));
    if (distance >= least) continue;
    least = distance;
    nearest = name;
  }
  return nearest;
}

std::string MethodsNearestFirst(
    absl::string_view wanted,
    const google::protobuf::ServiceDescriptor& service) {
  std::vector<std::string> names;
  for (int i = 0; i < service.method_count(); ++i) {
    names.push_back(service.method(i)->name());
  }
  return absl::StrJoin(NearestFirst(wanted, std::move(names)), ", ");
}

}  // namespace pinion
