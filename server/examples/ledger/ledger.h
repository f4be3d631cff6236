// SPDX-License-Identifier: Apache-2.0
//
// Ledger: one worker's part of bank.v1.LedgerService; see ledger.proto.
//
// Threads: its worker only, so it needs no lock. It changes an account of
//          another worker there, through a hop.
// Money:   one function takes it from one account, and a later one adds it to
//          the other account, on that account's worker. A hop's function always
//          runs, even if the call was answered meanwhile, so each amount that
//          was taken is added, or put back. Until then it is `on_its_way`.
// Once:    the ledger remembers a transfer by its id, from before its money is
//          taken until some time after its end. A second call with the same id
//          gets the same outcome, and waits for it if necessary.
// Example: server.Host<Ledger>("bank.v1.LedgerService")
//              .On("Transfer", &Ledger::Transfer);  // ...: HostLedger().
#ifndef PINION_SERVER_EXAMPLES_LEDGER_LEDGER_H_
#define PINION_SERVER_EXAMPLES_LEDGER_LEDGER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bank/v1/ledger.pb.h"
#include "pinion/server/call.h"
#include "pinion/server/examples/ledger/accounts.h"
#include "pinion/server/keyed/keyed.h"
#include "pinion/server/keyed/keyed_expiry.h"
#include "pinion/server/shard_info.h"
#include "pinion/server/stream.h"

namespace bank {

struct LedgerOptions {
  // How long a transfer is remembered after its end.
  std::chrono::nanoseconds remember_for = std::chrono::minutes(10);

  // The lines of each account that are kept for statements.
  size_t lines_kept = 100;

  // The memory limit of the accounts of one worker, in bytes, and of the
  // transfers that it remembers, separately.
  int64_t max_bytes = int64_t{1} << 30;
};

class Ledger {
 public:
  using TransferCall = pinion::Call<v1::TransferRequest, v1::TransferResponse>;
  using LineStream = pinion::Stream<v1::StatementResponse>;

  explicit Ledger(const pinion::ShardInfo& info,
                  const LedgerOptions& options = {});

  absl::Status Deposit(const v1::DepositRequest& request,
                       v1::DepositResponse* response);
  absl::Status Balance(const v1::BalanceRequest& request,
                       v1::BalanceResponse* response);
  void Transfer(TransferCall call);
  void Statement(const v1::StatementRequest& request, LineStream stream);

 private:
  // What is remembered of a transfer from an account of this worker.
  struct Moved {
    std::string to;
    int64_t amount = 0;
    std::optional<absl::Status> outcome = {};  // None: on its way.
    std::vector<TransferCall> waiting = {};    // For the outcome.
  };
  // For the memory limit, what one takes besides itself: `to` and the text of a
  // refusal, at most.
  friend size_t PinionOwnedBytes(const Moved&) { return 256; }

  // The way of a transfer, which starts and ends here, with a hop to the worker
  // of the other account.
  void SendOff(TransferCall call);
  void Return(TransferCall call, const absl::Status& added);
  void End(TransferCall call, const absl::Status& outcome);

  // Handles another call for the same transfer.
  void Repeat(Moved& moved, TransferCall call);

  void Answer(TransferCall call, const absl::Status& outcome);

  const LedgerOptions options_;
  Accounts accounts_;
  pinion::Keyed<Moved> moved_;  // By NameOf().
  pinion::KeyedExpiry<Moved> forget_;
};

}  // namespace bank

#endif  // PINION_SERVER_EXAMPLES_LEDGER_LEDGER_H_
