// SPDX-License-Identifier: Apache-2.0
//
// PolicySnapshot, PartyLimitsSnapshot: what a server's policy and its limits on
// parties have done so far.
//
// Threads: plain data.
// Example: for (const auto& rule : server.Snapshot().policy->rules) ...
#ifndef PINION_SERVER_POLICY_SNAPSHOT_H_
#define PINION_SERVER_POLICY_SNAPSHOT_H_

#include <cstdint>
#include <string>
#include <vector>

namespace pinion {

// The policy that is in force. Counts go on over a reload if the rules have the
// same names after it, and else begin anew.
struct PolicySnapshot {
  struct Rule {
    std::string name = {};
    bool allows = false;  // Otherwise it denies.
    uint64_t calls = 0;   // Those that it decided.
  };

  std::string name = {};
  // Denied calls were only counted, and let in.
  bool dry_run = false;
  // Deny rules first, each kind in the file's order.
  std::vector<Rule> rules = {};
  // Calls that no rule has matched, and that were denied for it.
  uint64_t matched_none = 0;

  // Denied calls, by a rule or because none matched.
  uint64_t denied() const {
    uint64_t sum = matched_none;
    for (const Rule& rule : rules) sum += rule.allows ? 0 : rule.calls;
    return sum;
  }
};

// How often the limits on parties have refused something.
struct PartyLimitsSnapshot {
  uint64_t calls = 0;        // For calls_per_second.
  uint64_t bytes = 0;        // Calls for bytes_per_second.
  uint64_t connections = 0;  // Calls for connections_per_party.
  uint64_t sessions = 0;
  uint64_t streams = 0;
  // The parties that are known now, by principal and by address.
  int64_t principals = 0;
  int64_t addresses = 0;

  uint64_t refused() const {
    return calls + bytes + connections + sessions + streams;
  }
};

}  // namespace pinion

#endif  // PINION_SERVER_POLICY_SNAPSHOT_H_
