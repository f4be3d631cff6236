// SPDX-License-Identifier: Apache-2.0
//
// ReadPolicy: reads a policy in the JSON form of gRFC A43, or the same in YAML.
//
// Threads: any thread.
// Errors:  every mistake is told with its line and column, the first hundred of
//          them; of a text that is neither JSON nor YAML, the first one. Beside
//          what A43 refuses, these are mistakes: a list without entries, of
//          which one reader thinks that it matches all and another that it
//          matches nothing; a rule's name twice; an allow rule that deny rules
//          leave nothing of; a condition that no call can meet, or that says
//          less than it seems to; a pattern of principals that others can get.
// Limits:  a file has at most 1 MiB, a policy 1,000 rules.
// Example: PolicyReading reading = ReadPolicyFile("/etc/carts-policy.json");
//          for (const ConfigMistake& mistake : reading.mistakes) {
//            std::cerr << mistake.ToString() << "\n";
//          }
#ifndef PINION_SERVER_SECURITY_POLICY_READ_POLICY_H_
#define PINION_SERVER_SECURITY_POLICY_READ_POLICY_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "pinion/server/config/config_mistake.h"
#include "pinion/server/security/policy/policy_rules.h"

namespace pinion {

// A policy is judged by each new client and path; more rules are no policy that
// a person can read.
inline constexpr size_t kMostPolicyRules = 1000;

struct PolicyReading {
  // As far as they could be read. To be used only if there is no mistake.
  PolicyRules rules = {};
  std::vector<ConfigMistake> mistakes = {};

  // INVALID_ARGUMENT with the first mistake, and how many more there are.
  absl::Status status() const;
};

// `file` names the text in mistakes.
PolicyReading ReadPolicy(absl::string_view file, absl::string_view text);

// The same for the file at `path`. A file that cannot be read is a mistake.
PolicyReading ReadPolicyFile(const std::string& path);

}  // namespace pinion

#endif  // PINION_SERVER_SECURITY_POLICY_READ_POLICY_H_
