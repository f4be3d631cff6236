// SPDX-License-Identifier: Apache-2.0
//
// UnknownPaths: the paths of a policy's rules that no call to a server has.
//
// It is no mistake to have such paths, because one policy may serve several
// servers. But a rule with a misspelled path does nothing, and nobody notices
// that of a deny rule.
//
// Threads: plain function; any thread.
// Example: for (const ConfigMistake& unknown :
//               UnknownPaths("p.json", rules, {"/shop.v1.Cart/Add"})) ...
#ifndef PINION_SERVER_SECURITY_POLICY_UNKNOWN_PATHS_H_
#define PINION_SERVER_SECURITY_POLICY_UNKNOWN_PATHS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "pinion/server/config/config_mistake.h"
#include "pinion/server/security/policy/policy_rules.h"

namespace pinion {

// More are told as a number.
inline constexpr size_t kMostUnknownPaths = 10;

// What a person should hear of `rules`, which were read from `file`: each path
// that matches neither one of `methods`, the paths that the server hosts, nor
// one of the server's own services: health, reflection, sessions. The place is
// the rule's. If there are more than kMostUnknownPaths, one says how many.
std::vector<ConfigMistake> UnknownPaths(
    absl::string_view file, const PolicyRules& rules,
    const std::vector<std::string>& methods);

}  // namespace pinion

#endif  // PINION_SERVER_SECURITY_POLICY_UNKNOWN_PATHS_H_
