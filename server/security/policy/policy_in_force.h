// SPDX-License-Identifier: Apache-2.0
//
// PolicyInForce: the policy by which a server judges calls now, and the
//                verdicts to its recent clients.
//
// Threads: any thread, but one at a time sets another policy; calls are judged
//          meanwhile.
// Memory:  the verdicts to at most kMaxClients sets of principals; then all are
//          forgotten, and judged anew.
// Example: if (const auto verdicts = policy.For(*identity)) {
//            if (!verdicts->Allows(...)) Refuse(call);
//          }
#ifndef PINION_SERVER_SECURITY_POLICY_POLICY_IN_FORCE_H_
#define PINION_SERVER_SECURITY_POLICY_POLICY_IN_FORCE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "pinion/core/base/mutex.h"
#include "pinion/core/clock.h"
#include "pinion/proto/wire/process_hash.h"
#include "pinion/server/log.h"
#include "pinion/server/policy_snapshot.h"
#include "pinion/server/security/identity/identity.h"
#include "pinion/server/security/policy/policy_rules.h"
#include "pinion/server/security/policy/policy_state.h"
#include "pinion/server/security/policy/verdicts.h"

namespace pinion {

class PolicyInForce {
 public:
  // More than a server has clients at a time. Strangers, who have no principal,
  // are one.
  static constexpr size_t kMaxClients = 4096;

  // No policy at first. For a server of `methods` hosted methods.
  PolicyInForce(size_t methods, const Clock& clock, LogSink log)
      : methods_(methods), clock_(clock), log_(std::move(log)) {}
  PolicyInForce(const PolicyInForce&) = delete;
  PolicyInForce& operator=(const PolicyInForce&) = delete;

  // From now on judges by `rules`; none: allows each call.
  void Set(std::optional<PolicyRules> rules, bool dry_run);

  // Set() with the same rules, if there are any.
  void SetDryRun(bool dry_run);

  // Changes with each Set(): who keeps verdicts asks for new ones then. A
  // thread that sees a number gets the verdicts of that policy or a later one.
  uint64_t generation() const {
    // Acquire, with the release in Set().
    return generation_.load(std::memory_order_acquire);
  }

  // Whether there is a policy.
  bool exists() const { return exists_.load(std::memory_order_relaxed); }

  // The verdicts to a client with these principals; null: there is no policy.
  std::shared_ptr<Verdicts> For(const Identity& identity);

  // None: there is no policy.
  std::optional<PolicySnapshot> Snapshot() const;

 private:
  const size_t methods_;
  const Clock clock_;
  const LogSink log_;

  // Shared. Relaxed where nothing else says otherwise: whether there is one.
  std::atomic<uint64_t> generation_{0};
  std::atomic<bool> exists_{false};
  mutable Mutex mutex_;
  std::shared_ptr<const PolicyState> state_ ABSL_GUARDED_BY(mutex_);
  // By principals, each in a line.
  HashMap<std::string, std::shared_ptr<Verdicts>> verdicts_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace pinion

#endif  // PINION_SERVER_SECURITY_POLICY_POLICY_IN_FORCE_H_
