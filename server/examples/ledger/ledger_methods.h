// SPDX-License-Identifier: Apache-2.0
//
// The methods of the ledger, for typed calls.
//
// Threads: constants; anyone.
// Example: client->Call(bank::kDeposit, request);
#ifndef PINION_SERVER_EXAMPLES_LEDGER_LEDGER_METHODS_H_
#define PINION_SERVER_EXAMPLES_LEDGER_LEDGER_METHODS_H_

#include "bank/v1/ledger.pb.h"
#include "pinion/client/method.h"

namespace bank {

inline constexpr pinion::Method<v1::DepositRequest, v1::DepositResponse>
    kDeposit("/bank.v1.LedgerService/Deposit");
inline constexpr pinion::Method<v1::BalanceRequest, v1::BalanceResponse>
    kBalance("/bank.v1.LedgerService/Balance");
inline constexpr pinion::Method<v1::TransferRequest, v1::TransferResponse>
    kTransfer("/bank.v1.LedgerService/Transfer");

}  // namespace bank

#endif  // PINION_SERVER_EXAMPLES_LEDGER_LEDGER_METHODS_H_
