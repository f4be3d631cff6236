// SPDX-License-Identifier: Apache-2.0
//
// The rules for requests to the ledger.
//
// Threads: plain functions; any thread.
// Errors:  INVALID_ARGUMENT, with the field, its value and what would be valid.
// Example: if (absl::Status valid = CheckDeposit(request); !valid.ok()) ...
#ifndef PINION_SERVER_EXAMPLES_LEDGER_CHECKS_H_
#define PINION_SERVER_EXAMPLES_LEDGER_CHECKS_H_

#include "absl/status/status.h"
#include "bank/v1/ledger.pb.h"

namespace bank {

absl::Status CheckDeposit(const v1::DepositRequest& request);
absl::Status CheckTransfer(const v1::TransferRequest& request);

}  // namespace bank

#endif  // PINION_SERVER_EXAMPLES_LEDGER_CHECKS_H_
