// SPDX-License-Identifier: Apache-2.0
//
// HostLedger: adds bank.v1.LedgerService to a server.
//
// Threads: the thread that builds the server, before the server starts.
// Example: pinion::Server server({}); bank::HostLedger(server, {});
#ifndef PINION_SERVER_EXAMPLES_LEDGER_HOST_LEDGER_H_
#define PINION_SERVER_EXAMPLES_LEDGER_HOST_LEDGER_H_

#include "pinion/server/examples/ledger/ledger.h"
#include "pinion/server/server.h"

namespace bank {

void HostLedger(pinion::Server& server, const LedgerOptions& options);

}  // namespace bank

#endif  // PINION_SERVER_EXAMPLES_LEDGER_HOST_LEDGER_H_
