// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/examples/ledger/ledger.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "pinion/server/examples/ledger/checks.h"

namespace bank {
namespace {

using pinion::Hop;
using pinion::KeyedOptions;
using pinion::ShardInfo;

KeyedOptions OptionsOf(const ShardInfo& info, const LedgerOptions& options) {
  return {.max_bytes = options.max_bytes,
          .max_bytes_name = "--max_bytes",
          .key_seed = info.key_seed(),
          .clock = info.clock(),
          .tallies = &info.keyed_tallies()};
}

// By what a transfer is remembered. An account's name has no '/'.
std::string NameOf(const v1::TransferRequest& request) {
  return absl::StrCat(request.from(), "/", request.id());
}

}  // namespace

Ledger::Ledger(const ShardInfo& info, const LedgerOptions& options)
    : options_(options),
      accounts_(info, OptionsOf(info, options), options.lines_kept),
      moved_(OptionsOf(info, options)),
      forget_(info, moved_) {}

absl::Status Ledger::Deposit(const v1::DepositRequest& request,
                             v1::DepositResponse* response) {
  absl::Status status = CheckDeposit(request);
  if (status.ok()) status = accounts_.Deposit(request);
  if (!status.ok()) return status;
  response->set_balance(accounts_.Find(request.account())->balance);
  return absl::OkStatus();
}

absl::Status Ledger::Balance(const v1::BalanceRequest& request,
                             v1::BalanceResponse* response) {
  const Account* account = accounts_.Find(request.account());
  if (account == nullptr) return NoAccount(request.account());
  response->set_balance(account->balance);
  response->set_on_its_way(account->on_its_way);
  return absl::OkStatus();
}

void Ledger::Statement(const v1::StatementRequest& request, LineStream stream) {
  accounts_.Tell(request, std::move(stream));
}

void Ledger::Transfer(TransferCall call) {
  const v1::TransferRequest& request = call.request();
  const absl::Status valid = CheckTransfer(request);
  if (!valid.ok()) return call.Finish(valid);
  const std::string name = NameOf(request);
  if (auto* known = moved_.Find(name)) {
    return Repeat(known->state, std::move(call));
  }
  // Before all else, since there may be no room for it.
  const auto made =
      moved_.Create(name, {.to = request.to(), .amount = request.amount()});
  if (!made.ok()) return call.Finish(made.status());
  const absl::Status taken = accounts_.Take(request);
  taken.ok() ? SendOff(std::move(call)) : End(std::move(call), taken);
}

// There and back, also if the call is answered meanwhile.
void Ledger::SendOff(TransferCall call) {
  const v1::TransferRequest& request = call.request();
  call.context().TakeHop().PostToKey<Ledger>(
      request.to(),
      [call = std::move(call), &request](Ledger& there, Hop hop) mutable {
        absl::Status added = there.accounts_.Add(request);
        std::move(hop).PostToKey<Ledger>(
            request.from(),
            [call = std::move(call), added](Ledger& home) mutable {
              home.Return(std::move(call), added);
            });
      });
}

void Ledger::Return(TransferCall call, const absl::Status& added) {
  added.ok() ? accounts_.SetArrived(call.request())
             : accounts_.PutBack(call.request());
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
  if (moved.outcome.has_value()) {
    Answer(std::move(call), *moved.outcome);
  } else {
    moved.waiting.push_back(std::move(call));
  }
}

void Ledger::Answer(TransferCall call, const absl::Status& outcome) {
  if (outcome.ok()) {
    const Account& from = *accounts_.Find(call.request().from());
    call.response()->set_balance(from.balance);
  }
  call.Finish(outcome);
}

}  // namespace bank
