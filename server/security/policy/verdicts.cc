// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/security/policy/verdicts.h"

#include <optional>
#include <utility>

namespace pinion {

Verdicts::Verdicts(std::shared_ptr<const PolicyState> policy,
                   const Identity& identity, size_t methods)
    : policy_(std::move(policy)),
      candidates_(policy_->CandidatesFor(identity.principals())),
      is_nobody_(identity.principals().empty()),
      known_(std::make_unique<std::atomic<uint32_t>[]>(methods)) {}

bool Verdicts::Allows(size_t method, absl::string_view path,
                      PolicyHeaders headers, const Identity& identity) {
  uint32_t known = known_[method].load(std::memory_order_relaxed);
  if (known == 0) known = Know(method, path);
  const PolicyState::Number rule =
      (known & kDependsOnHeaders) != 0
          ? policy_->FirstMatch(candidates_, path, headers)
          : static_cast<PolicyState::Number>(known >> kRuleShift);
  return Decide(rule, path, /*hosted=*/true, identity);
}

bool Verdicts::AllowsPath(absl::string_view path, PolicyHeaders headers,
                          const Identity& identity) {
  return Decide(policy_->FirstMatch(candidates_, path, headers), path,
                /*hosted=*/false, identity);
}

bool Verdicts::WouldAllow(absl::string_view path, PolicyHeaders headers) const {
  return policy_->dry_run() ||
         policy_->Allows(policy_->FirstMatch(candidates_, path, headers));
}

// Two threads that judge at the same time come to the same.
uint32_t Verdicts::Know(size_t method, absl::string_view path) {
  uint32_t known = kDependsOnHeaders;
  if (const auto rule = policy_->FirstMatch(candidates_, path)) {
    known = (policy_->Allows(*rule) ? kAllowed : kDenied) |
            static_cast<uint32_t>(*rule) << kRuleShift;
  }
  known_[method].store(known, std::memory_order_relaxed);
  return known;
}

bool Verdicts::Decide(PolicyState::Number rule, absl::string_view path,
                      bool hosted, const Identity& identity) const {
  policy_->Count(rule);
  if (policy_->Allows(rule)) return true;
  policy_->TellDenied(identity, path, hosted, rule);
  return policy_->dry_run();
}

}  // namespace pinion
