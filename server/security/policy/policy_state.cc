// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/security/policy/policy_state.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pinion/proto/wire/utf8.h"

namespace pinion {
namespace {

// Of a path that a client chose, in the log.
constexpr size_t kMostShown = 128;

std::vector<PolicyRule> AllOf(PolicyRules rules) {
  std::vector<PolicyRule> all = std::move(rules.deny);
  all.insert(all.end(), std::make_move_iterator(rules.allow.begin()),
             std::make_move_iterator(rules.allow.end()));
  return all;
}

}  // namespace

PolicyState::PolicyState(PolicyRules rules, bool dry_run, const Clock& clock,
                         LogSink log, const PolicyState* before)
    : name_(rules.name),
      dry_run_(dry_run),
      needs_principal_(rules.NeedsPrincipal()),
      denying_(rules.deny.size()),
      rules_(AllOf(std::move(rules))),
      clock_(clock),
      log_(std::move(log)),
      told_at_((clock.Now() + -2 * kBetweenLines).nanos()) {
  const bool same = before != nullptr && before->denying_ == denying_ &&
                    std::equal(rules_.begin(), rules_.end(),
                               before->rules_.begin(), before->rules_.end(),
                               [](const PolicyRule& a, const PolicyRule& b) {
                                 return a.name == b.name;
                               });
  counts_ = same ? before->counts_
                 : std::make_shared<ShardedTallies>(rules_.size() + 1);
}

PolicyRules PolicyState::rules() const {
  const auto allowing = rules_.begin() + static_cast<std::ptrdiff_t>(denying_);
  return {.name = name_,
          .deny = {rules_.begin(), allowing},
          .allow = {allowing, rules_.end()}};
}

std::vector<PolicyState::Number> PolicyState::CandidatesFor(
    absl::Span<const Principal> callers) const {
  std::vector<Number> candidates;
  for (size_t i = 0; i < rules_.size(); ++i) {
    if (rules_[i].MatchesPrincipals(callers)) {
      candidates.push_back(static_cast<Number>(i));
    }
  }
  return candidates;
}

PolicyState::Number PolicyState::FirstMatch(absl::Span<const Number> candidates,
                                            absl::string_view path,
                                            PolicyHeaders headers) const {
  for (const Number number : candidates) {
    const PolicyRule& rule = rules_[number];
    if (rule.MatchesPath(path) && rule.MatchesHeaders(headers)) return number;
  }
  return no_rule();
}

std::optional<PolicyState::Number> PolicyState::FirstMatch(
    absl::Span<const Number> candidates, absl::string_view path) const {
  for (const Number number : candidates) {
    const PolicyRule& rule = rules_[number];
    if (!rule.MatchesPath(path)) continue;
    if (rule.headers.empty()) return number;
    return std::nullopt;
  }
  return no_rule();
}

void PolicyState::TellDenied(const Identity& identity, absl::string_view path,
                             bool hosted, Number rule) const {
  const uint64_t now = clock_.Now().nanos();
  uint64_t told_at = told_at_.load(std::memory_order_relaxed);
  constexpr std::chrono::nanoseconds kSpan = kBetweenLines;
  if (now - told_at < static_cast<uint64_t>(kSpan.count()) ||
      !told_at_.compare_exchange_strong(told_at, now,
                                        std::memory_order_relaxed)) {
    untold_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  if (!log_) return;
  const std::string shown = Escaped(BeginningOf(path, kMostShown));
  const std::string policy = Quoted(name_, kMostShown);
  const std::string why =
      rule == no_rule()
          ? absl::StrCat("no rule of the policy ", policy, " allows ", shown)
          : absl::StrCat("the rule ", Quoted(rules_[rule].name, kMostShown),
                         " of the policy ", policy, " denies ", shown);
  log_({.level = LogLevel::kWarning,
        .area = LogArea::kSecurity,
        .event = dry_run_ ? "call_would_be_denied" : "call_denied",
        .method = hosted ? std::string(path) : std::string(),
        .caller = identity.ToString(),
        .message = absl::StrCat(why, dry_run_ ? "; the call is let in" : ""),
        .left_out = untold_.exchange(0, std::memory_order_relaxed)});
}

PolicySnapshot PolicyState::Snapshot() const {
  PolicySnapshot snapshot = {.name = name_, .dry_run = dry_run_};
  for (size_t i = 0; i < rules_.size(); ++i) {
    snapshot.rules.push_back({.name = rules_[i].name,
                              .allows = i >= denying_,
                              .calls = counts_->Sum(i)});
  }
  snapshot.matched_none = counts_->Sum(rules_.size());
  return snapshot;
}

}  // namespace pinion
