// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/security/identity/check_budget.h"

#include <arpa/inet.h>

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace pinion {

std::optional<std::chrono::nanoseconds> CheckBudget::Fill(Bucket& bucket,
                                                          int64_t rate,
                                                          Moment now) {
  const std::chrono::duration<double> passed = now - bucket.seen;
  const auto most = static_cast<double>(rate);
  if (passed.count() > 0) {
    bucket.left = std::min(most, bucket.left + passed.count() * most);
    bucket.seen = now;
  }
  if (bucket.left >= 1) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::duration<double>((1 - bucket.left) / most));
}

std::optional<std::chrono::nanoseconds> CheckBudget::Take(
    absl::string_view address, Moment now) {
  if (const auto wait = Fill(all_, rates_.all, now)) return wait;
  if (!address.empty()) {
    const std::string key = BudgetAddress(address);
    Bucket* bucket = by_address_.Find(key);
    if (bucket == nullptr) {
      bucket = &by_address_.Insert(
          key, {now, static_cast<double>(rates_.per_address)});
    }
    if (const auto wait = Fill(*bucket, rates_.per_address, now)) return wait;
    bucket->left -= 1;
  }
  all_.left -= 1;
  return std::nullopt;
}

std::string BudgetAddress(absl::string_view address) {
  std::string text(address);
  in6_addr six;
  if (inet_pton(AF_INET6, text.c_str(), &six) != 1) return text;
  // An IPv4 address within an IPv6 one is one client.
  if (IN6_IS_ADDR_V4MAPPED(&six)) return text;
  // No address of the other kind has a slash.
  return absl::StrCat(
      absl::string_view(reinterpret_cast<const char*>(six.s6_addr), 8), "/64");
}

}  // namespace pinion
