// SPDX-License-Identifier: Apache-2.0
//
// HostileBar: what others may notice of an attack. HostileOutcome: what they
// noticed, over the rounds, and whether the bar is met.
//
// Threads: plain data.
// Example: HostileOutcome outcome("cancels", {.p99_ratio = 3,
//                                             .grown_mib = 128});
//          outcome.Add({.p99_ratio = 1.2, .worst_us = 900, .errors = 0,
//                       .grown_mib = 31, .refused = true});  // each round
//          absl::PrintF("%s\n", outcome.Text());
#ifndef PINION_TESTS_BENCH_HOSTILE_OUTCOME_H_
#define PINION_TESTS_BENCH_HOSTILE_OUTCOME_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pinion::bench {

// No error is allowed in any case.
struct HostileBar {
  // Of others' p99 beside the attacker, to that with it elsewhere; none: it is
  // not judged.
  std::optional<double> p99_ratio;
  // How much more memory the server may have than before.
  double grown_mib;
};

// One round.
struct HostileRound {
  double p99_ratio;
  double worst_us;  // The longest that another client waited.
  int64_t errors;   // That other clients got.
  double grown_mib;
  // Whether the server ended what it had no room for; true if nothing was too
  // much.
  bool refused;
};

class HostileOutcome {
 public:
  HostileOutcome(std::string attack, HostileBar bar)
      : attack_(std::move(attack)), bar_(bar) {}

  const std::string& attack() const { return attack_; }

  void Add(const HostileRound& round);

  // Whether no round had an error, too much memory, or something that was not
  // refused; whatever the times were.
  bool harmless() const;
  // Whether it was harmless, and the median of the ratios within the bar. Not
  // if no call was measured.
  bool met() const { return harmless() && IsFast(); }

  // One object: {"bench":"hostile","attack":"cancels",...,"met":true}.
  std::string Json() const;
  // One line: "cancels: met; p99 1.20 times (at most 3), ...".
  std::string Text() const;

 private:
  bool IsFast() const;

  const std::string attack_;
  const HostileBar bar_;
  std::vector<double> p99_ratios_;  // Of each round.
  double worst_us_ = 0;             // Of all rounds, as are the next.
  int64_t errors_ = 0;
  double grown_mib_ = 0;
  bool refused_ = true;
};

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_HOSTILE_OUTCOME_H_
