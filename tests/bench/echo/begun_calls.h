// SPDX-License-Identifier: Apache-2.0
//
// BegunCalls: what a watchful server tells of the calls with a deadline that a
// handler has begun, as the text that it sends.
//
// Threads: plain data.
// Example: response->set_payload(begun.ToText());
//          const auto begun = BegunCalls::FromText(response.payload());
#ifndef PINION_TESTS_BENCH_ECHO_BEGUN_CALLS_H_
#define PINION_TESTS_BENCH_ECHO_BEGUN_CALLS_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace pinion::bench {

struct BegunCalls {
  // Those begun after their deadline: as the server counts it, from when it has
  // read the call; and as the client does, from when the call was due.
  int64_t late_by_server = 0;
  int64_t late_by_client = 0;
  // By how much the server's deadline is after the client's: so much later did
  // the server read the call than it was due.
  int64_t lag_p99_us = 0;
  int64_t lag_max_us = 0;

  std::string ToText() const {
    return absl::StrCat(late_by_server, " ", late_by_client, " ", lag_p99_us,
                        " ", lag_max_us);
  }

  static std::optional<BegunCalls> FromText(absl::string_view text) {
    const std::vector<absl::string_view> words = absl::StrSplit(text, ' ');
    std::array<int64_t, 4> numbers;
    if (words.size() != numbers.size()) return std::nullopt;
    for (size_t i = 0; i < words.size(); ++i) {
      if (!absl::SimpleAtoi(words[i], &numbers[i])) return std::nullopt;
    }
    return BegunCalls{.late_by_server = numbers[0],
                      .late_by_client = numbers[1],
                      .lag_p99_us = numbers[2],
                      .lag_max_us = numbers[3]};
  }
};

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_ECHO_BEGUN_CALLS_H_
