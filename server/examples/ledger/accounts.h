// SPDX-License-Identifier: Apache-2.0
//
// Accounts: the accounts of one worker, and the followers of their statements.
//
// Threads: the worker's only.
// Money:   nothing here changes the total amount, except deposits. The amount
//          that a transfer takes is `on_its_way` until the worker learns where
//          it arrived.
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
#include "pinion/server/examples/ledger/limits.h"
#include "pinion/server/followers.h"
#include "pinion/server/keyed/keyed.h"
#include "pinion/server/shard_info.h"
#include "pinion/server/stream.h"

namespace bank {

struct Account {
  int64_t balance = 0;
  int64_t on_its_way = 0;
  uint64_t last_line = 0;
  std::deque<v1::Line> lines;

  // How much may be added. The amount on its way counts, since it may come
  // back.
  int64_t room() const { return kMax - balance - on_its_way; }
};

// For the memory limit: what an account takes besides itself.
inline size_t PinionOwnedBytes(const Account& account) {
  return account.lines.size() * kMaxBytesOfALine;
}

class Accounts {
 public:
  using LineStream = pinion::Stream<v1::StatementResponse>;

  // Each account keeps its last `lines_kept` lines.
  Accounts(const pinion::ShardInfo& info, const pinion::KeyedOptions& options,
           size_t lines_kept)
      : lines_kept_(lines_kept),
        most_bytes_(static_cast<size_t>(info.max_response_bytes())),
        accounts_(options),
        followers_(info) {}

  // The account of that name, or null.
  const Account* Find(const std::string& name);

  // Opens the account if it does not exist. RESOURCE_EXHAUSTED if there is no
  // room for it, FAILED_PRECONDITION if it cannot hold so much.
  absl::Status Deposit(const v1::DepositRequest& deposit);

  // Takes from `from`. FAILED_PRECONDITION if that account has less.
  absl::Status Take(const v1::TransferRequest& transfer);
  // Adds to `to`. FAILED_PRECONDITION if that account cannot hold so much.
  absl::Status Add(const v1::TransferRequest& transfer);
  // The amount taken was added elsewhere; or it returns to its account. Both
  // always succeed.
  void SetArrived(const v1::TransferRequest& transfer);
  void PutBack(const v1::TransferRequest& transfer);

  // Sends the lines and, if the request asks for them, later ones.
  void Tell(const v1::StatementRequest& request, LineStream stream);

 private:
  using Entry = pinion::Keyed<Account>::Entry;

  // Records a line with the `amount` just added, or, if negative, taken.
  void Book(Entry& entry, int64_t amount, const std::string& other = {},
            const std::string& transfer = {});

  void TellFollowers(const Entry& entry, const v1::Line& line);

  const size_t lines_kept_;
  const size_t most_bytes_;          // Of a message.
  pinion::Keyed<Account> accounts_;  // No entry is ever removed.
  // The followers of an account get each new line of it. A slow follower ends,
  // and has got all lines before that; it can continue after the last one.
  pinion::Followers<v1::StatementResponse> followers_;
};

// NOT_FOUND for an account of that name.
absl::Status NoAccount(const std::string& name);

}  // namespace bank

#endif  // PINION_SERVER_EXAMPLES_LEDGER_ACCOUNTS_H_
