// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/door/rights.h"

#include <string>
#include <utility>

namespace pinion {

void Rights::Take(std::shared_ptr<const Identity> identity) {
  identity_ = std::move(identity);
  LookAnew();
}

bool Rights::MayCall(const ServedMethod& served, PolicyHeaders headers) {
  return verdicts_ == nullptr ||
         verdicts_->Allows(served.number, served.method.path, headers,
                           *identity_);
}

void Rights::LookAnew() {
  // Before the policy: what comes after that is seen at the next look.
  generation_ = door_.policy().generation();
  if (identity_ == nullptr) identity_ = std::make_shared<const Identity>("");
  verdicts_ = door_.policy().For(*identity_);
  if (verdicts_ != nullptr) counts_ = verdicts_->CountsOfThread();
  limited_ = nullptr;
  if (!door_.limits().any()) return;
  const Principal* const principal = identity_->party();
  // A proxy's address stands for none of its clients.
  const std::string& address = identity_->address();
  const bool is_proxy = door_.trusted_proxies().ContainsAddress(address);
  limited_ = door_.limits().Of(
      principal != nullptr ? principal->ToString() : std::string(),
      is_proxy ? absl::string_view() : address);
}

}  // namespace pinion
