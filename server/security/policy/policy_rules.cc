// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/security/policy/policy_rules.h"

#include <algorithm>

namespace pinion {
namespace {

// Whether each pattern of `others` is covered by one of `patterns`. None of
// either means that anything matches.
template <typename Pattern>
bool CoverAll(const std::vector<Pattern>& patterns,
              const std::vector<Pattern>& others) {
  if (patterns.empty()) return true;
  return !others.empty() &&
         std::all_of(others.begin(), others.end(), [&](const Pattern& other) {
           return std::any_of(
               patterns.begin(), patterns.end(),
               [&](const Pattern& pattern) { return pattern.Covers(other); });
         });
}

bool MatchesOne(const std::vector<TextPattern>& patterns,
                absl::string_view value) {
  return std::any_of(
      patterns.begin(), patterns.end(),
      [&](const TextPattern& pattern) { return pattern.Matches(value); });
}

}  // namespace

bool HeaderCondition::Matches(PolicyHeaders headers) const {
  const std::optional<std::string> value = headers(name);
  return value.has_value() && MatchesOne(values, *value);
}

bool PolicyRule::MatchesPrincipals(absl::Span<const Principal> callers) const {
  return principals.empty() ||
         std::any_of(principals.begin(), principals.end(),
                     [&](const PrincipalPattern& pattern) {
                       return std::any_of(callers.begin(), callers.end(),
                                          [&](const Principal& caller) {
                                            return pattern.Matches(caller);
                                          });
                     });
}

bool PolicyRule::MatchesPath(absl::string_view path) const {
  return paths.empty() || MatchesOne(paths, path);
}

bool PolicyRule::MatchesHeaders(PolicyHeaders call) const {
  return std::all_of(headers.begin(), headers.end(),
                     [&](const HeaderCondition& condition) {
                       return condition.Matches(call);
                     });
}

bool PolicyRule::Covers(const PolicyRule& other) const {
  const auto is_implied = [&](const HeaderCondition& mine) {
    return std::any_of(other.headers.begin(), other.headers.end(),
                       [&](const HeaderCondition& theirs) {
                         return mine.name == theirs.name &&
                                CoverAll(mine.values, theirs.values);
                       });
  };
  return CoverAll(principals, other.principals) &&
         CoverAll(paths, other.paths) &&
         std::all_of(headers.begin(), headers.end(), is_implied);
}

bool PolicyRules::NeedsPrincipal() const {
  return std::none_of(allow.begin(), allow.end(), [](const PolicyRule& rule) {
    return rule.principals.empty();
  });
}

}  // namespace pinion
