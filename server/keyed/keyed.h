// SPDX-License-Identifier: Apache-2.0
//
// Keyed: the map in which a shard keeps its state by key. Use it when the state
//        should have a time to live or a memory limit, or should be visited or
//        moved by slots.
//
// Threads: one, the shard's thread that made it. It has no lock. A debug build
//          stops the program at a call from another thread.
// Keys:    strings, bytes and integers, each by its text (proto/wire/key.h). A
//          slot contains the entries whose calls the router sends to the slot's
//          owner. The table uses another hash, which only this process knows,
//          so a client that can predict a key's worker cannot predict which
//          keys collide.
// Cost:    a look-up takes 0.8 to 1.1 times as long as in an
//          absl::flat_hash_map; under kEvict, which records each use, 1.1 to
//          1.3 times (docs/decisions/0005-hosting.md has the figures). An entry
//          takes about 80 bytes besides its place in the table, and the map 32
//          KiB. The map grows and shrinks in steps: no step moves more than two
//          segments, about 1,400 entries, whatever the size of the map.
// Example: Keyed<Account> accounts({.max_bytes = 1 << 30});
//          auto account = accounts.FindOrCreate(request.name());
//          if (!account.ok()) return account.status();  // Full.
//          (*account)->state.balance += request.amount();
//          accounts.ExpireAfter(**account, std::chrono::hours(24));
//
// A `key` is a Key, an integer, an enum, or anything that converts to an
// absl::string_view. A string key is shorter than 4 GiB. The integer 42 and the
// string "42" are one key, as they are to the router.
//
// A pointer to an entry is valid until the next entry is created, as in a
// flat_hash_map: FindOrCreate(), Create() and PutSlot() may move all other
// entries and remove some. Erase(), RunTimers(), TakeSlot() and Recount() of
// another entry move none, but may remove it. If you need two entries at once,
// create both first and then find both.
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
#include "absl/strings/string_view.h"
#include "pinion/core/base/check.h"
#include "pinion/core/base/thread_role.h"
#include "pinion/core/clock.h"
#include "pinion/core/timer_queue.h"
#include "pinion/proto/wire/as_key.h"
#include "pinion/proto/wire/key.h"
#include "pinion/server/internal/keyed_tallies.h"
#include "pinion/server/keyed/byte_budget.h"
#include "pinion/server/keyed/expiry_timers.h"
#include "pinion/server/keyed/keyed_entry.h"
#include "pinion/server/keyed/keyed_index.h"
#include "pinion/server/keyed/keyed_nodes.h"
#include "pinion/server/keyed/keyed_slot.h"
#include "pinion/server/keyed/use_order.h"
#include "pinion/server/slot.h"

namespace pinion {

// What happens when there is no room for an entry.
enum class WhenFull {
  kRefuse,  // The new entry is refused with RESOURCE_EXHAUSTED.
  kEvict,   // The least recently used entries are evicted.
};

// Why an entry was removed, other than by Erase() or TakeSlot().
enum class WhyGone {
  kExpired,  // Its time to live has passed.
  kEvicted,  // It made room for others.
};

struct KeyedOptions {
  // The memory limit of all entries, in bytes, 0 or more. It counts keys,
  // states and what Keyed needs for each entry. Lower it to bound the shard's
  // memory.
  int64_t max_bytes = std::numeric_limits<int64_t>::max();
  WhenFull when_full = WhenFull::kRefuse;

  // The name of this limit in error messages, for those who may raise it.
  const char* max_bytes_name = "max_bytes";

  // ShardInfo::key_seed(), which is HostingOptions::key_seed.
  uint64_t key_seed = 0;

  Clock clock = {};

  // &ShardInfo::keyed_tallies(): then the server's metrics tell how many
  // entries and bytes the map holds. Null: they do not.
  internal::KeyedTallies* tallies = nullptr;
};

template <typename State>
class Keyed {
 public:
  using Entry = KeyedEntry<State>;

  explicit Keyed(const KeyedOptions& options = {})
      : options_(options),
        evicts_(options.when_full == WhenFull::kEvict),
        slots_(new internal::SlotChain[kSlots]()),
        budget_(options.max_bytes, options.max_bytes_name),
        share_(options.tallies) {
    shard_thread_.Claim();
  }
  Keyed(const Keyed&) = delete;
  Keyed& operator=(const Keyed&) = delete;

  // Returns the entry of `key`; null if it has none or it has expired. Counts
  // as a use of the entry.
  template <typename K>
  Entry* Find(const K& key) {
    shard_thread_.Assert();
    return FindKey(internal::AsText(key));
  }

  // The same, but creates a missing entry with State() and no time to live. To
  // make room it removes expired entries and, under kEvict, the least recently
  // used ones. If there is still too little room, it creates nothing and
  // returns RESOURCE_EXHAUSTED.
  template <typename K>
  absl::StatusOr<Entry*> FindOrCreate(const K& key) {
    shard_thread_.Assert();
    return FindOrCreateKey(internal::AsText(key));
  }

  // Creates an entry with `state` and no time to live. `key` must have no
  // entry. Errors are those of FindOrCreate(); on an error `state` is lost.
  template <typename K>
  absl::StatusOr<Entry*> Create(const K& key, State&& state) {
    shard_thread_.Assert();
    return CreateKey(internal::AsText(key), std::move(state));
  }

  // Removes the entry of `key`. False if it has none or it has expired.
  template <typename K>
  bool Erase(const K& key) {
    shard_thread_.Assert();
    return EraseKey(internal::AsText(key));
  }
  void Erase(Entry& entry) {
    shard_thread_.Assert();
    Drop(entry);
  }

  // Makes `entry` expire `span` from now, replacing any earlier time. Negative
  // spans count as zero, and spans over a hundred years as a hundred years.
  void ExpireAfter(Entry& entry, std::chrono::nanoseconds span) {
    shard_thread_.Assert();
    constexpr std::chrono::nanoseconds kLongest =
        std::chrono::hours(24) * 365 * 100;
    entry.expires_at_ = options_.clock.Now() +
                        std::clamp(span, std::chrono::nanoseconds(0), kLongest);
    entry.mortal_ = true;
    Arm(entry);
  }
  void ExpireNever(Entry& entry) {
    shard_thread_.Assert();
    entry.mortal_ = false;
    timers_.Disarm(NodeOf(entry));
  }

  // Removes up to `most` expired entries. Returns when to call it again: at
  // once if more have expired, none if no entry has a time to live. A
  // KeyedExpiry calls it for you. No function finds an expired entry, whether
  // it has been removed or not.
  std::optional<Moment> RunTimers(size_t most = 1000) {
    shard_thread_.Assert();
    return timers_.RunTimers(options_.clock.Now(), most, [this](Timer& due) {
      shard_thread_.Assert();
      DropDue(due);
    });
  }

  // When RunTimers() should next be called; none if no entry has a time to
  // live.
  std::optional<Moment> NextTimer() const {
    shard_thread_.Assert();
    return timers_.NextTimer();
  }

  // Calls `tell` when RunTimers() should be called earlier than it last
  // returned, or than the last call of `tell` said; and now, if there is such a
  // time. Null: calls nothing. See keyed_expiry.h.
  void OnTimer(absl::AnyInvocable<void(Moment at)> tell) {
    shard_thread_.Assert();
    timers_.OnTimer(std::move(tell));
  }

  // Calls `tell` just before an entry is expired or evicted. `tell` must not
  // use the Keyed. Null: calls nothing.
  void OnGone(absl::AnyInvocable<void(Entry& entry, WhyGone why)> tell) {
    shard_thread_.Assert();
    tell_gone_ = std::move(tell);
  }

  // Counts the memory of `entry` again (see state_bytes.h). Call it after the
  // state has grown or shrunk; it counts as a use. It makes room as
  // FindOrCreate() does, but never removes `entry`. Returns RESOURCE_EXHAUSTED
  // if there is still too little room: the state is then unchanged and counted,
  // and the caller may undo the growth or keep it. While the limit is exceeded,
  // no entry can be created.
  absl::Status Recount(Entry& entry) {
    shard_thread_.Assert();
    KeyedNode& node = NodeOf(entry);
    const int64_t before = std::exchange(node.bytes, entry.CountBytes());
    budget_.Remove(before);
    budget_.Add(node.bytes);
    share_.Add(0, node.bytes - before);
    Touch(entry);
    if (budget_.HasRoomFor(0)) return absl::OkStatus();
    timers_.Disarm(node);  // So that it does not expire just now.
    const bool room = MakeRoom(0, node.bytes);
    if (entry.mortal_) Arm(entry);
    if (room) return absl::OkStatus();
    return NoRoom(entry, node.bytes, budget_.bytes() - node.bytes, size() - 1);
  }

  // Shows all entries that have not expired, of all slots or of one slot, in no
  // particular order. `see` may erase the entry that it is shown. It must not
  // create or remove other entries. A visit does not count as a use.
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
    KeyedNode* next = ChainOf(slot).front();
    while (next != nullptr) {
      Entry& entry = EntryOf(*next);
      next = internal::SlotChain::Next(*next);
      if (!entry.PassedAt(now)) see(entry);
    }
  }

  // Moves the entries of a slot out of the map. They keep their times to live
  // and the order of their last uses; under kRefuse, which does not record
  // uses, the order of their creation.
  KeyedSlot<State> TakeSlot(int slot) {
    shard_thread_.Assert();
    KeyedSlot<State> taken(slot, options_.key_seed);
    const std::vector<Entry*> entries = EntriesByUse(slot);
    taken.entries_.reserve(entries.size());
    for (Entry* entry : entries) {
      if (entry->PassedAt(options_.clock.Now())) {
        DropPassed(*entry);
        continue;
      }
      const int64_t bytes = NodeOf(*entry).bytes;
      const uint64_t hash = Unlink(*entry);
      taken.bytes_ += bytes;
      taken.entries_.push_back({index_.Take(*entry, hash), bytes});
    }
    return taken;
  }

  // Moves the entries of `slot` into the map as the most recently used ones, in
  // their order and with their times of expiry. The map must have no entries of
  // that slot, and both Keyed must have the same seed and clock. Returns
  // RESOURCE_EXHAUSTED if there is no room for all of them; `slot` is then
  // unchanged.
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
      return budget_.NoRoom(
          {.what = absl::StrCat("slot ", slot.slot(), " with ", slot.size(),
                                " entries"),
           .needs = slot.bytes_,
           .used = budget_.bytes(),
           .entries = size()});
    }
    for (auto& taken : slot.entries_) {
      const uint64_t hash = TableHash(taken.entry.key_.bytes());
      Link(std::move(taken.entry), hash, taken.bytes, slot.slot());
    }
    slot.entries_.clear();
    slot.bytes_ = 0;
    return absl::OkStatus();
  }

  // The slot of `key`, 0 to kSlots - 1.
  template <typename K>
  int SlotOfKey(const K& key) const {
    return SlotOfText(internal::AsText(key));
  }

  // The number of entries, and the bytes that they take. Both include expired
  // entries that have not been removed yet.
  size_t size() const {
    shard_thread_.Assert();
    return index_.size();
  }
  int64_t bytes() const {
    shard_thread_.Assert();
    return budget_.bytes();
  }

  // The numbers of entries that were removed so far because they had expired,
  // and because others needed their room.
  uint64_t expired() const {
    shard_thread_.Assert();
    return timers_.expired();
  }
  uint64_t evicted() const {
    shard_thread_.Assert();
    return budget_.evicted();
  }

 private:
  using KeyedNode = internal::KeyedNode;

  int SlotOfText(absl::string_view key) const {
    return SlotOf(Key::FromBytes(key).Hash(options_.key_seed));
  }

  static uint64_t TableHash(absl::string_view key) {
    return internal::KeyedIndex<Entry>::HashOf(key);
  }

  Entry* FindKey(absl::string_view key)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    Entry* entry = index_.Find(key, TableHash(key));
    if (entry == nullptr || Passed(*entry)) return nullptr;
    Touch(*entry);
    return entry;
  }

  absl::StatusOr<Entry*> FindOrCreateKey(absl::string_view key)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    const uint64_t hash = TableHash(key);
    Entry* entry = index_.Find(key, hash);
    if (entry != nullptr && !Passed(*entry)) {
      Touch(*entry);
      return entry;
    }
    return Add(Entry(Key::FromBytes(key)), hash, entry);
  }

  absl::StatusOr<Entry*> CreateKey(absl::string_view key, State&& state)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    const uint64_t hash = TableHash(key);
    Entry* entry = index_.Find(key, hash);
    PINION_CHECK(entry == nullptr || Passed(*entry),
                 Key::FromBytes(key).ToString(), " has an entry already");
    return Add(Entry(Key::FromBytes(key), std::move(state)), hash, entry);
  }

  // Replaces `passed`, if it is not null. `entry` may have been made from the
  // key that lies in `passed`.
  absl::StatusOr<Entry*> Add(Entry&& entry, uint64_t hash, Entry* passed)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    if (passed != nullptr) DropPassed(*passed);
    const int64_t bytes = entry.CountBytes();
    if (!MakeRoom(bytes, bytes)) {
      return NoRoom(entry, bytes, budget_.bytes(), size());
    }
    return &Link(std::move(entry), hash, bytes, SlotOfText(entry.key_.bytes()));
  }

  bool EraseKey(absl::string_view key)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    Entry* entry = index_.Find(key, TableHash(key));
    if (entry == nullptr) return false;
    const bool passed = Passed(*entry);
    passed ? DropPassed(*entry) : Drop(*entry);
    return !passed;
  }

  // Reads the clock only for entries that have a time to live.
  bool Passed(const Entry& entry) const {
    return entry.mortal_ && entry.PassedAt(options_.clock.Now());
  }

  // Records a use.
  void Touch(Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    if (evicts_) uses_.Use(entry.place_);
  }

  KeyedNode& NodeOf(const Entry& entry)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    return nodes_[entry.place_];
  }
  Entry& EntryOf(const KeyedNode& node)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    return index_.At(node.place, node.hash);
  }

  // Adds the entry as the most recently used one.
  Entry& Link(Entry&& unlinked, uint64_t hash, int64_t bytes, int slot)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    GiveBackPlaces();
    KeyedNode& node = nodes_.Add();
    node.hash = hash;
    node.creation_number = ++last_creation_;
    node.bytes = bytes;
    unlinked.place_ = node.place;
    Entry& entry = index_.Add(std::move(unlinked), hash);
    slots_[slot].PushFront(node);
    if (evicts_) uses_.Add(node.place);
    if (entry.mortal_) Arm(entry);
    budget_.Add(bytes);
    share_.Add(1, bytes);
    return entry;
  }

  // Releases up to two places of removed entries for each new entry, so that
  // unused places become fewer.
  void GiveBackPlaces() ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    for (int i = 0; i < 2 && nodes_.Sparse(); ++i) {
      nodes_.DropLast([this](uint32_t from, KeyedNode& node) {
        shard_thread_.Assert();
        index_.At(from, node.hash).place_ = node.place;
        timers_.Moved(node);
        if (evicts_) uses_.Move(from, node.place);
      });
      uses_.DropFrom(nodes_.end());
    }
  }

  // Starts the timer that removes it when it expires.
  void Arm(const Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    timers_.Arm(NodeOf(entry), entry.expires_at_);
  }

  // Unlinks it from everything but the index, and returns the hash by which the
  // index has it.
  uint64_t Unlink(Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    KeyedNode& node = NodeOf(entry);
    internal::SlotChain::Remove(node);
    if (evicts_) uses_.Remove(entry.place_);
    timers_.Disarm(node);
    budget_.Remove(node.bytes);
    share_.Add(-1, -node.bytes);
    nodes_.Remove(node);
    return node.hash;
  }

  void Drop(Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    const uint64_t hash = Unlink(entry);
    index_.Remove(entry, hash);
  }
  void DropGone(Entry& entry, WhyGone why)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    if (why == WhyGone::kExpired) {
      timers_.CountExpired();
      share_.CountExpired();
    } else {
      budget_.CountEvicted();
      share_.CountEvicted();
    }
    if (tell_gone_ != nullptr) tell_gone_(entry, why);
    Drop(entry);
  }
  void DropPassed(Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    DropGone(entry, WhyGone::kExpired);
  }

  void DropDue(Timer& due) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    DropPassed(EntryOf(static_cast<KeyedNode&>(due)));
  }

  // False if no entry has expired.
  bool DropOneDue(Moment now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    Timer* due = timers_.PopDue(now);
    if (due == nullptr) return false;
    DropDue(*due);
    return true;
  }

  bool DropOldest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    const uint32_t oldest = uses_.oldest();
    if (oldest == 0) return false;
    DropGone(EntryOf(nodes_[oldest]), WhyGone::kEvicted);
    return true;
  }

  // Makes room for `more` bytes, needed by something that takes `needs` bytes
  // in all and is removed last. Removes nothing if `needs` can never fit.
  bool MakeRoom(int64_t more, int64_t needs)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    if (budget_.HasRoomFor(more)) return true;
    if (!budget_.CanHold(needs)) return false;
    const Moment now = options_.clock.Now();
    while (!budget_.HasRoomFor(more)) {
      if (!DropOneDue(now) && !(evicts_ && DropOldest())) return false;
    }
    return true;
  }

  // The error for an entry of `bytes` bytes beside `entries` others.
  absl::Status NoRoom(const Entry& entry, int64_t bytes, int64_t used,
                      size_t others) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    return budget_.NoRoom(
        {.what = absl::StrCat("the entry of ", entry.key().ToString()),
         .needs = bytes,
         .used = used,
         .entries = others});
  }

  const internal::SlotChain& ChainOf(int slot) const {
    PINION_CHECK(slot >= 0 && slot < kSlots, "slot ", slot, " of ", kSlots);
    return slots_[slot];
  }

  // The least recently used entry first; under kRefuse, the one created first.
  std::vector<Entry*> EntriesByUse(int slot)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard_thread_) {
    std::vector<Entry*> entries;
    KeyedNode* next = ChainOf(slot).front();
    for (; next != nullptr; next = internal::SlotChain::Next(*next)) {
      entries.push_back(&EntryOf(*next));
    }
    const auto number = [this](const Entry* entry) {
      shard_thread_.Assert();
      return evicts_ ? uses_.UseNumber(entry->place_)
                     : nodes_[entry->place_].creation_number;
    };
    std::ranges::sort(entries, {}, number);
    return entries;
  }

  // Fixed at construction.
  const KeyedOptions options_;
  const bool evicts_;

  // The shard's only.
  ThreadRole shard_thread_;
  const std::unique_ptr<internal::SlotChain[]> slots_;
  internal::KeyedIndex<Entry> index_ ABSL_GUARDED_BY(shard_thread_);
  internal::KeyedNodes nodes_ ABSL_GUARDED_BY(shard_thread_);
  internal::UseOrder uses_ ABSL_GUARDED_BY(shard_thread_);
  internal::ExpiryTimers timers_ ABSL_GUARDED_BY(shard_thread_);
  internal::ByteBudget budget_ ABSL_GUARDED_BY(shard_thread_);
  internal::KeyedShare share_ ABSL_GUARDED_BY(shard_thread_);
  absl::AnyInvocable<void(Entry& entry, WhyGone why)> tell_gone_
      ABSL_GUARDED_BY(shard_thread_);
  uint64_t last_creation_ ABSL_GUARDED_BY(shard_thread_) = 0;
};

}  // namespace pinion

#endif  // PINION_SERVER_KEYED_KEYED_H_
