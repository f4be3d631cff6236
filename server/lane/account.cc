// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/lane/account.h"

#include <algorithm>

namespace pinion {
namespace {

// How often the counts are read until no answer came meanwhile.
constexpr int kMaxLooks = 100;

}  // namespace

Account::Account(int workers, int methods)
    : workers_(workers),
      methods_(methods),
      tallies_(static_cast<size_t>(workers + 1) * methods * kCells) {}

size_t Account::Revoked(RevokeReason reason, Fate::Was was) {
  const auto index = static_cast<size_t>(reason) - 1;
  return kRevoked + kStates * index + static_cast<size_t>(was);
}

void Account::CountError(int worker, int method, absl::StatusCode code) {
  auto index = static_cast<size_t>(code);
  if (index == 0 || index >= CallCounts::kCodes) {
    index = static_cast<size_t>(absl::StatusCode::kUnknown);
  }
  tallies_.Add(Cell(worker, method) + kErrors + index, 1);
}

void Account::CountRevoked(int worker, int method, RevokeReason reason,
                           Fate::Was was) {
  tallies_.Add(Cell(worker, method) + Revoked(reason, was), 1);
}

void Account::CountRefused(int worker, int method, v1::Reason reason) {
  tallies_.Add(Cell(worker, method) + kRefused + reason, 1);
}

CallCounts Account::OfWorker(int worker) const {
  std::vector<size_t> cells;
  for (int i = 0; i < methods_; ++i) cells.push_back(Cell(worker, i));
  return Read(cells);
}

CallCounts Account::OfMethod(int method) const {
  std::vector<size_t> cells;
  for (int i = -1; i < workers_; ++i) cells.push_back(Cell(i, method));
  return Read(cells);
}

CallCounts Account::Read(const std::vector<size_t>& cells) const {
  CallCounts counts = ReadOnce(cells);
  for (int look = 1; look < kMaxLooks; ++look) {
    // With no answer in between, what was accepted at the first look is of one
    // moment with them.
    const CallCounts again = ReadOnce(cells);
    if (again.answered() == counts.answered()) break;
    counts = again;
  }
  return counts;
}

CallCounts Account::ReadOnce(const std::vector<size_t>& cells) const {
  const auto sum = [&](size_t offset) {
    uint64_t total = 0;
    for (const size_t cell : cells) total += tallies_.Sum(cell + offset);
    return total;
  };
  const auto of = [&](Event event) { return sum(static_cast<size_t>(event)); };
  const auto revoked = [&](RevokeReason reason, Fate::Was was) {
    return sum(Revoked(reason, was));
  };
  // What comes last in a call's life is read first; see Order above.
  CallCounts counts;
  const uint64_t late_ends = of(Event::kLateEnd);
  counts.ok = of(Event::kOk);
  for (size_t code = 1; code < CallCounts::kCodes; ++code) {
    counts.error_codes[code] = sum(kErrors + code);
    counts.error += counts.error_codes[code];
  }
  uint64_t taken_held = 0;
  const auto revoked_begun = [&](RevokeReason reason) {
    const uint64_t held = revoked(reason, Fate::Was::kHeld);
    taken_held += held;
    return held + revoked(reason, Fate::Was::kRunning);
  };
  // A token's time is over, too.
  counts.expired_tokens = revoked_begun(RevokeReason::kUnauthenticated);
  counts.expired_running =
      revoked_begun(RevokeReason::kExpired) + counts.expired_tokens;
  counts.cancelled_running = revoked_begun(RevokeReason::kCancelled);
  // What a policy does not allow any more, the server has stopped.
  counts.stopped_by_policy = revoked_begun(RevokeReason::kNotAllowed);
  counts.stopped_running =
      revoked_begun(RevokeReason::kStopped) + counts.stopped_by_policy;
  const uint64_t token_over =
      revoked(RevokeReason::kUnauthenticated, Fate::Was::kWaiting);
  counts.expired_tokens += token_over;
  counts.expired = counts.expired_running +
                   revoked(RevokeReason::kExpired, Fate::Was::kWaiting) +
                   token_over;
  counts.cancelled = counts.cancelled_running +
                     revoked(RevokeReason::kCancelled, Fate::Was::kWaiting);
  const uint64_t not_allowed =
      revoked(RevokeReason::kNotAllowed, Fate::Was::kWaiting);
  counts.stopped_by_policy += not_allowed;
  counts.stopped = counts.stopped_running +
                   revoked(RevokeReason::kStopped, Fate::Was::kWaiting) +
                   not_allowed;
  const uint64_t claimed = of(Event::kClaimed);
  counts.accepted = of(Event::kAccepted);

  const uint64_t begun = counts.expired_running + counts.cancelled_running +
                         counts.stopped_running;
  const uint64_t taken_running = begun - taken_held;
  const uint64_t open = counts.accepted - counts.answered();
  const uint64_t ended = counts.ok + counts.error + begun;
  counts.running = std::min(claimed - std::min(claimed, ended), open);
  counts.waiting = open - counts.running;
  counts.abandoned = taken_running - std::min(late_ends, taken_running);
  for (size_t reason = 0; reason < counts.refused.size(); ++reason) {
    counts.refused[reason] = sum(kRefused + reason);
  }
  return counts;
}

}  // namespace pinion
