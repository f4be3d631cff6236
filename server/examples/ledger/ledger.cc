// SPDX-License-Identifier: Apache-2.0
#include "server/examples/ledger/ledger.h"

#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace bank {
namespace {

using pinion::Hop;
using pinion::KeyedOptions;
using pinion::ShardInfo;

KeyedOptions OptionsOf(const ShardInfo& info, const LedgerOptions& options) {
  return {.max_bytes = options.max_bytes,
          .key_seed = info.key_seed(),
          .clock = info.clock()};
}

// By what a transfer is remembered. An account's name has no '/'.
std::string NameOf(const v1::TransferRequest& request) {
  return absl::StrCat(request.from(), "/", request.id());
}

absl::Status NotFound(const std::string& account) {
  return absl::NotFoundError(absl::StrCat("there is no account ", account));
}

absl::Status TooMuch(const std::string& account, int64_t room) {
  return absl::FailedPreconditionError(
      absl::StrCat(account, " has room for ", room, " more"));
}

}  // namespace

Ledger::Ledger(const ShardInfo& info, const LedgerOptions& options)
    : options_(options),
      accounts_(OptionsOf(info, options)),
      moved_(OptionsOf(info, options)),
      forget_(info, moved_) {}

absl::Status Ledger::Deposit(const v1::DepositRequest& request,
                             v1::DepositResponse* response) {
  if (absl::Status valid = CheckDeposit(request); !valid.ok()) return valid;
  const auto entry = accounts_.FindOrCreate(request.account());
  if (!entry.ok()) return entry.status();
  Account& account = (*entry)->state;
  if (request.amount() > account.room()) {
    return TooMuch(request.account(), account.room());
  }
  account.balance += request.amount();
  response->set_balance(account.balance);
  return absl::OkStatus();
}

absl::Status Ledger::Balance(const v1::BalanceRequest& request,
                             v1::BalanceResponse* response) {
  const Account* account = Find(request.account());
  if (account == nullptr) return NotFound(request.account());
  response->set_balance(account->balance);
  response->set_on_its_way(account->on_its_way);
  return absl::OkStatus();
}

void Ledger::Transfer(TransferCall call) {
  const v1::TransferRequest& request = call.request();
  const absl::Status valid = CheckTransfer(request);
  if (!valid.ok()) return call.Finish(valid);
  // First, since it may fail for want of room.
  const auto entry = moved_.FindOrCreate(NameOf(request));
  if (!entry.ok()) return call.Finish(entry.status());
  Moved& moved = (*entry)->state;
  if (!moved.to.empty()) return Repeat(moved, std::move(call));
  moved.to = request.to();
  moved.amount = request.amount();
  const absl::Status taken = Take(request);
  if (!taken.ok()) return End(std::move(call), taken);
  SendOff(std::move(call));
}

absl::Status Ledger::Take(const v1::TransferRequest& request) {
  Account* from = Find(request.from());
  if (from == nullptr) return NotFound(request.from());
  if (request.amount() > from->balance) {
    return absl::FailedPreconditionError(absl::StrCat(
        request.from(), " has ", from->balance, " and not ", request.amount()));
  }
  from->balance -= request.amount();
  from->on_its_way += request.amount();
  return absl::OkStatus();
}

// There, and back. What has been answered meanwhile goes its way all the same.
void Ledger::SendOff(TransferCall call) {
  Hop hop = call.context().TakeHop();
  const std::string to = call.request().to();
  std::move(hop).PostToKey<Ledger>(
      to, [call = std::move(call)](Ledger& there, Hop hop) mutable {
        absl::Status added = there.Add(call.request());
        const std::string from = call.request().from();
        std::move(hop).PostToKey<Ledger>(
            from, [call = std::move(call), added](Ledger& home) mutable {
              home.Arrived(std::move(call), added);
            });
      });
}

absl::Status Ledger::Add(const v1::TransferRequest& request) {
  Account* to = Find(request.to());
  if (to == nullptr) return NotFound(request.to());
  if (request.amount() > to->room()) return TooMuch(request.to(), to->room());
  to->balance += request.amount();
  return absl::OkStatus();
}

void Ledger::Arrived(TransferCall call, const absl::Status& added) {
  const int64_t amount = call.request().amount();
  Account& from = *Find(call.request().from());
  from.on_its_way -= amount;
  if (!added.ok()) from.balance += amount;
  End(std::move(call), added);
}

void Ledger::End(TransferCall call, const absl::Status& outcome) {
  auto& entry = *moved_.Find(NameOf(call.request()));
  entry.state.outcome = outcome;
  moved_.ExpireAfter(entry, options_.remember_for);
  std::vector<TransferCall> waiting = std::move(entry.state.waiting);
  Answer(std::move(call), outcome);
  for (TransferCall& other : waiting) Answer(std::move(other), outcome);
}

void Ledger::Repeat(Moved& moved, TransferCall call) {
  const v1::TransferRequest& request = call.request();
  if (request.to() != moved.to || request.amount() != moved.amount) {
    return call.Finish(absl::AlreadyExistsError(
        absl::StrCat("the transfer ", request.id(), " is of ", moved.amount,
                     " to ", moved.to)));
  }
  if (!moved.outcome.has_value()) {
    return moved.waiting.push_back(std::move(call));
  }
  Answer(std::move(call), *moved.outcome);
}

void Ledger::Answer(TransferCall call, const absl::Status& outcome) {
  if (outcome.ok()) {
    call.response()->set_balance(Find(call.request().from())->balance);
  }
  call.Finish(outcome);
}

Ledger::Account* Ledger::Find(const std::string& name) {
  auto* entry = accounts_.Find(name);
  return entry == nullptr ? nullptr : &entry->state;
}

}  // namespace bank
