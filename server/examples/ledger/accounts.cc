// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/examples/ledger/accounts.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace bank {
namespace {

absl::Status TooMuch(const std::string& name, int64_t room) {
  return absl::FailedPreconditionError(
      absl::StrCat(name, " has room for ", room, " more"));
}

// The lines that are kept after the one of that number, in messages of at most
// `most_bytes`.
absl::Status SendLines(const Account& account, uint64_t after,
                       size_t most_bytes, Accounts::LineStream& stream) {
  v1::StatementResponse response;
  size_t bytes = 0;
  for (const v1::Line& line : account.lines) {
    if (line.number() <= after) continue;
    const size_t more = line.ByteSizeLong() + kMaxBytesBesideALine;
    const bool full =
        response.lines_size() == kMaxLinesAtOnce || bytes + more > most_bytes;
    if (full && response.lines_size() > 0) {
      absl::Status sent = stream.Send(response);
      if (!sent.ok()) return sent;
      response.Clear();
      bytes = 0;
    }
    *response.add_lines() = line;
    bytes += more;
  }
  return response.lines_size() > 0 ? stream.Send(response) : absl::OkStatus();
}

}  // namespace

absl::Status NoAccount(const std::string& name) {
  return absl::NotFoundError(absl::StrCat("there is no account ", name));
}

const Account* Accounts::Find(const std::string& name) {
  const Entry* entry = accounts_.Find(name);
  return entry == nullptr ? nullptr : &entry->state;
}

absl::Status Accounts::Deposit(const v1::DepositRequest& deposit) {
  const auto entry = accounts_.FindOrCreate(deposit.account());
  if (!entry.ok()) return entry.status();
  Account& account = (*entry)->state;
  if (deposit.amount() > account.room()) {
    return TooMuch(deposit.account(), account.room());
  }
  account.balance += deposit.amount();
  Book(**entry, deposit.amount());
  return absl::OkStatus();
}

absl::Status Accounts::Take(const v1::TransferRequest& transfer) {
  Entry* from = accounts_.Find(transfer.from());
  if (from == nullptr) return NoAccount(transfer.from());
  Account& account = from->state;
  if (transfer.amount() > account.balance) {
    return absl::FailedPreconditionError(
        absl::StrCat(transfer.from(), " has ", account.balance, " and not ",
                     transfer.amount()));
  }
  account.balance -= transfer.amount();
  account.on_its_way += transfer.amount();
  return absl::OkStatus();
}

absl::Status Accounts::Add(const v1::TransferRequest& transfer) {
  Entry* to = accounts_.Find(transfer.to());
  if (to == nullptr) return NoAccount(transfer.to());
  Account& account = to->state;
  if (transfer.amount() > account.room()) {
    return TooMuch(transfer.to(), account.room());
  }
  account.balance += transfer.amount();
  Book(*to, transfer.amount(), transfer.from(), transfer.id());
  return absl::OkStatus();
}

void Accounts::SetArrived(const v1::TransferRequest& transfer) {
  Entry& from = *accounts_.Find(transfer.from());
  from.state.on_its_way -= transfer.amount();
  Book(from, -transfer.amount(), transfer.to(), transfer.id());
}

void Accounts::PutBack(const v1::TransferRequest& transfer) {
  Account& account = accounts_.Find(transfer.from())->state;
  account.on_its_way -= transfer.amount();
  account.balance += transfer.amount();
}

void Accounts::Book(Entry& entry, int64_t amount, const std::string& other,
                    const std::string& transfer) {
  Account& account = entry.state;
  v1::Line& line = account.lines.emplace_back();
  line.set_number(++account.last_line);
  line.set_amount(amount);
  line.set_balance(account.balance + account.on_its_way);
  line.set_other(other);
  line.set_transfer(transfer);
  TellFollowers(entry, line);
  if (account.lines.size() > lines_kept_) account.lines.pop_front();
  // If there is too little room, none is opened until there is more; but what
  // has been done is not undone for the sake of its line.
  accounts_.Recount(entry).IgnoreError();
}

void Accounts::TellFollowers(const Entry& entry, const v1::Line& line) {
  v1::StatementResponse response;
  *response.add_lines() = line;
  followers_.Publish(entry.key().bytes(), response);
}

void Accounts::Tell(const v1::StatementRequest& request, LineStream stream) {
  const Account* account = Find(request.account());
  if (account == nullptr) return stream.Finish(NoAccount(request.account()));
  absl::Status sent = SendLines(*account, request.after(), most_bytes_, stream);
  if (!sent.ok() || !request.follow()) return stream.Finish(std::move(sent));
  followers_.Add(request.account(), std::move(stream));
}

}  // namespace bank
