// SPDX-License-Identifier: Apache-2.0
//
// Credit: the limits of one place on calls and on their bytes, and what it
//         holds now.
//
// Threads: any thread.
// Share:   a party may hold at most about as much of it as it leaves free. So
//          one party alone gets half, two get a third each, and a new party
//          finds room beside any number of greedy ones. (The rule of dynamic
//          thresholds, by Choudhury and Hahne, for shared buffers.)
// Example: switch (credit.Reserve(1, bytes, &party)) {
//            case Credit::Grant::kGranted: ...      // and, once, in the end:
//          credit.Return(1, bytes, &party);
#ifndef PINION_SERVER_INTERNAL_CREDIT_H_
#define PINION_SERVER_INTERNAL_CREDIT_H_

#include <atomic>
#include <cstdint>

#include "pinion/server/internal/holding.h"

namespace pinion {

// One word holds both numbers, so that both limits are exact together. Shares
// are as exact as two words can be: threads that reserve at the same moment for
// the same party may each take the last of its share.
class Credit {
 public:
  static constexpr int64_t kMaxCalls = (int64_t{1} << 24) - 1;
  static constexpr int64_t kMaxBytes = (int64_t{1} << 39) - 1;  // 512 GiB.

  enum class Grant {
    kGranted,
    kTooManyCalls,
    kTooManyBytes,
    kShareOfCalls,  // There is room, but the party's share is used up.
    kShareOfBytes,
  };

  // At most `max_calls`, 1 to kMaxCalls, with `max_bytes`, 1 to kMaxBytes, in
  // all.
  Credit(int64_t max_calls, int64_t max_bytes)
      : max_calls_(max_calls), max_bytes_(max_bytes) {}
  Credit(const Credit&) = delete;
  Credit& operator=(const Credit&) = delete;

  // Reserves places for `calls` calls with `bytes` bytes in all, or nothing.
  // Counts them for `party`, too, if it is not null.
  Grant Reserve(int64_t calls, int64_t bytes, Holding* party = nullptr) {
    const Holding::Held party_held =
        party != nullptr ? party->Look() : Holding::Held(0);
    Holding::Held held = held_.Look();
    do {
      const Grant grant = Judge(held, calls, bytes, party_held, party);
      if (grant != Grant::kGranted) return grant;
    } while (!held_.AddIf(held, calls, bytes));
    Raise(most_calls_, held.calls() + calls);
    Raise(most_bytes_, held.bytes() + bytes);
    if (party != nullptr) party->Add(calls, bytes);
    return Grant::kGranted;
  }

  // What Reserve() would tell a party that holds nothing. Reserves nothing.
  Grant Foretell(int64_t calls, int64_t bytes) const {
    return Judge(held_.Look(), calls, bytes, Holding::Held(0), nullptr);
  }

  // Changes the limits, within the constructor's. If more is held than a lower
  // one allows, that stays so, and nothing is granted until enough was
  // returned.
  void SetMax(int64_t max_calls, int64_t max_bytes) {
    max_calls_.store(max_calls, std::memory_order_relaxed);
    max_bytes_.store(max_bytes, std::memory_order_relaxed);
  }

  // Reserves bytes beyond a party's share, if there is room.
  bool ReserveBeyondShare(int64_t bytes, Holding* party) {
    if (Reserve(0, bytes) != Grant::kGranted) return false;
    if (party != nullptr) party->Add(0, bytes);
    return true;
  }

  // Counts bytes for `party` that are already reserved, for others as well.
  // kShareOfBytes, without counting them, if they exceed its share.
  Grant ReserveInShare(int64_t bytes, Holding& party) {
    const int64_t free_bytes = max_bytes() - held_.Look().bytes();
    if (party.Look().bytes() + bytes > free_bytes) return Grant::kShareOfBytes;
    party.Add(0, bytes);
    return Grant::kGranted;
  }

  // Counts one more call, beyond the limit if necessary; it then keeps others
  // out. Use it for at most as many calls at a time as were reserved, and only
  // if max_calls() is at most half of kMaxCalls.
  void ChargeCall() { held_.Add(1, 0); }

  // Releases what was reserved or charged.
  void Return(int64_t calls, int64_t bytes, Holding* party = nullptr) {
    held_.Remove(calls, bytes);
    if (party != nullptr) party->Remove(calls, bytes);
  }

  // What is held, a moment ago.
  int64_t calls() const { return held_.Look().calls(); }
  int64_t bytes() const { return held_.Look().bytes(); }

  // The most that was held at a time, reserved by Reserve().
  int64_t most_calls() const {
    return most_calls_.load(std::memory_order_relaxed);
  }
  int64_t most_bytes() const {
    return most_bytes_.load(std::memory_order_relaxed);
  }

  int64_t max_calls() const {
    return max_calls_.load(std::memory_order_relaxed);
  }
  int64_t max_bytes() const {
    return max_bytes_.load(std::memory_order_relaxed);
  }

 private:
  static void Raise(std::atomic<int64_t>& most, int64_t value) {
    int64_t before = most.load(std::memory_order_relaxed);
    while (before < value && !most.compare_exchange_weak(
                                 before, value, std::memory_order_relaxed)) {
    }
  }

  Grant Judge(const Holding::Held& held, int64_t calls, int64_t bytes,
              const Holding::Held& party_held, const Holding* party) const {
    const int64_t free_calls = max_calls() - held.calls();
    const int64_t free_bytes = max_bytes() - held.bytes();
    if (calls > free_calls) return Grant::kTooManyCalls;
    if (bytes > free_bytes) return Grant::kTooManyBytes;
    if (party == nullptr) return Grant::kGranted;
    // The last of them may enter if the party, without it, holds at most as
    // many as are free.
    if (calls > 0 && party_held.calls() + calls - 1 > free_calls - calls + 1) {
      return Grant::kShareOfCalls;
    }
    // Bytes come in pieces of any size, so what is free afterwards counts: the
    // last piece must leave something. If nobody holds any bytes, this keeps
    // nobody out.
    if (bytes > 0 && held.bytes() > 0 &&
        party_held.bytes() + bytes > free_bytes - bytes) {
      return Grant::kShareOfBytes;
    }
    return Grant::kGranted;
  }

  // Shared. The peaks lie beside what the same threads write, and are seldom
  // written.
  Holding held_;
  std::atomic<int64_t> most_calls_{0};
  std::atomic<int64_t> most_bytes_{0};
  // Read by each who reserves, seldom written. Relaxed: each is a limit of its
  // own.
  std::atomic<int64_t> max_calls_;
  std::atomic<int64_t> max_bytes_;
};

}  // namespace pinion

#endif  // PINION_SERVER_INTERNAL_CREDIT_H_
