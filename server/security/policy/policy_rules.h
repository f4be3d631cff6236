// SPDX-License-Identifier: Apache-2.0
//
// PolicyRules: who may call what: the rules of a policy as gRFC A43 has them.
//
// Threads: plain data; any thread may read it.
// Meaning: a call that a deny rule matches is denied; of the others, one that
//          an allow rule matches is allowed; all others are denied.
// Example: PolicyReading reading = ReadPolicyFile("/etc/carts-policy.json");
//          if (reading.rules.allow[0].Matches(principals, path, headers)) ...
#ifndef PINION_SERVER_SECURITY_POLICY_POLICY_RULES_H_
#define PINION_SERVER_SECURITY_POLICY_POLICY_RULES_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "pinion/server/config/config_mistake.h"
#include "pinion/server/security/identity/identity.h"
#include "pinion/server/security/policy/text_pattern.h"

namespace pinion {

// The value of a call's header, those of several with that name joined by
// commas; none if the call has no such header.
using PolicyHeaders =
    absl::FunctionRef<std::optional<std::string>(absl::string_view name)>;

// Principals that a rule is about: "x509:spiffe://shop/*" are those of that
// kind; "*" those of any kind.
struct PrincipalPattern {
  std::optional<Principal::Kind> kind = std::nullopt;  // None: any kind.
  TextPattern name = {};

  bool Matches(const Principal& principal) const {
    return (!kind.has_value() || *kind == principal.kind) &&
           name.Matches(principal.name);
  }
  bool Covers(const PrincipalPattern& other) const {
    return (!kind.has_value() || kind == other.kind) && name.Covers(other.name);
  }
};

// The call must have the header, and its value must match one of `values`.
struct HeaderCondition {
  std::string name;
  std::vector<TextPattern> values;

  bool Matches(PolicyHeaders headers) const;
};

// A rule matches a call if each of its three conditions does. An empty one
// matches any call.
struct PolicyRule {
  std::string name;
  ConfigPlace place = {};  // Where the rule begins in its file.
  // One of them must match one of the caller's.
  std::vector<PrincipalPattern> principals = {};
  // One of them must match the call's path.
  std::vector<TextPattern> paths = {};
  // All of them must match.
  std::vector<HeaderCondition> headers = {};

  bool MatchesPrincipals(absl::Span<const Principal> callers) const;
  bool MatchesPath(absl::string_view path) const;
  bool MatchesHeaders(PolicyHeaders call) const;
  bool Matches(absl::Span<const Principal> callers, absl::string_view path,
               PolicyHeaders call) const {
    return MatchesPrincipals(callers) && MatchesPath(path) &&
           MatchesHeaders(call);
  }

  // Whether it matches each call that `other` matches, as far as that can be
  // told from the patterns one by one.
  bool Covers(const PolicyRule& other) const;
};

struct PolicyRules {
  std::string name;
  std::vector<PolicyRule> deny;
  std::vector<PolicyRule> allow;

  // Whether each call needs a principal: no rule allows calls of strangers.
  bool NeedsPrincipal() const;
};

}  // namespace pinion

#endif  // PINION_SERVER_SECURITY_POLICY_POLICY_RULES_H_
