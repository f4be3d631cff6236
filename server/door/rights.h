// SPDX-License-Identifier: Apache-2.0
//
// Rights: what one client may do, by the server's policy and the limits of its
//         party.
//
// Threads: one at a time. The policy may change meanwhile: see Look().
// Cost:    after the first call of a method, a call costs two loads and a
//          count. With neither policy nor limits, a load.
// Example: Rights rights(door);
//          rights.Take(identity);
//          ...
//          rights.Look();
//          if (!rights.MayCall(served, headers)) Refuse(call);
#ifndef PINION_SERVER_DOOR_RIGHTS_H_
#define PINION_SERVER_DOOR_RIGHTS_H_

#include <cstdint>
#include <memory>

#include "absl/strings/string_view.h"
#include "pinion/core/sharded_tallies.h"
#include "pinion/server/call/served_method.h"
#include "pinion/server/door/front_door.h"
#include "pinion/server/party/party_limits.h"
#include "pinion/server/security/identity/identity.h"
#include "pinion/server/security/policy/policy_rules.h"
#include "pinion/server/security/policy/verdicts.h"

namespace pinion {

class Rights {
 public:
  // Of nobody yet; to be looked at or taken first.
  explicit Rights(FrontDoor& door) : door_(door) {}

  // From now on, those of `identity`; null: of a client that has proven nothing
  // and has no address.
  void Take(std::shared_ptr<const Identity> identity);

  // Asks anew if a reload has changed the policy or the limits. A load if not.
  void Look() {
    if (generation_ != door_.policy().generation()) LookAnew();
  }

  // Whether the client may call the method. MayCallAtOnce() knows only what
  // was judged before and is allowed whatever headers the call has.
  bool MayCallAtOnce(const ServedMethod& served) {
    return verdicts_ == nullptr ||
           verdicts_->AllowsAtOnce(served.number, counts_);
  }
  bool MayCall(const ServedMethod& served, PolicyHeaders headers);

  // The same for a path that is no hosted method's.
  bool MayCallPath(absl::string_view path, PolicyHeaders headers) {
    return verdicts_ == nullptr ||
           verdicts_->AllowsPath(path, headers, *identity_);
  }

  // Whether it may call that path, without counting it.
  bool WouldMayCall(absl::string_view path, PolicyHeaders headers) const {
    return verdicts_ == nullptr || verdicts_->WouldAllow(path, headers);
  }

  // Whether the client can make no call for lack of a principal.
  bool IsStranger() const {
    return verdicts_ != nullptr && verdicts_->IsStranger();
  }

  // Null: the client has no limits.
  const std::shared_ptr<LimitedParty>& limited() const { return limited_; }

 private:
  void LookAnew();

  FrontDoor& door_;
  std::shared_ptr<const Identity> identity_;
  uint64_t generation_ = ~uint64_t{0};  // None.
  std::shared_ptr<Verdicts> verdicts_;  // Null: there is no policy.
  ShardedTallies::Mine counts_;         // If there is one.
  std::shared_ptr<LimitedParty> limited_;
};

}  // namespace pinion

#endif  // PINION_SERVER_DOOR_RIGHTS_H_
