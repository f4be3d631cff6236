// SPDX-License-Identifier: Apache-2.0
//
// Verdicts: what one policy says to one client, method by method.
//
// Threads: any thread. A method is judged once, and then costs a load.
// Memory:  four bytes for each hosted method, and two for each rule that is
//          about the client.
// Life:    shared by the client's sessions and calls, and by PolicyInForce.
// Example: if (!verdicts->Allows(method, path, headers, identity)) Refuse();
#ifndef PINION_SERVER_SECURITY_POLICY_VERDICTS_H_
#define PINION_SERVER_SECURITY_POLICY_VERDICTS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include "pinion/core/sharded_tallies.h"
#include "pinion/server/security/identity/identity.h"
#include "pinion/server/security/policy/policy_rules.h"
#include "pinion/server/security/policy/policy_state.h"

namespace pinion {

class Verdicts {
 public:
  // Of `policy` to a client with the principals of `identity`, in a server of
  // `methods` hosted methods.
  Verdicts(std::shared_ptr<const PolicyState> policy, const Identity& identity,
           size_t methods);
  Verdicts(const Verdicts&) = delete;
  Verdicts& operator=(const Verdicts&) = delete;

  // Whether the hosted method of this number and `path` may be called with
  // these headers. Counts the rule that decided, and tells the log of a denied
  // call. True in a dry run.
  bool Allows(size_t method, absl::string_view path, PolicyHeaders headers,
              const Identity& identity);

  // The same for a path that is no hosted method's: one of the server's own
  // services, or one that does not exist. It is judged each time.
  bool AllowsPath(absl::string_view path, PolicyHeaders headers,
                  const Identity& identity);

  // Whether the call is known to be allowed; counts it by `counts`, which are
  // CountsOfThread(). False: ask Allows().
  bool AllowsAtOnce(size_t method, ShardedTallies::Mine& counts) const {
    // Relaxed: the number is all there is.
    const uint32_t known = known_[method].load(std::memory_order_relaxed);
    if ((known & kAllowed) == 0) return false;
    counts.Add(known >> kRuleShift, 1);
    return true;
  }
  ShardedTallies::Mine CountsOfThread() const {
    return policy_->CountsOfThread();
  }

  // As AllowsPath(), but counts and tells nothing: for a call that was let in
  // under another policy, and for what a client may see.
  bool WouldAllow(absl::string_view path, PolicyHeaders headers) const;

  // Whether the client can make no call at all for lack of a principal.
  bool IsStranger() const {
    return is_nobody_ && policy_->needs_principal() && !policy_->dry_run();
  }

 private:
  // What is known of a method: 0, or one of these, and the rule's number.
  static constexpr uint32_t kAllowed = 1;
  static constexpr uint32_t kDenied = 2;
  static constexpr uint32_t kDependsOnHeaders = 4;
  static constexpr int kRuleShift = 3;

  uint32_t Know(size_t method, absl::string_view path);
  bool Decide(PolicyState::Number rule, absl::string_view path, bool hosted,
              const Identity& identity) const;

  const std::shared_ptr<const PolicyState> policy_;
  const std::vector<PolicyState::Number> candidates_;
  const bool is_nobody_;
  const std::unique_ptr<std::atomic<uint32_t>[]> known_;  // By method.
};

}  // namespace pinion

#endif  // PINION_SERVER_SECURITY_POLICY_VERDICTS_H_
