// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/party/party_limits.h"

#include <arpa/inet.h>

#include <algorithm>
#include <iterator>

namespace pinion {

bool LimitedParty::AtRest(Moment now) const {
  return calls_.IsFull(now) && bytes_.IsFull(now) &&
         std::all_of(std::begin(open_), std::end(open_),
                     [](const std::atomic<int64_t>& open) {
                       return open.load(std::memory_order_relaxed) == 0;
                     });
}

// The parties of one kind, by name.
class PartyLimits::Table {
 public:
  explicit Table(Moment now)
      : looked_(now), others_(std::make_shared<LimitedParty>(now)) {}

  std::shared_ptr<LimitedParty> Of(absl::string_view name, Moment now) {
    MutexLock lock(mutex_);
    const auto found = parties_.find(name);
    if (found != parties_.end()) return found->second;
    if (parties_.size() >= kMaxParties) RemoveResting(now);
    if (parties_.size() >= kMaxParties) return others_;
    return parties_.emplace(name, std::make_shared<LimitedParty>(now))
        .first->second;
  }

  int64_t size() const {
    MutexLock lock(mutex_);
    return static_cast<int64_t>(parties_.size());
  }

 private:
  // A look at all of them takes a millisecond or two, so a client that comes
  // with ever new names must not cause one each time.
  static constexpr std::chrono::seconds kBetweenLooks{1};

  void RemoveResting(Moment now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (has_looked_ && now - looked_ < kBetweenLooks) return;
    has_looked_ = true;
    looked_ = now;
    absl::erase_if(parties_, [&](const auto& entry) {
      // One that somebody has is about to be used.
      return entry.second.use_count() == 1 && entry.second->AtRest(now);
    });
  }

  mutable Mutex mutex_;
  HashMap<std::string, std::shared_ptr<LimitedParty>> parties_
      ABSL_GUARDED_BY(mutex_);
  bool has_looked_ ABSL_GUARDED_BY(mutex_) = false;
  Moment looked_ ABSL_GUARDED_BY(mutex_);
  // Of all that have no place.
  const std::shared_ptr<LimitedParty> others_;
};

PartyLimits::PartyLimits(const Clock& clock, const PartyLimitOptions& limits)
    : clock_(clock),
      principals_(std::make_unique<Table>(clock.Now())),
      addresses_(std::make_unique<Table>(clock.Now())) {
  Set(limits);
}

PartyLimits::~PartyLimits() = default;

void PartyLimits::Set(const PartyLimitOptions& limits) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  calls_per_second_.store(limits.calls_per_second, kRelaxed);
  call_burst_.store(
      limits.call_burst > 0 ? limits.call_burst : limits.calls_per_second,
      kRelaxed);
  bytes_per_second_.store(limits.bytes_per_second, kRelaxed);
  most_[LimitedParty::kConnections].store(limits.connections_per_party,
                                          kRelaxed);
  most_[LimitedParty::kSessions].store(limits.sessions_per_party, kRelaxed);
  most_[LimitedParty::kStreams].store(limits.streams_per_party, kRelaxed);
  any_.store(limits.calls_per_second > 0 || limits.bytes_per_second > 0 ||
                 limits.connections_per_party > 0 ||
                 limits.sessions_per_party > 0 || limits.streams_per_party > 0,
             kRelaxed);
}

std::shared_ptr<LimitedParty> PartyLimits::Of(absl::string_view principal,
                                              absl::string_view address) {
  if (!any()) return nullptr;
  const Moment now = clock_.Now();
  if (!principal.empty()) return principals_->Of(principal, now);
  const std::string network = NetworkOf(address);
  return network.empty() ? nullptr : addresses_->Of(network, now);
}

TokenBucket::Rate PartyLimits::CallRate() const {
  return {.per_second = calls_per_second(),
          .burst = call_burst_.load(std::memory_order_relaxed)};
}

TokenBucket::Rate PartyLimits::ByteRate() const {
  return {.per_second = bytes_per_second(), .burst = bytes_per_second()};
}

int64_t PartyLimits::TakeCalls(LimitedParty& party, int64_t calls) {
  const TokenBucket::Rate rate = CallRate();
  if (rate.per_second == 0) return calls;
  const int64_t taken = party.calls_.Take(calls, rate, clock_.Now());
  if (taken < calls) {
    refused_calls_.fetch_add(static_cast<uint64_t>(calls - taken),
                             std::memory_order_relaxed);
  }
  return taken;
}

bool PartyLimits::TakeBytes(LimitedParty& party, int64_t bytes) {
  const TokenBucket::Rate rate = ByteRate();
  if (rate.per_second == 0) return true;
  if (party.bytes_.TakeAll(bytes, rate, clock_.Now())) return true;
  refused_bytes_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

std::chrono::nanoseconds PartyLimits::UntilCall(
    const LimitedParty& party) const {
  const TokenBucket::Rate rate = CallRate();
  if (rate.per_second == 0) return std::chrono::nanoseconds(0);
  return party.calls_.UntilNext(rate, clock_.Now());
}

std::chrono::nanoseconds PartyLimits::UntilBytes(
    const LimitedParty& party) const {
  const TokenBucket::Rate rate = ByteRate();
  if (rate.per_second == 0) return std::chrono::nanoseconds(0);
  return party.bytes_.UntilNext(rate, clock_.Now());
}

std::optional<OpenOfParty> PartyLimits::Open(
    const std::shared_ptr<LimitedParty>& party, LimitedParty::What what) {
  if (party == nullptr) return OpenOfParty();
  const int64_t limit = most(what);
  const int64_t before =
      party->open_[what].fetch_add(1, std::memory_order_relaxed);
  OpenOfParty open(party, what);
  if (limit == 0 || before < limit) return open;
  refused_[what].fetch_add(1, std::memory_order_relaxed);
  return std::nullopt;
}

PartyLimitsSnapshot PartyLimits::Snapshot() const {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  return {.calls = refused_calls_.load(kRelaxed),
          .bytes = refused_bytes_.load(kRelaxed),
          .connections = refused_[LimitedParty::kConnections].load(kRelaxed),
          .sessions = refused_[LimitedParty::kSessions].load(kRelaxed),
          .streams = refused_[LimitedParty::kStreams].load(kRelaxed),
          .principals = principals_->size(),
          .addresses = addresses_->size()};
}

std::string NetworkOf(absl::string_view address) {
  const std::string text(address);
  in_addr four;
  if (inet_pton(AF_INET, text.c_str(), &four) == 1) return text;
  in6_addr six;
  if (inet_pton(AF_INET6, text.c_str(), &six) != 1) return "";
  // An IPv4 address within an IPv6 one.
  if (IN6_IS_ADDR_V4MAPPED(&six)) {
    char mapped[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, six.s6_addr + 12, mapped, sizeof(mapped));
    return mapped;
  }
  std::fill(six.s6_addr + 8, six.s6_addr + 16, 0);
  char network[INET6_ADDRSTRLEN];
  inet_ntop(AF_INET6, &six, network, sizeof(network));
  return std::string(network) + "/64";
}

}  // namespace pinion
