// SPDX-License-Identifier: Apache-2.0
//
// Everything that can be done to a Keyed, in random orders, against a plain
// model: two of them, between which slots move to and fro, under a fake clock.
// States are large, so that a segment of the table holds 56 entries; of the
// runs with many keys, each fills and empties many segments, again and again.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "pinion/core/clock.h"
#include "pinion/core/fake_clock.h"
#include "pinion/server/keyed/keyed.h"
#include "pinion/tests/support/seeded_runs.h"

namespace pinion::testing {
namespace {

using std::chrono::nanoseconds;

constexpr SeededRunsOptions kRuns = {.max_runs = 100'000,
                                     .time = std::chrono::seconds(10)};
constexpr int kSteps = 400;

// Of runs with many keys, to look at all of which takes long.
constexpr int kStepsWithMany = 6000;
constexpr int kStepsPerCompare = 100;
constexpr int kStepsPerPhase = 1500;

struct State {
  int value = 0;
  size_t owned_bytes = 0;
  char large[1000] = {};
};

size_t PinionOwnedBytes(const State& state) { return state.owned_bytes; }

// A key of any kind, by its printed form.
struct AnyKey {
  std::string bytes;  // Empty: an integer.
  int64_t integer = 0;

  Key Get() const {
    return bytes.empty() ? Key::FromSigned(integer) : Key::FromBytes(bytes);
  }
};

std::string NameOf(const Key& key) { return std::string(key.bytes()); }

int64_t BytesOfNew(const Key& key) {
  Keyed<State> one;
  EXPECT_TRUE(one.FindOrCreate(key).ok());
  return one.bytes();
}

// The keys of a few slots, several of each, short and long ones and integers.
std::vector<AnyKey> SomeKeys(uint64_t key_seed, size_t count) {
  constexpr int kSlotsUsed = 5;
  const Keyed<State> any({.key_seed = key_seed});
  std::vector<AnyKey> keys;
  for (int64_t i = 0; keys.size() < count; ++i) {
    const AnyKey made = i % 3 == 0   ? AnyKey{absl::StrCat("k", i)}
                        : i % 3 == 1 ? AnyKey{absl::StrCat("a long key ", i)}
                                     : AnyKey{"", -i};
    if (any.SlotOfKey(made.Get()) < kSlotsUsed) keys.push_back(made);
  }
  return keys;
}

using Told = std::multiset<std::string>;

std::string ToldOf(const std::string& name, int value, WhyGone why) {
  return absl::StrCat(name, " of ", value, " for reason ",
                      static_cast<int>(why));
}

// What a Keyed should be.
struct Model {
  struct Item {
    int value = 0;
    int64_t bytes = 0;
    std::optional<Moment> expires;
    uint64_t used = 0;
    int slot = 0;
  };
  using Items = std::map<std::string, Item>;

  bool PassedAt(const Item& item, Moment now) const {
    return item.expires.has_value() && *item.expires <= now;
  }
  int64_t bytes() const {
    int64_t sum = 0;
    for (const auto& [name, item] : items) sum += item.bytes;
    return sum;
  }
  void Use(Item& item) {
    if (evicts) item.used = ++last_use;
  }
  // But for the one of that name.
  Items::iterator First(const std::string& but) {
    auto first = items.end();
    for (auto it = items.begin(); it != items.end(); ++it) {
      if (it->first == but || !it->second.expires.has_value()) continue;
      if (first == items.end() ||
          *it->second.expires < *first->second.expires) {
        first = it;
      }
    }
    return first;
  }
  void Drop(Items::iterator item, WhyGone why) {
    ++(why == WhyGone::kExpired ? expired : evicted);
    gone.insert(ToldOf(item->first, item->second.value, why));
    items.erase(item);
  }
  bool DropDue(Moment now, const std::string& but = "") {
    const auto first = First(but);
    if (first == items.end() || !PassedAt(first->second, now)) return false;
    Drop(first, WhyGone::kExpired);
    return true;
  }
  bool Evict() {
    if (!evicts || items.empty()) return false;
    Drop(std::min_element(items.begin(), items.end(),
                          [](const auto& a, const auto& b) {
                            return a.second.used < b.second.used;
                          }),
         WhyGone::kEvicted);
    return true;
  }
  bool MakeRoom(int64_t more, int64_t needs, Moment now,
                const std::string& but = "") {
    if (bytes() + more <= max_bytes) return true;
    if (needs > max_bytes) return false;
    while (bytes() + more > max_bytes) {
      if (!DropDue(now, but) && !Evict()) return false;
    }
    return true;
  }

  const int64_t max_bytes;
  const bool evicts;
  Items items;
  uint64_t last_use = 0;
  uint64_t expired = 0;
  uint64_t evicted = 0;
  Told gone;
};

class RandomRun {
 public:
  explicit RandomRun(uint64_t seed) : random_(seed), many_(OneIn(10)) {
    static const int64_t kEach = BytesOfNew(Key::FromSigned(1));
    for (int i = 0; i < 2; ++i) {
      const KeyedOptions options = {
          .max_bytes = OneIn(4) ? std::numeric_limits<int64_t>::max()
                       : many_  ? Draw(200, 600) * kEach
                                : Draw(0, 12 * kEach),
          .when_full = OneIn(2) ? WhenFull::kEvict : WhenFull::kRefuse,
          .key_seed = kKeySeed,
          .clock = time_.clock()};
      keyed_.push_back(std::make_unique<Keyed<State>>(options));
      models_.push_back({.max_bytes = options.max_bytes,
                         .evicts = options.when_full == WhenFull::kEvict,
                         .items = {},
                         .gone = {}});
      keyed_[i]->OnGone(
          [&told = told_[i]](Keyed<State>::Entry& entry, WhyGone why) {
            told.insert(ToldOf(NameOf(entry.key()), entry.state.value, why));
          });
    }
  }

  void Go() {
    const int steps = many_ ? kStepsWithMany : kSteps;
    for (int i = 0; i < steps; ++i) {
      fills_ = i / kStepsPerPhase % 2 == 0;
      Step();
      if (many_ && i % kStepsPerCompare != 0) continue;
      for (int which = 0; which < 2; ++which) Compare(which);
      if (::testing::Test::HasFailure()) {
        std::cout << "after step " << i << ", " << step_ << std::endl;
        return;
      }
    }
  }

 private:
  static constexpr uint64_t kKeySeed = 5;

  int64_t Draw(int64_t least, int64_t most) {
    return std::uniform_int_distribution<int64_t>(least, most)(random_);
  }
  bool OneIn(int sides) { return Draw(1, sides) == 1; }

  void Step() {
    static const auto& few = *new std::vector<AnyKey>(SomeKeys(kKeySeed, 30));
    static const auto& many = *new std::vector<AnyKey>(SomeKeys(kKeySeed, 700));
    const std::vector<AnyKey>& keys = many_ ? many : few;
    const AnyKey& any_key = keys[Draw(0, keys.size() - 1)];
    const Key key = any_key.Get();
    name_ = NameOf(key);
    slot_ = keyed_[0]->SlotOfKey(key);
    which_ = owners_[slot_];
    const auto [what, step] =
        std::vector<std::pair<const char*, void (RandomRun::*)(const Key&)>>{
            {"Find", &RandomRun::Find},
            {"FindOrCreate", &RandomRun::FindOrCreate},
            {"FindOrCreate", &RandomRun::FindOrCreate},
            {"Erase", &RandomRun::Erase},
            {"Expire", &RandomRun::Expire},
            {"Recount", &RandomRun::Recount},
            {"Advance", &RandomRun::Advance},
            {"RunTimers", &RandomRun::RunTimers},
            {"EraseSome", &RandomRun::EraseSome},
            {"Move", &RandomRun::Move}}[Draw(0, 9)];
    step_ = absl::StrCat(what, " of ", name_, " in ", which_);
    // What lets many go at once would leave no time to become many.
    if (many_ && !OneIn(20)) {
      fills_ || OneIn(20) ? FindOrCreate(key) : Erase(key);
    } else {
      (this->*step)(key);
    }
  }

  Keyed<State>& keyed() { return *keyed_[which_]; }
  Model& model() { return models_[which_]; }
  // Null if there is none that has not passed.
  Model::Item* Item() {
    const auto found = model().items.find(name_);
    if (found == model().items.end()) return nullptr;
    return model().PassedAt(found->second, time_.Now()) ? nullptr
                                                        : &found->second;
  }
  void DropIfPassed() {
    const auto found = model().items.find(name_);
    if (found == model().items.end() || Item() != nullptr) return;
    model().Drop(found, WhyGone::kExpired);
  }

  void Find(const Key& key) {
    const Keyed<State>::Entry* entry = keyed().Find(key);
    ASSERT_EQ(entry != nullptr, Item() != nullptr);
    if (entry == nullptr) return;
    EXPECT_EQ(entry->state.value, Item()->value);
    EXPECT_EQ(NameOf(entry->key()), name_);
    model().Use(*Item());
  }

  void FindOrCreate(const Key& key) {
    const bool was_there = Item() != nullptr;
    DropIfPassed();
    const int64_t bytes = BytesOfNew(key);
    const bool expected =
        was_there || model().MakeRoom(bytes, bytes, time_.Now());
    const int value = static_cast<int>(Draw(1, 1000));
    const bool by_state = !was_there && OneIn(2);
    const auto entry = by_state ? keyed().Create(key, State{.value = value})
                                : keyed().FindOrCreate(key);
    ASSERT_EQ(entry.ok(), expected) << entry.status();
    if (!expected) {
      EXPECT_EQ(entry.status().code(), absl::StatusCode::kResourceExhausted);
      return;
    }
    if (was_there) {
      model().Use(*Item());
    } else {
      EXPECT_EQ((*entry)->state.value, by_state ? value : 0);
      Model::Item& item = model().items[name_];
      item.bytes = bytes;
      item.used = ++model().last_use;
      item.slot = slot_;
    }
    (*entry)->state.value = Item()->value = value;
  }

  void Erase(const Key& key) {
    const bool expected = Item() != nullptr;
    EXPECT_EQ(keyed().Erase(key), expected);
    DropIfPassed();
    model().items.erase(name_);
  }

  void Expire(const Key& key) {
    Keyed<State>::Entry* entry = keyed().Find(key);
    if (entry == nullptr) return;
    model().Use(*Item());
    if (OneIn(5)) {
      keyed().ExpireNever(*entry);
      Item()->expires = std::nullopt;
      return;
    }
    // No two at once, so that it is known which goes first.
    nanoseconds span(Draw(1, 100'000));
    for (const Model& model : models_) {
      for (const auto& [name, item] : model.items) {
        if (item.expires == time_.Now() + span) return;
      }
    }
    keyed().ExpireAfter(*entry, span);
    Item()->expires = time_.Now() + span;
  }

  void Recount(const Key& key) {
    Keyed<State>::Entry* entry = keyed().Find(key);
    if (entry == nullptr) return;
    const auto owned = static_cast<size_t>(Draw(0, OneIn(5) ? 30'000 : 3000));
    Item()->bytes += static_cast<int64_t>(owned - entry->state.owned_bytes);
    entry->state.owned_bytes = owned;
    model().Use(*Item());
    // It may pass between the change and the count.
    if (OneIn(4)) time_.Advance(nanoseconds(Draw(0, 50'000)));
    const int64_t needs = model().items[name_].bytes;
    const bool room = model().MakeRoom(0, needs, time_.Now(), name_);
    EXPECT_EQ(keyed().Recount(*entry).ok(), room);
  }

  void Advance(const Key&) { time_.Advance(nanoseconds(Draw(0, 20'000))); }

  void RunTimers(const Key&) {
    const int64_t most = Draw(0, 3);
    for (int64_t i = 0; i < most && model().DropDue(time_.Now()); ++i) {
    }
    EXPECT_EQ(keyed().RunTimers(static_cast<size_t>(most)), NextTimer(which_));
  }

  void EraseSome(const Key&) {
    if (!OneIn(5)) return;
    keyed().VisitSlot(slot_, [&](Keyed<State>::Entry& entry) {
      if (entry.state.value % 2 == 0) return;
      model().items.erase(NameOf(entry.key()));
      keyed().Erase(entry);
    });
  }

  void Move(const Key&) {
    const std::vector<std::string> names = ModelTakesSlot();
    KeyedSlot<State> slot = keyed().TakeSlot(slot_);
    int64_t bytes = 0;
    std::vector<std::string> taken;
    slot.Visit([&](const Keyed<State>::Entry& entry) {
      taken.push_back(NameOf(entry.key()));
      EXPECT_EQ(entry.state.value, moving_[taken.back()].value);
      EXPECT_EQ(entry.expires(), moving_[taken.back()].expires);
      bytes += moving_[taken.back()].bytes;
    });
    EXPECT_EQ(taken, names);
    EXPECT_EQ(slot.bytes(), bytes);
    Compare(which_);
    if (OneIn(3)) time_.Advance(nanoseconds(Draw(0, 20'000)));
    which_ = OneIn(5) ? which_ : 1 - which_;
    owners_[slot_] = which_;
    const bool room = model().MakeRoom(bytes, bytes, time_.Now());
    EXPECT_EQ(keyed().PutSlot(std::move(slot)).ok(), room);
    if (!room) {
      EXPECT_EQ(slot.size(), names.size());
      return;  // It is lost with the slot.
    }
    for (const std::string& name : names) {
      model().items[name] = moving_[name];
      model().items[name].used = ++model().last_use;
    }
  }

  // The names by use, and the items in moving_.
  std::vector<std::string> ModelTakesSlot() {
    moving_.clear();
    std::vector<std::string> names;
    for (auto it = model().items.begin(); it != model().items.end();) {
      const auto here = it++;
      if (here->second.slot != slot_) continue;
      if (model().PassedAt(here->second, time_.Now())) {
        model().Drop(here, WhyGone::kExpired);
        continue;
      }
      moving_.insert(*here);
      names.push_back(here->first);
      model().items.erase(here);
    }
    std::sort(names.begin(), names.end(),
              [&](const std::string& a, const std::string& b) {
                return moving_[a].used < moving_[b].used;
              });
    return names;
  }

  std::optional<Moment> NextTimer(int which) {
    const auto first = models_[which].First("");
    if (first == models_[which].items.end()) return std::nullopt;
    return first->second.expires;
  }

  void Compare(int which) {
    Keyed<State>& keyed = *keyed_[which];
    const Model& model = models_[which];
    EXPECT_EQ(keyed.size(), model.items.size());
    EXPECT_EQ(keyed.bytes(), model.bytes());
    EXPECT_EQ(keyed.expired(), model.expired);
    EXPECT_EQ(keyed.evicted(), model.evicted);
    EXPECT_EQ(told_[which], model.gone);
    EXPECT_EQ(keyed.NextTimer(), NextTimer(which));

    using Values = std::map<std::string, int>;
    Values expected, expected_in_slot, seen, seen_in_slot;
    for (const auto& [name, item] : model.items) {
      if (model.PassedAt(item, time_.Now())) continue;
      expected[name] = item.value;
      if (item.slot == slot_) expected_in_slot[name] = item.value;
    }
    keyed.Visit([&](Keyed<State>::Entry& entry) {
      EXPECT_TRUE(seen.emplace(NameOf(entry.key()), entry.state.value).second);
    });
    keyed.VisitSlot(slot_, [&](Keyed<State>::Entry& entry) {
      EXPECT_TRUE(
          seen_in_slot.emplace(NameOf(entry.key()), entry.state.value).second);
    });
    EXPECT_EQ(seen, expected);
    EXPECT_EQ(seen_in_slot, expected_in_slot);
  }

  std::mt19937_64 random_;
  const bool many_;     // Keys, or few.
  bool fills_ = false;  // Rather than empties, if they are many.
  FakeClock time_;
  std::vector<std::unique_ptr<Keyed<State>>> keyed_;
  std::vector<Model> models_;
  Told told_[2];               // Of what went, by each.
  std::map<int, int> owners_;  // Of slots: which of the two.

  // Of the present step.
  std::string name_;
  int slot_ = 0;
  int which_ = 0;
  std::string step_;
  Model::Items moving_;
};

TEST(KeyedModelTest, WhateverIsDoneAKeyedIsWhatThePlainModelIs) {
  SeededRuns runs(kRuns);
  while (!HasFailure() && runs.Next()) RandomRun(runs.seed()).Go();
}

}  // namespace
}  // namespace pinion::testing
