// SPDX-License-Identifier: Apache-2.0
//
// HostLedger: puts bank.v1.LedgerService on a server.
//
// Threads: before the server starts, on the thread that builds it.
// Example: pinion::Server server({}); bank::HostLedger(server, {});
#ifndef PINION_SERVER_EXAMPLES_LEDGER_HOST_LEDGER_H_
#define PINION_SERVER_EXAMPLES_LEDGER_HOST_LEDGER_H_

#include "server/examples/ledger/ledger.h"
#include "server/server.h"

namespace bank {

void HostLedger(pinion::Server& server, const LedgerOptions& options);

}  // namespace bank

#endif  // PINION_SERVER_EXAMPLES_LEDGER_HOST_LEDGER_H_
