// SPDX-License-Identifier: Apache-2.0
//
// Ledger: one worker's part of bank.v1.LedgerService; see ledger.proto.
//
// Threads: its worker's alone, so it needs no lock. What it does to an account
//          of another worker it does there, by a hop.
// Money:   is taken from one account in one function and added to the other in
//          a later one, on that account's worker. A hop's function always runs,
//          also when the call has been answered meanwhile, so each amount that
//          was taken is added, or put back where it was: it is `on_its_way`
//          until one of these is done.
// Once:    a transfer is remembered by its id from before its money is taken
//          until some time after its end. A call with the same id is given the
//          same outcome; while there is none, it waits for it.
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
#include "server/call.h"
#include "server/examples/ledger/accounts.h"
#include "server/keyed/keyed.h"
#include "server/keyed/keyed_expiry.h"
#include "server/shard_info.h"
#include "server/stream.h"

namespace bank {

struct LedgerOptions {
  // For how long a transfer is remembered after its end.
  std::chrono::nanoseconds remember_for = std::chrono::minutes(10);

  // How many lines of each account are kept for statements.
  size_t lines_kept = 100;

  // How many bytes the accounts of one worker may take, and as many the
  // transfers that it remembers.
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
    std::optional<absl::Status> outcome = {};  // None: it is on its way.
    std::vector<TransferCall> waiting = {};    // For the outcome.
  };
  // For the byte bound, what one takes beside itself: `to` and the words of a
  // refusal, at most.
  friend size_t PinionOwnedBytes(const Moved&) { return 256; }

  // The way of a transfer, which begins and ends here, with a hop to the worker
  // of the other account.
  void SendOff(TransferCall call);
  void Return(TransferCall call, const absl::Status& added);
  void End(TransferCall call, const absl::Status& outcome);

  // Of another call for the same.
  void Repeat(Moved& moved, TransferCall call);

  void Answer(TransferCall call, const absl::Status& outcome);

  const LedgerOptions options_;
  Accounts accounts_;
  pinion::Keyed<Moved> moved_;  // By NameOf().
  pinion::KeyedExpiry<Moved> forget_;
};

}  // namespace bank

#endif  // PINION_SERVER_EXAMPLES_LEDGER_LEDGER_H_
