// SPDX-License-Identifier: Apache-2.0
//
// Keyed: the map from key to state that a shard keeps its state in, when that
// should have a time to live, a byte bound, or be looked at or moved by slots.
//
// Threads: one, the shard's: the one that made it. It has no lock; a debug
//          build stops at a call from elsewhere.
// Keys:    strings, bytes and integers, hashed as the router does it, so that a
//          slot's entries are those that the router sends to its owner.
// Cost:    a look-up is one in an absl::flat_hash_map, and under kEvict, where
//          the use is noted, 1.1 to 1.3 of them (tests/bench:keyed compares
//          them). An entry takes some 110 bytes beside its place in the table,
//          and the map 32 KiB.
// Example: Keyed<Account> accounts({.max_bytes = 1 << 30});
//          auto account = accounts.FindOrCreate(request.name());
//          if (!account.ok()) return account.status();  // Full.
//          (*account)->state.balance += request.amount();
//          accounts.ExpireAfter(**account, std::chrono::hours(24));
//
// A `key` is a Key, what converts to an absl::string_view, an integer or an
// enum. A string key holds less than 4 GiB. The integers -1 and 2^64 - 1 are
// one key, as they are to the router.
//
// As in a flat_hash_map, a pointer to an entry is good until the next entry is
// created: FindOrCreate(), Create() and PutSlot() may move all others, and let
// some go.
// Erase(), RunTimers(), Recount() of another and TakeSlot() move none, but may
// let it go. Who needs two at once creates both, and then finds both.
#ifndef PINION_SERVER_KEYED_KEYED_H_
#define PINION_SERVER_KEYED_KEYED_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/clock.h"
#include "core/thread_role.h"
#include "core/timer_queue.h"
#include "proto/wire/key_reader.h"
#include "server/keyed/as_key.h"
#include "server/keyed/keyed_entry.h"
#include "server/keyed/keyed_index.h"
#include "server/keyed/keyed_slot.h"
#include "server/keyed/links.h"
#include "server/keyed/no_room.h"
#include "server/keyed/use_order.h"
#include "server/slot.h"

namespace pinion {

// What happens to an entry for which there is no room.
enum class WhenFull {
  kRefuse,  // It is refused with RESOURCE_EXHAUSTED.
  kEvict,   // Those go that were not found or created for the longest.
};

// Why an entry went without being erased or taken out.
enum class WhyGone {
  kExpired,  // Its time has passed.
  kEvicted,  // To make room.
};

struct KeyedOptions {
  // How many bytes all entries may take, with what they take beside their keys
  // and states; 0 or more.
  int64_t max_bytes = std::numeric_limits<int64_t>::max();
  WhenFull when_full = WhenFull::kRefuse;

  // What errors call the bound, for who may raise it.
  const char* max_bytes_name = "max_bytes";

  // ServerOptions::key_seed.
  uint64_t key_seed = 0;

  Clock clock = {};
};

template <typename State>
class Keyed {
 public:
  using Entry = KeyedEntry<State>;

  explicit Keyed(const KeyedOptions& options = {})
      : options_(options),
        evicts_(options.when_full == WhenFull::kEvict),
        slots_(new internal::SlotChain[kSlots]()),
        index_(options.key_seed) {
    shard_thread_.Claim();
    PINION_CHECK(options.max_bytes >= 0, "max_bytes is ", options.max_bytes);
  }
  Keyed(const Keyed&) = delete;
  Keyed& operator=(const Keyed&) = delete;

  // The entry of `key`; null if it has none, or its time has passed. That it is
  // used counts for its place among those to evict.
  template <typename K>
  Entry* Find(const K& key) {
    shard_thread_.Assert();
    return FindKey(internal::AsKey(key));
  }

  // The same; one is made if it has none: State(), and no time to live.
  // RESOURCE_EXHAUSTED if there is no room and none can be made; then none is
  // made. What is due, and under kEvict what was used least recently, goes to
  // make room.
  template <typename K>
  absl::StatusOr<Entry*> FindOrCreate(const K& key) {
    shard_thread_.Assert();
    return FindOrCreateKey(internal::AsKey(key));
  }

  // One of `state`, with no time to live, for `key`, which has none. Errors as
  // those of FindOrCreate(); `state` goes with them.
  template <typename K>
  absl::StatusOr<Entry*> Create(const K& key, State&& state) {
    shard_thread_.Assert();
    return CreateKey(internal::AsKey(key), std::move(state));
  }

  // Lets the entry of `key` go; false if it has none, or its time has passed.
  template <typename K>
  bool Erase(const K& key) {
    shard_thread_.Assert();
    return EraseKey(internal::AsKey(key));
  }
  void Erase(Entry& entry) {
    shard_thread_.Assert();
    Drop(entry);
  }

  // Has `entry` pass once `span` from now has: in place of a time given before.
  // Less than nothing is nothing; more than a hundred years is a hundred years.
  void ExpireAfter(Entry& entry, std::chrono::nanoseconds span) {
    shard_thread_.Assert();
    constexpr std::chrono::nanoseconds kLongest =
        std::chrono::hours(24) * 365 * 100;
    entry.node_->expires_at =
        options_.clock.Now() +
        std::clamp(span, std::chrono::nanoseconds(0), kLongest);
    entry.mortal_ = true;
    Arm(*entry.node_);
  }
  void ExpireNever(Entry& entry) {
    shard_thread_.Assert();
    entry.mortal_ = false;
    timers_.Disarm(*entry.node_);
  }

  // Lets up to `most` entries go whose time has passed, and says when to be
  // called again, if at all; at once, if more are due. A KeyedExpiry calls
  // it by itself. An entry that has passed is not found any more,
  // whether it was let go or not.
  std::optional<Moment> RunTimers(size_t most = 1000) {
    shard_thread_.Assert();
    const Moment now = options_.clock.Now();
    while (most-- > 0 && DropDue(now)) {
    }
    return told_ = timers_.Next();
  }

  // When RunTimers() next wants to be called; none if it does not.
  std::optional<Moment> NextTimer() const {
    shard_thread_.Assert();
    return timers_.Next();
  }

  // Has `tell` hear of it whenever RunTimers() wants to be called earlier than
  // it said last, or than was told since; and now, if it wants to be called at
  // all. Null: nobody. See keyed_expiry.h.
  void OnTimer(absl::AnyInvocable<void(Moment at)> tell) {
    shard_thread_.Assert();
    tell_ = std::move(tell);
    told_ = timers_.Next();
    if (tell_ != nullptr && told_.has_value()) tell_(*told_);
  }

  // Has `tell` hear of each entry that goes without being erased or taken out,
  // just before it goes. It does nothing with the Keyed. Null: nobody.
  void OnGone(absl::AnyInvocable<void(Entry& entry, WhyGone why)> tell) {
    shard_thread_.Assert();
    tell_gone_ = std::move(tell);
  }

  // To be called when the state has come to own more or less memory, as
  // state_bytes.h counts it; it is a use. Counts it anew, and makes room as
  // FindOrCreate() does; `entry` stays. RESOURCE_EXHAUSTED if there is too
  // little room still: the state stays as it is and is counted, for the caller
  // to undo or keep. As long as all together take too much, nothing more is
  // created.
  absl::Status Recount(Entry& entry) {
    shard_thread_.Assert();
    internal::KeyedNode& node = *entry.node_;
    bytes_ -= std::exchange(node.bytes, entry.CountBytes());
    bytes_ += node.bytes;
    Touch(entry);
    if (bytes_ <= options_.max_bytes) return absl::OkStatus();
    timers_.Disarm(node);  // Lest its time passes just now.
    const bool room = MakeRoom(0, node.bytes);
    if (entry.mortal_) Arm(node);
    if (room) return absl::OkStatus();
    return NoRoom(entry, bytes_ - node.bytes, size() - 1);
  }

  // Shows the entries whose time has not passed, of all slots or of one, in no
  // order. `see` may erase the entry it is shown, and do with others what
  // neither creates nor lets go of any. To see is not to use.
  void Visit(absl::FunctionRef<void(Entry&)> see) {
    shard_thread_.Assert();
    const Moment now = options_.clock.Now();
    index_.VisitAll([&](Entry& entry) {
      if (!entry.PassedAt(now)) see(entry);
    });
  }
  void VisitSlot(int slot, absl::FunctionRef<void(Entry&)> see) {
    shard_thread_.Assert();
    const Moment now = options_.clock.Now();
    internal::SlotLink* next = ChainOf(slot).first();
    while (next != nullptr) {
      Entry& entry = index_.Of(static_cast<KeyedNode&>(*next));
      next = next->next;
      if (!entry.PassedAt(now)) see(entry);
    }
  }

  // Takes the entries of a slot out, with their times to live and in the order
  // of their last uses; under kRefuse, where finding is not noted, of their
  // creation.
  KeyedSlot<State> TakeSlot(int slot) {
    shard_thread_.Assert();
    KeyedSlot<State> taken(slot, options_.key_seed);
    for (Entry* entry : EntriesByUse(slot)) {
      if (entry->PassedAt(options_.clock.Now())) {
        DropPassed(*entry);
        continue;
      }
      taken.bytes_ += entry->node_->bytes;
      Unlink(*entry);
      taken.entries_.push_back(index_.Take(*entry->node_));
    }
    return taken;
  }

  // Puts the entries in, as if they were used just now, in their order, and has
  // them pass when they would have. Moves from `slot` only when OK;
  // RESOURCE_EXHAUSTED if there is no room for all and none can be made.
  // Nothing of the slot is here, and both Keyed have the same seed and clock.
  absl::Status PutSlot(KeyedSlot<State>&& slot) {
    shard_thread_.Assert();
    PINION_CHECK(slot.key_seed_ == options_.key_seed,
                 "the slot was taken under the seed ", slot.key_seed_,
                 ", and here it is ", options_.key_seed);
    for (Entry* entry : EntriesByUse(slot.slot())) {
      PINION_CHECK(entry->PassedAt(options_.clock.Now()), "slot ", slot.slot(),
                   " has entries here already");
      DropPassed(*entry);
    }
    if (!MakeRoom(slot.bytes_, slot.bytes_)) {
      return internal::NoRoom(
          {.what = absl::StrCat("slot ", slot.slot(), " with ", slot.size(),
                                " entries"),
           .needs = slot.bytes_,
           .used = bytes_,
           .entries = size(),
           .max_bytes = options_.max_bytes,
           .max_bytes_name = options_.max_bytes_name});
    }
    for (Entry& entry : slot.entries_) Link(std::move(entry));
    slot.entries_.clear();
    slot.bytes_ = 0;
    return absl::OkStatus();
  }

  // The slot of `key`, 0 to kSlots - 1.
  template <typename K>
  int SlotOfKey(const K& key) const {
    return SlotOf(internal::AsKey(key).Hash(options_.key_seed));
  }

  // How many entries there are, and how many bytes they take; those included
  // that have passed and were not let go yet.
  size_t size() const {
    shard_thread_.Assert();
    return index_.size();
  }
  int64_t bytes() const {
    shard_thread_.Assert();
    return bytes_;
  }

  // How many entries were let go so far since their time had passed, and to
  // make room for others.
  uint64_t expired() const {
    shard_thread_.Assert();
    return expired_;
  }
  uint64_t evicted() const {
    shard_thread_.Assert();
    return evicted_;
  }

 private:
  using KeyedNode = internal::KeyedNode;

  Entry* FindKey(const Key& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    Entry* entry = index_.Find(key, key.Hash(options_.key_seed));
    if (entry == nullptr || Passed(*entry)) return nullptr;
    Touch(*entry);
    return entry;
  }

  absl::StatusOr<Entry*> FindOrCreateKey(const Key& key)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    const uint64_t hash = key.Hash(options_.key_seed);
    Entry* entry = index_.Find(key, hash);
    if (entry != nullptr && !Passed(*entry)) {
      Touch(*entry);
      return entry;
    }
    return Add(Entry(key, hash), entry);
  }

  absl::StatusOr<Entry*> CreateKey(const Key& key, State&& state)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    const uint64_t hash = key.Hash(options_.key_seed);
    Entry* entry = index_.Find(key, hash);
    PINION_CHECK(entry == nullptr || Passed(*entry), key.ToString(),
                 " has an entry already");
    return Add(Entry(key, hash, std::move(state)), entry);
  }

  // In the place of `passed`, if it is not null: whose key may have been the
  // one that `entry` was made by.
  absl::StatusOr<Entry*> Add(Entry&& entry, Entry* passed)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    if (passed != nullptr) DropPassed(*passed);
    entry.node_->bytes = entry.CountBytes();
    if (!MakeRoom(entry.node_->bytes, entry.node_->bytes)) {
      return NoRoom(entry, bytes_, size());
    }
    return &Link(std::move(entry));
  }

  bool EraseKey(const Key& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    Entry* entry = index_.Find(key, key.Hash(options_.key_seed));
    if (entry == nullptr) return false;
    const bool passed = Passed(*entry);
    passed ? DropPassed(*entry) : Drop(*entry);
    return !passed;
  }

  // The clock is asked only about those that may have passed.
  bool Passed(const Entry& entry) const {
    return entry.mortal_ && entry.PassedAt(options_.clock.Now());
  }

  // Notes that it is used.
  void Touch(Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    if (evicts_) uses_.Use(entry.use_place_);
  }

  // As the one used last.
  Entry& Link(Entry&& unlinked) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    Entry& entry = index_.Add(std::move(unlinked));
    KeyedNode& node = *entry.node_;
    slots_[SlotOf(node.hash)].Add(node);
    if (evicts_) entry.use_place_ = uses_.Add(node);
    node.creation_number = ++last_creation_;
    if (entry.mortal_) Arm(node);
    bytes_ += node.bytes;
    return entry;
  }

  // Has it let go when its time has passed.
  void Arm(KeyedNode& node) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    timers_.Arm(node, node.expires_at);
    if (tell_ == nullptr) return;
    if (told_.has_value() && *told_ <= node.expires_at) return;
    told_ = node.expires_at;
    tell_(*told_);
  }

  // Out of all lines, but not out of the index.
  void Unlink(Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    KeyedNode& node = *entry.node_;
    internal::SlotChain::Remove(node);
    if (evicts_) uses_.Remove(entry.use_place_);
    timers_.Disarm(node);
    bytes_ -= node.bytes;
  }

  void Drop(Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    Unlink(entry);
    index_.Remove(*entry.node_);
  }
  void DropGone(Entry& entry, WhyGone why)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    ++(why == WhyGone::kExpired ? expired_ : evicted_);
    if (tell_gone_ != nullptr) tell_gone_(entry, why);
    Drop(entry);
  }
  void DropPassed(Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    DropGone(entry, WhyGone::kExpired);
  }

  // False if none is due.
  bool DropDue(Moment now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    Timer* due = timers_.PopDue(now);
    if (due == nullptr) return false;
    DropPassed(index_.Of(static_cast<KeyedNode&>(*due)));
    return true;
  }

  bool DropOldest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    const KeyedNode* oldest = uses_.oldest();
    if (oldest == nullptr) return false;
    DropGone(index_.Of(*oldest), WhyGone::kEvicted);
    return true;
  }

  // Makes room for `more` bytes, for the sake of what takes `needs` in all and
  // is the last to go; lets nothing go for what cannot have room.
  bool MakeRoom(int64_t more, int64_t needs)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    if (bytes_ <= options_.max_bytes - more) return true;
    if (needs > options_.max_bytes) return false;
    const Moment now = options_.clock.Now();
    while (bytes_ > options_.max_bytes - more) {
      if (!DropDue(now) && !(evicts_ && DropOldest())) return false;
    }
    return true;
  }

  // For an entry beside which there are so many others.
  absl::Status NoRoom(const Entry& entry, int64_t used, size_t others) const {
    return internal::NoRoom(
        {.what = absl::StrCat("the entry of ", entry.key().ToString()),
         .needs = entry.node_->bytes,
         .used = used,
         .entries = others,
         .max_bytes = options_.max_bytes,
         .max_bytes_name = options_.max_bytes_name});
  }

  const internal::SlotChain& ChainOf(int slot) const {
    PINION_CHECK(slot >= 0 && slot < kSlots, "slot ", slot, " of ", kSlots);
    return slots_[slot];
  }

  // The one first that was not used for the longest; under kRefuse, that was
  // created first.
  std::vector<Entry*> EntriesByUse(int slot)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    std::vector<Entry*> entries;
    internal::SlotLink* next = ChainOf(slot).first();
    for (; next != nullptr; next = next->next) {
      entries.push_back(&index_.Of(static_cast<KeyedNode&>(*next)));
    }
    const auto number = [this](const Entry* entry) {
      shard_thread_.Assert();
      return evicts_ ? uses_.UseNumber(entry->use_place_)
                     : entry->node_->creation_number;
    };
    std::ranges::sort(entries, {}, number);
    return entries;
  }

  // Fixed at construction.
  const KeyedOptions options_;
  const bool evicts_;

  // The shard's alone.
  ThreadRole shard_thread_;
  const std::unique_ptr<internal::SlotChain[]> slots_;
  internal::KeyedIndex<Entry> index_ ABSL_GUARDED_BY(shard_thread_);
  internal::UseOrder uses_ ABSL_GUARDED_BY(shard_thread_);
  TimerQueue timers_ ABSL_GUARDED_BY(shard_thread_);
  absl::AnyInvocable<void(Entry& entry, WhyGone why)> tell_gone_
      ABSL_GUARDED_BY(shard_thread_);
  // Who hears of the next timer, and what it knows.
  absl::AnyInvocable<void(Moment at)> tell_ ABSL_GUARDED_BY(shard_thread_);
  std::optional<Moment> told_ ABSL_GUARDED_BY(shard_thread_);
  int64_t bytes_ ABSL_GUARDED_BY(shard_thread_) = 0;
  uint64_t last_creation_ ABSL_GUARDED_BY(shard_thread_) = 0;
  uint64_t expired_ ABSL_GUARDED_BY(shard_thread_) = 0;
  uint64_t evicted_ ABSL_GUARDED_BY(shard_thread_) = 0;
};

}  // namespace pinion

#endif  // PINION_SERVER_KEYED_KEYED_H_
