// SPDX-License-Identifier: Apache-2.0
//
// PartyLimits: how much one party, which is a principal or an address, may ask
//              of a server: calls and bytes in a second, and open connections,
//              sessions and streams.
//
// Threads: any thread. A reload changes the limits for what comes from then on.
// Memory:  at most kMaxParties of each kind have buckets of their own. Those in
//          which nothing is missing and that have nothing open are forgotten
//          when another needs the place; if there is none, the others of the
//          kind share one bucket until there is. So strangers at many addresses
//          take no place from principals.
// Example: const auto party = limits.Of("x509:spiffe://shop/cart", "10.0.0.1");
//          if (limits.TakeCalls(*party, 1) == 0) Refuse(limits.UntilCall(...));
#ifndef PINION_SERVER_PARTY_PARTY_LIMITS_H_
#define PINION_SERVER_PARTY_PARTY_LIMITS_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "pinion/core/base/mutex.h"
#include "pinion/core/clock.h"
#include "pinion/proto/wire/process_hash.h"
#include "pinion/server/party/token_bucket.h"
#include "pinion/server/policy_options.h"
#include "pinion/server/policy_snapshot.h"

namespace pinion {

// What one party has taken, and has open.
class LimitedParty {
 public:
  // What it may have a limited number of.
  enum What { kConnections, kSessions, kStreams, kWhats };

  explicit LimitedParty(Moment now) : calls_(now), bytes_(now) {}

 private:
  friend class PartyLimits;
  friend class OpenOfParty;

  bool AtRest(Moment now) const;

  TokenBucket calls_;
  TokenBucket bytes_;
  // Relaxed: the numbers are all there is.
  std::atomic<int64_t> open_[kWhats] = {};
};

// One connection, session or stream that a party has open, until this is
// destroyed. Empty: it does not count.
class OpenOfParty {
 public:
  OpenOfParty() = default;
  ~OpenOfParty() { Close(); }
  OpenOfParty(OpenOfParty&& other) noexcept { *this = std::move(other); }
  OpenOfParty& operator=(OpenOfParty&& other) noexcept {
    std::swap(party_, other.party_);
    std::swap(what_, other.what_);
    return *this;
  }

  void Close() {
    if (party_ == nullptr) return;
    party_->open_[what_].fetch_sub(1, std::memory_order_relaxed);
    party_ = nullptr;
  }

 private:
  friend class PartyLimits;
  OpenOfParty(std::shared_ptr<LimitedParty> party, LimitedParty::What what)
      : party_(std::move(party)), what_(what) {}

  std::shared_ptr<LimitedParty> party_;
  LimitedParty::What what_ = LimitedParty::kConnections;
};

class PartyLimits {
 public:
  // Of each kind: principals, and addresses. Some 100 bytes each.
  static constexpr size_t kMaxParties = 65536;

  explicit PartyLimits(const Clock& clock,
                       const PartyLimitOptions& limits = {});
  ~PartyLimits();
  PartyLimits(const PartyLimits&) = delete;
  PartyLimits& operator=(const PartyLimits&) = delete;

  // From now on.
  void Set(const PartyLimitOptions& limits);

  // Whether there is any limit now.
  bool any() const { return any_.load(std::memory_order_relaxed); }

  // The party of a client: by its principal or, if that is empty, by its IP
  // address. Null if there is no limit now, or if both are empty, so that the
  // client cannot be told from others.
  std::shared_ptr<LimitedParty> Of(absl::string_view principal,
                                   absl::string_view address);

  // Takes as many of `calls` calls as the party may begin now; returns how
  // many. And takes the `bytes` of their requests if the party may send any
  // now; returns whether it may.
  int64_t TakeCalls(LimitedParty& party, int64_t calls);
  bool TakeBytes(LimitedParty& party, int64_t bytes);
  // After a refusal: when the next one may come.
  std::chrono::nanoseconds UntilCall(const LimitedParty& party) const;
  std::chrono::nanoseconds UntilBytes(const LimitedParty& party) const;

  // One more of `what`; none: the party has as many open as it may.
  std::optional<OpenOfParty> Open(const std::shared_ptr<LimitedParty>& party,
                                  LimitedParty::What what);

  // The limit now; 0: none.
  int64_t most(LimitedParty::What what) const {
    return most_[what].load(std::memory_order_relaxed);
  }
  int64_t calls_per_second() const {
    return calls_per_second_.load(std::memory_order_relaxed);
  }
  int64_t bytes_per_second() const {
    return bytes_per_second_.load(std::memory_order_relaxed);
  }

  PartyLimitsSnapshot Snapshot() const;

 private:
  class Table;

  TokenBucket::Rate CallRate() const;
  TokenBucket::Rate ByteRate() const;

  const Clock clock_;
  // Relaxed, all of them: they guard no other data.
  std::atomic<bool> any_{false};
  std::atomic<int64_t> calls_per_second_{0};
  std::atomic<int64_t> call_burst_{0};
  std::atomic<int64_t> bytes_per_second_{0};
  std::atomic<int64_t> most_[LimitedParty::kWhats] = {};
  std::atomic<uint64_t> refused_calls_{0};
  std::atomic<uint64_t> refused_bytes_{0};
  std::atomic<uint64_t> refused_[LimitedParty::kWhats] = {};
  const std::unique_ptr<Table> principals_;
  const std::unique_ptr<Table> addresses_;
};

// What an address counts as: an IPv4 address as it is, an IPv6 one as its /64
// network. Empty if it is none.
std::string NetworkOf(absl::string_view address);

}  // namespace pinion

#endif  // PINION_SERVER_PARTY_PARTY_LIMITS_H_
