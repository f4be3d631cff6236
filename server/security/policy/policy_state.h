// SPDX-License-Identifier: Apache-2.0
//
// PolicyState: one policy as it was loaded, and how often each of its rules
//              decided.
//
// Threads: immutable but for the counts; any thread.
// Life:    shared by all Verdicts that were judged by it; so it may outlive a
//          reload.
// Example: PolicyState state(std::move(rules), {.dry_run = false, ...});
//          const size_t rule = state.FirstMatch(candidates, path, headers);
#ifndef PINION_SERVER_SECURITY_POLICY_POLICY_STATE_H_
#define PINION_SERVER_SECURITY_POLICY_POLICY_STATE_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "pinion/core/clock.h"
#include "pinion/core/sharded_tallies.h"
#include "pinion/server/log.h"
#include "pinion/server/policy_snapshot.h"
#include "pinion/server/security/identity/identity.h"
#include "pinion/server/security/policy/policy_rules.h"

namespace pinion {

class PolicyState {
 public:
  // At most one line about denied calls in this time: a client that is denied
  // must not fill the log.
  static constexpr std::chrono::milliseconds kBetweenLines{100};

  // A rule by its number: deny rules first, then allow rules, each in the
  // file's order. no_rule() is the last number: what no rule has matched.
  using Number = uint16_t;

  // With the counts of `before` if that is a policy whose rules have the same
  // names, and with new ones otherwise; null: there was none.
  PolicyState(PolicyRules rules, bool dry_run, const Clock& clock, LogSink log,
              const PolicyState* before);

  bool dry_run() const { return dry_run_; }
  // What it was made of.
  PolicyRules rules() const;
  // Whether a client without a principal cannot make any call.
  bool needs_principal() const { return needs_principal_; }
  Number no_rule() const { return static_cast<Number>(rules_.size()); }
  bool Allows(Number rule) const {
    return rule >= denying_ && rule < no_rule();
  }

  // The rules that match one of `callers`, which may be none, in their order.
  std::vector<Number> CandidatesFor(absl::Span<const Principal> callers) const;

  // The first of `candidates` that matches the call; no_rule() if none does.
  Number FirstMatch(absl::Span<const Number> candidates, absl::string_view path,
                    PolicyHeaders headers) const;
  // The same whatever headers the call has; none if it depends on them.
  std::optional<Number> FirstMatch(absl::Span<const Number> candidates,
                                   absl::string_view path) const;

  // For a thread that counts often: Add(rule, 1).
  ShardedTallies::Mine CountsOfThread() const { return counts_->MineFrom(0); }
  void Count(Number rule) const { counts_->Add(rule, 1); }

  // Tells the log that `identity` may not make a call, now and then. `path` is
  // that of a method that is hosted, if `hosted`.
  void TellDenied(const Identity& identity, absl::string_view path, bool hosted,
                  Number rule) const;

  PolicySnapshot Snapshot() const;

 private:
  const std::string name_;
  const bool dry_run_;
  const bool needs_principal_;
  const size_t denying_;  // The number of deny rules.
  const std::vector<PolicyRule> rules_;
  const Clock clock_;
  const LogSink log_;
  // By number; shared with the states of later reloads.
  std::shared_ptr<ShardedTallies> counts_;

  // Relaxed: they guard no other data.
  mutable std::atomic<uint64_t> told_at_;  // Nanoseconds of the clock.
  mutable std::atomic<uint64_t> untold_{0};
};

}  // namespace pinion

#endif  // PINION_SERVER_SECURITY_POLICY_POLICY_STATE_H_
