// SPDX-License-Identifier: Apache-2.0
//
// Accounts: the accounts of one worker, and what is to be told of them.
//
// Threads: the worker's alone.
// Money:   is never more nor less by what is done here, but for deposits.
//          What a transfer takes is `on_its_way` until it is told where it
//          came to.
// Example: absl::Status taken = accounts.Take(transfer);  // On one worker.
//          absl::Status added = accounts.Add(transfer);   // On another.
//          added.ok() ? accounts.SetArrived(transfer)     // On the first.
//                     : accounts.PutBack(transfer);
#ifndef PINION_SERVER_EXAMPLES_LEDGER_ACCOUNTS_H_
#define PINION_SERVER_EXAMPLES_LEDGER_ACCOUNTS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "absl/status/status.h"
#include "bank/v1/ledger.pb.h"
#include "server/examples/ledger/followers.h"
#include "server/examples/ledger/limits.h"
#include "server/keyed/keyed.h"

namespace bank {

struct Account {
  int64_t balance = 0;
  int64_t on_its_way = 0;
  uint64_t last_line = 0;
  std::deque<v1::Line> lines;

  // What may be added. What is on its way counts, since it may come back.
  int64_t room() const { return kMost - balance - on_its_way; }
};

// For the byte bound: what an account takes beside itself.
inline size_t PinionOwnedBytes(const Account& account) {
  return account.lines.size() * kMostBytesOfALine;
}

class Accounts {
 public:
  // Each keeps its last `lines_kept` lines.
  Accounts(const pinion::KeyedOptions& options, size_t lines_kept)
      : lines_kept_(lines_kept), accounts_(options) {}

  // The account of that name, or null.
  const Account* Find(const std::string& name);

  // Opens the account if it is not there. RESOURCE_EXHAUSTED if there is no
  // room for it, FAILED_PRECONDITION if it cannot hold so much.
  absl::Status Deposit(const v1::DepositRequest& deposit);

  // Takes from `from`: FAILED_PRECONDITION if that has less.
  absl::Status Take(const v1::TransferRequest& transfer);
  // Adds to `to`: FAILED_PRECONDITION if that cannot hold so much.
  absl::Status Add(const v1::TransferRequest& transfer);
  // What was taken was added; or has to be where it was. These always can be.
  void SetArrived(const v1::TransferRequest& transfer);
  void PutBack(const v1::TransferRequest& transfer);

  // Sends the lines, and if so asked those that come.
  void Tell(const v1::StatementRequest& request, Followers::LineStream stream);

 private:
  using Entry = pinion::Keyed<Account>::Entry;

  // A line of `amount` that was added just now, or less than nothing: taken.
  void Book(Entry& entry, int64_t amount, const std::string& other = {},
            const std::string& transfer = {});

  const size_t lines_kept_;
  pinion::Keyed<Account> accounts_;  // None is ever let go.
  Followers followers_;
};

// NOT_FOUND for an account of that name.
absl::Status NoAccount(const std::string& name);

}  // namespace bank

#endif  // PINION_SERVER_EXAMPLES_LEDGER_ACCOUNTS_H_
