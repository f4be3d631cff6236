// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/examples/ledger/checks.h"

#include <cstdint>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "pinion/server/examples/ledger/limits.h"

namespace bank {
namespace {

absl::Status CheckLength(absl::string_view field, absl::string_view value) {
  if (!value.empty() && value.size() <= kLongestName) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      field, " has ", value.size(), " bytes; valid are 1 to ", kLongestName));
}

absl::Status CheckAccount(absl::string_view field, absl::string_view name) {
  if (absl::StrContains(name, '/')) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, " is ", name, "; valid are names without a /"));
  }
  return CheckLength(field, name);
}

absl::Status CheckAmount(int64_t amount) {
  if (amount >= 1 && amount <= kMax) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("amount is ", amount, "; valid are 1 to ", kMax));
}

}  // namespace

absl::Status CheckDeposit(const v1::DepositRequest& request) {
  absl::Status valid = CheckAccount("account", request.account());
  valid.Update(CheckAmount(request.amount()));
  return valid;
}

absl::Status CheckTransfer(const v1::TransferRequest& request) {
  absl::Status valid = CheckAccount("from", request.from());
  valid.Update(CheckAccount("to", request.to()));
  valid.Update(CheckAmount(request.amount()));
  valid.Update(CheckLength("id", request.id()));
  if (request.from() == request.to()) {
    valid.Update(absl::InvalidArgumentError(absl::StrCat(
        "from and to are both ", request.to(), "; valid are two accounts")));
  }
  return valid;
}

}  // namespace bank
