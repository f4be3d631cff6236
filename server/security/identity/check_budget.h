// SPDX-License-Identifier: Apache-2.0
//
// CheckBudget: how many signatures are checked in a second, in all and for each
//              address.
//
// Threads: one at a time.
// Bound:   it remembers 4096 addresses. An address that was forgotten begins
//          anew, and the budget in all still holds.
// Example: CheckBudget budget({.all = 1000, .per_address = 50}, clock.Now());
//          if (auto wait = budget.Take("10.0.0.1", now)) RetryAfter(*wait);
#ifndef PINION_SERVER_SECURITY_IDENTITY_CHECK_BUDGET_H_
#define PINION_SERVER_SECURITY_IDENTITY_CHECK_BUDGET_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "pinion/core/clock.h"
#include "pinion/server/security/identity/lru_map.h"

namespace pinion {

struct CheckRates {
  int64_t all;          // Checks in a second, and at once after a pause.
  int64_t per_address;  // The same for one address.
};

class CheckBudget {
 public:
  CheckBudget(const CheckRates& rates, Moment now)
      : rates_(rates), all_{now, static_cast<double>(rates.all)} {}

  // Takes one check for `address`, which is empty if it may be many clients:
  // then only the budget in all holds. If there is none left, takes nothing and
  // returns when there will be one.
  std::optional<std::chrono::nanoseconds> Take(absl::string_view address,
                                               Moment now);

 private:
  struct Bucket {
    Moment seen;
    double left;
  };
  static constexpr size_t kMaxAddresses = 4096;

  // Fills it up to now. Returns how long it takes until there is one.
  static std::optional<std::chrono::nanoseconds> Fill(Bucket& bucket,
                                                      int64_t rate, Moment now);

  const CheckRates rates_;
  Bucket all_;
  LruMap<Bucket> by_address_{kMaxAddresses};
};

// What counts as one client: an IPv4 address, or a 64-bit IPv6 network.
std::string BudgetAddress(absl::string_view address);

}  // namespace pinion

#endif  // PINION_SERVER_SECURITY_IDENTITY_CHECK_BUDGET_H_
