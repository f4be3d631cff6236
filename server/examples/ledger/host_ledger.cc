// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/examples/ledger/host_ledger.h"

#include <memory>

namespace bank {

void HostLedger(pinion::Server& server, const LedgerOptions& options) {
  server
      .Host<Ledger>("bank.v1.LedgerService",
                    [options](const pinion::ShardInfo& info) {
                      return std::make_unique<Ledger>(info, options);
                    })
      .On("Deposit", &Ledger::Deposit)
      .On("Balance", &Ledger::Balance)
      .On("Transfer", &Ledger::Transfer)
      .On("Statement", &Ledger::Statement);
}

}  // namespace bank
