// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/keyed/keyed.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "pinion/core/fake_clock.h"
#include "pinion/server/door/router.h"
#include "pinion/server/internal/keyed_tallies.h"
#include "shop/v1/counter.pb.h"

namespace pinion {
namespace {

using ::shop::v1::AddRequest;
using std::chrono::hours;
using std::chrono::nanoseconds;
using std::chrono::seconds;

struct Account {
  int64_t balance = 0;
  size_t owned_bytes = 0;
};

size_t PinionOwnedBytes(const Account& account) { return account.owned_bytes; }

using Accounts = Keyed<Account>;

// What an entry of an account with a short key takes.
int64_t EntryBytes() {
  Accounts one;
  EXPECT_TRUE(one.FindOrCreate("a").ok());
  return one.bytes();
}

class KeyedTest : public ::testing::Test {
 protected:
  // It begins one second before the clock wraps.
  FakeClock time_;
};

void Create(Accounts& accounts, const std::string& name, int64_t balance = 0) {
  const auto account = accounts.FindOrCreate(name);
  ASSERT_TRUE(account.ok()) << account.status();
  (*account)->state.balance = balance;
}

std::set<std::string> NamesIn(Accounts& accounts) {
  std::set<std::string> names;
  accounts.Visit([&](Accounts::Entry& entry) {
    names.insert(std::string(entry.key().bytes()));
  });
  return names;
}

TEST_F(KeyedTest, FindsWhatWasCreatedUntilItIsErased) {
  Accounts accounts;
  EXPECT_EQ(accounts.Find("alice"), nullptr);
  Create(accounts, "alice", 5);
  ASSERT_NE(accounts.Find("alice"), nullptr);
  EXPECT_EQ(accounts.Find("alice")->state.balance, 5);
  EXPECT_EQ(accounts.FindOrCreate("alice").value(), accounts.Find("alice"));
  EXPECT_EQ(accounts.size(), 1u);
  EXPECT_TRUE(accounts.Erase("alice"));
  EXPECT_FALSE(accounts.Erase("alice"));
  EXPECT_EQ(accounts.Find("alice"), nullptr);
  EXPECT_EQ(accounts.size(), 0u);
  EXPECT_EQ(accounts.bytes(), 0);
}

TEST_F(KeyedTest, KeysOfAllLengthsAreToldApart) {
  Accounts accounts;
  for (const char letter : {'x', 'y'}) {
    for (size_t bytes = 0; bytes <= kMaxKeyBytes; ++bytes) {
      // The first, the last or one in the middle differs from the other kind's.
      for (const size_t at : {size_t{0}, bytes / 2, bytes - 1}) {
        std::string key(bytes, 'k');
        if (bytes > 0) key[at] = letter;
        Create(accounts, key);
        accounts.Find(key)->state.balance += letter;
      }
    }
  }
  for (const char letter : {'x', 'y'}) {
    for (size_t bytes = 3; bytes <= kMaxKeyBytes; ++bytes) {
      for (const size_t at : {size_t{0}, bytes / 2, bytes - 1}) {
        std::string key(bytes, 'k');
        key[at] = letter;
        ASSERT_EQ(accounts.Find(key)->state.balance, letter) << key;
        ASSERT_EQ(accounts.Find(key)->key().bytes(), key);
      }
    }
  }
  // Of the lengths 0, 1 and 2, one, two and four keys.
  EXPECT_EQ(accounts.size(), 7 + 6 * (kMaxKeyBytes - 2));
}

TEST_F(KeyedTest, AKeyOfBytesMayHoldAnyByte) {
  Accounts accounts;
  Create(accounts, std::string("a\0b", 3), 1);
  Create(accounts, std::string("a\0c", 3), 2);
  EXPECT_EQ(accounts.Find("a"), nullptr);
  EXPECT_EQ(accounts.Find(std::string("a\0c", 3))->state.balance, 2);
}

TEST_F(KeyedTest, AnIntegerIsOneKeyWithItsDecimalTextWhateverItsType) {
  Accounts accounts;
  for (const int64_t number : {int64_t{42}, int64_t{1} << 62}) {
    const Accounts::Entry* entry = accounts.FindOrCreate(number).value();
    EXPECT_EQ(accounts.Find(static_cast<uint64_t>(number)), entry);
    EXPECT_EQ(accounts.Find(Key::FromSigned(number)), entry);
    EXPECT_EQ(accounts.Find(Key::FromUnsigned(number)), entry);
    EXPECT_EQ(accounts.Find(std::to_string(number)), entry);
    EXPECT_EQ(entry->key().bytes(), std::to_string(number));
  }
  EXPECT_EQ(accounts.Find("042"), nullptr);

  enum class Colour : int8_t { kRed = -1 };
  const Accounts::Entry* red = accounts.FindOrCreate(Colour::kRed).value();
  EXPECT_EQ(accounts.Find(-1), red);
  EXPECT_EQ(accounts.Find("-1"), red);
  EXPECT_EQ(accounts.Find(uint64_t{0} - 1), nullptr);
  ASSERT_TRUE(accounts.FindOrCreate(uint64_t{0} - 1).ok());
  EXPECT_NE(accounts.Find("18446744073709551615"), nullptr);
  EXPECT_TRUE(accounts.FindOrCreate(true).ok());
  EXPECT_NE(accounts.Find("1"), nullptr);
}

TEST_F(KeyedTest, ASlotsEntriesAreThoseThatTheRouterSendsToItsOwner) {
  constexpr uint64_t kSeed = 99;
  // With as many workers as slots, the worker's number is the slot's.
  const Router router(kSlots, kSeed);
  const HostedMethod by_name = {
      .path = "/shop.v1.CounterService/Add",
      .key = KeyReader::Create(AddRequest::descriptor(), "name").value(),
      .handler = {}};
  const HostedMethod by_number = {
      .path = "/shop.v1.CounterService/Add",
      .key = KeyReader::Create(AddRequest::descriptor(), "by").value(),
      .handler = {}};
  Accounts accounts({.key_seed = kSeed});
  std::vector<int> in_slot(kSlots);
  for (int i = 0; i < 2000; ++i) {
    AddRequest request;
    request.set_name("account " + std::to_string(i));
    request.set_by(-i);
    const std::string bytes = request.SerializeAsString();
    const int name_slot = *router.RouteKeyed(by_name, bytes, std::nullopt);
    const int number_slot = *router.RouteKeyed(by_number, bytes, std::nullopt);
    EXPECT_EQ(accounts.SlotOfKey(request.name()), name_slot);
    EXPECT_EQ(accounts.SlotOfKey(request.by()), number_slot);
    Create(accounts, request.name());
    ASSERT_TRUE(accounts.FindOrCreate(request.by()).ok());
    ++in_slot[name_slot];
    ++in_slot[number_slot];
  }
  for (int slot = 0; slot < kSlots; ++slot) {
    accounts.VisitSlot(slot, [&](Accounts::Entry& entry) {
      EXPECT_EQ(accounts.SlotOfKey(entry.key()), slot);
      --in_slot[slot];
    });
    EXPECT_EQ(in_slot[slot], 0);
  }
}

TEST_F(KeyedTest, AVisitorMayEraseWhatItIsShown) {
  Accounts accounts;
  for (int i = 0; i < 1000; ++i) Create(accounts, std::to_string(i), i);
  const auto erase_odd = [&](Accounts::Entry& entry) {
    if (entry.state.balance % 2 == 1) accounts.Erase(entry);
  };
  for (int slot = 0; slot < kSlots / 2; ++slot) {
    accounts.VisitSlot(slot, erase_odd);
  }
  EXPECT_LT(accounts.size(), 1000u);
  EXPECT_GT(accounts.size(), 500u);
  accounts.Visit(erase_odd);
  EXPECT_EQ(accounts.size(), 500u);
}

TEST_F(KeyedTest, AnEntryPassesExactlyWhenItsTimeHas) {
  Accounts accounts({.clock = time_.clock()});
  Create(accounts, "alice");
  accounts.ExpireAfter(*accounts.Find("alice"), seconds(3));
  const Moment at = time_.Now() + seconds(3);
  EXPECT_EQ(accounts.Find("alice")->expires(), at);
  EXPECT_EQ(accounts.NextTimer(), at);
  time_.Advance(seconds(3) - nanoseconds(1));
  EXPECT_EQ(accounts.RunTimers(), at);
  EXPECT_NE(accounts.Find("alice"), nullptr);
  time_.Advance(nanoseconds(1));
  // Whether the timers have run or not.
  EXPECT_EQ(accounts.Find("alice"), nullptr);
  EXPECT_TRUE(NamesIn(accounts).empty());
  EXPECT_EQ(accounts.size(), 1u);
  EXPECT_EQ(accounts.RunTimers(), std::nullopt);
  EXPECT_EQ(accounts.size(), 0u);
  EXPECT_EQ(accounts.bytes(), 0);
  EXPECT_EQ(accounts.expired(), 1u);
}

TEST_F(KeyedTest, WhatIsCreatedInThePlaceOfAPassedOneIsNew) {
  Accounts accounts({.clock = time_.clock()});
  Create(accounts, "alice", 5);
  accounts.ExpireAfter(*accounts.Find("alice"), seconds(1));
  time_.Advance(seconds(1));
  EXPECT_FALSE(accounts.Erase("alice"));
  Create(accounts, "bob", 5);
  accounts.ExpireAfter(*accounts.Find("bob"), seconds(1));
  time_.Advance(seconds(1));
  const Accounts::Entry* bob = accounts.FindOrCreate("bob").value();
  EXPECT_EQ(bob->state.balance, 0);
  EXPECT_EQ(bob->expires(), std::nullopt);
  EXPECT_EQ(accounts.RunTimers(), std::nullopt);
  EXPECT_EQ(accounts.size(), 1u);

  // Also if it is named by the key of the passed one itself.
  const std::string carol = "carol, with more than 19 bytes";
  Create(accounts, carol);
  accounts.ExpireAfter(*accounts.Find(carol), seconds(1));
  const Key key = accounts.Find(carol)->key();
  time_.Advance(seconds(1));
  EXPECT_EQ(accounts.FindOrCreate(key).value()->key().bytes(), carol);
}

TEST_F(KeyedTest, ATimeToLiveCanBeChangedAndTakenBack) {
  Accounts accounts({.clock = time_.clock()});
  for (const char* name : {"longer", "shorter", "never", "at once", "far"}) {
    Create(accounts, name);
    accounts.ExpireAfter(*accounts.Find(name), seconds(5));
  }
  accounts.ExpireAfter(*accounts.Find("longer"), seconds(7));
  accounts.ExpireAfter(*accounts.Find("shorter"), seconds(3));
  accounts.ExpireNever(*accounts.Find("never"));
  accounts.ExpireAfter(*accounts.Find("at once"), seconds(-1));
  accounts.ExpireAfter(*accounts.Find("far"), nanoseconds::max());
  EXPECT_EQ(accounts.RunTimers(), time_.Now() + seconds(3));
  using Names = std::set<std::string>;
  EXPECT_EQ(NamesIn(accounts), (Names{"longer", "shorter", "never", "far"}));
  time_.Advance(seconds(3));
  accounts.RunTimers();
  EXPECT_EQ(NamesIn(accounts), (Names{"longer", "never", "far"}));
  time_.Advance(seconds(4));
  accounts.RunTimers();
  EXPECT_EQ(NamesIn(accounts), (Names{"never", "far"}));
  time_.Advance(hours(24 * 365 * 99));
  accounts.RunTimers();
  EXPECT_EQ(NamesIn(accounts), (Names{"never", "far"}));
  time_.Advance(hours(24 * 365));
  accounts.RunTimers();
  EXPECT_EQ(NamesIn(accounts), (Names{"never"}));
}

TEST_F(KeyedTest, OneRunOfTheTimersLetsNoMoreGoThanItMay) {
  Accounts accounts({.clock = time_.clock()});
  for (int i = 0; i < 10; ++i) {
    Create(accounts, std::to_string(i));
    accounts.ExpireAfter(*accounts.Find(std::to_string(i)), seconds(1));
  }
  time_.Advance(seconds(2));
  EXPECT_LE(accounts.RunTimers(/*most=*/4), time_.Now());  // At once again.
  EXPECT_EQ(accounts.size(), 6u);
  EXPECT_LE(accounts.RunTimers(/*most=*/4), time_.Now());
  EXPECT_EQ(accounts.RunTimers(/*most=*/4), std::nullopt);
  EXPECT_EQ(accounts.size(), 0u);
}

TEST_F(KeyedTest, WhatDoesNotFitIsRefusedWithTheNumbersAndWhatToDo) {
  const int64_t each = EntryBytes();
  Accounts accounts({.max_bytes = 2 * each + 1, .clock = time_.clock()});
  Create(accounts, "a");
  Create(accounts, "b");
  const absl::Status refusal = accounts.FindOrCreate("c").status();
  EXPECT_EQ(refusal.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(refusal.message(),
            "the entry of \"c\" takes " + std::to_string(each) +
                " bytes, and the other 2 entries of this shard " +
                std::to_string(2 * each) + " of the " +
                std::to_string(2 * each + 1) +
                " that its state may take; erase some, give them a time to "
                "live, raise max_bytes, or have the least recently used "
                "evicted");
  EXPECT_EQ(accounts.size(), 2u);
  EXPECT_EQ(accounts.bytes(), 2 * each);
  EXPECT_TRUE(accounts.FindOrCreate("a").ok());  // It is there.
  accounts.Erase("a");
  EXPECT_TRUE(accounts.FindOrCreate("c").ok());
}

TEST_F(KeyedTest, WhatHasPassedStandsInNobodysWay) {
  Accounts accounts({.max_bytes = 2 * EntryBytes(), .clock = time_.clock()});
  Create(accounts, "a");
  Create(accounts, "b");
  accounts.ExpireAfter(*accounts.Find("b"), seconds(1));
  time_.Advance(seconds(1));
  EXPECT_TRUE(accounts.FindOrCreate("c").ok());
  EXPECT_EQ(NamesIn(accounts), (std::set<std::string>{"a", "c"}));
}

TEST_F(KeyedTest, TheLeastRecentlyUsedIsEvicted) {
  Accounts accounts(
      {.max_bytes = 3 * EntryBytes(), .when_full = WhenFull::kEvict});
  using Names = std::set<std::string>;
  for (const char* name : {"a", "b", "c"}) Create(accounts, name);
  accounts.Find("a");
  NamesIn(accounts);  // Which is no use.
  Create(accounts, "d");
  EXPECT_EQ(NamesIn(accounts), (Names{"a", "c", "d"}));
  Create(accounts, "c");
  Create(accounts, "e");
  EXPECT_EQ(NamesIn(accounts), (Names{"c", "d", "e"}));
  EXPECT_EQ(accounts.evicted(), 2u);
}

TEST_F(KeyedTest, EvictionGoesByTheLastUseOfEachHoweverManyThereWere) {
  constexpr int kAccounts = 100;
  Accounts accounts(
      {.max_bytes = kAccounts * EntryBytes(), .when_full = WhenFull::kEvict});
  for (int i = 0; i < kAccounts; ++i) Create(accounts, std::to_string(i), i);
  std::vector<int> by_last_use;
  for (int use = 0; use < 1000; ++use) {
    // In some disorder, a few of them again and again.
    const int used = use % 3 == 0 ? use % 7 : use * 37 % kAccounts;
    accounts.Find(std::to_string(used));
    std::erase(by_last_use, used);
    by_last_use.push_back(used);
  }
  ASSERT_EQ(by_last_use.size(), static_cast<size_t>(kAccounts));
  for (const int next : by_last_use) {
    std::set<std::string> names = NamesIn(accounts);
    Create(accounts, "new " + std::to_string(next));
    names.erase(std::to_string(next));
    names.insert("new " + std::to_string(next));
    ASSERT_EQ(NamesIn(accounts), names);
  }
}

TEST_F(KeyedTest, TheTalliesOfAShardHaveWhatItsMapsHold) {
  internal::KeyedTallies tallies;
  const auto check = [&](uint64_t entries, int64_t bytes) {
    EXPECT_EQ(tallies.entries.value(), entries);
    EXPECT_EQ(static_cast<int64_t>(tallies.bytes.value()), bytes);
  };
  const int64_t each = EntryBytes();
  Accounts other({.tallies = &tallies});
  Create(other, "a");
  {
    Accounts accounts({.max_bytes = 2 * each,
                       .when_full = WhenFull::kEvict,
                       .clock = time_.clock(),
                       .tallies = &tallies});
    for (const char* name : {"a", "b", "c"}) Create(accounts, name);
    check(3, 3 * each);
    EXPECT_EQ(tallies.evicted.value(), 1u);
    Accounts::Entry* c = accounts.Find("c");
    EXPECT_TRUE(accounts.Erase("b"));
    c->state.owned_bytes = 3;
    EXPECT_TRUE(accounts.Recount(*c).ok());
    check(2, 2 * each + 3);
    accounts.ExpireAfter(*c, seconds(1));
    time_.Advance(seconds(1));
    accounts.RunTimers();
    check(1, each);
    EXPECT_EQ(tallies.expired.value(), 1u);
    Create(accounts, "d");
  }
  // A map that is destroyed holds nothing more.
  check(1, each);
  EXPECT_TRUE(other.Erase("a"));
  check(0, 0);
}

TEST_F(KeyedTest, WhatCouldNeverFitEvictsNobody) {
  Accounts accounts(
      {.max_bytes = 2 * EntryBytes(), .when_full = WhenFull::kEvict});
  Create(accounts, "a");
  const absl::Status refusal =
      accounts.FindOrCreate(std::string(1000, 'k')).status();
  EXPECT_EQ(refusal.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(refusal.message().find("make it smaller, or raise max_bytes"),
            std::string::npos)
      << refusal;
  EXPECT_EQ(NamesIn(accounts), (std::set<std::string>{"a"}));
}

TEST_F(KeyedTest, AStateThatGrowsEvictsOthersAndNeverItself) {
  const int64_t each = EntryBytes();
  Accounts accounts({.max_bytes = 3 * each,
                     .when_full = WhenFull::kEvict,
                     .clock = time_.clock()});
  for (const char* name : {"a", "b", "c"}) Create(accounts, name);
  Accounts::Entry* a = accounts.Find("a");
  accounts.ExpireAfter(*a, seconds(1));
  time_.Advance(seconds(1));  // Its time has passed while it is changed.
  a->state.owned_bytes = 1;
  EXPECT_TRUE(accounts.Recount(*a).ok());
  EXPECT_EQ(accounts.bytes(), 2 * each + 1);
  EXPECT_EQ(accounts.Find("b"), nullptr);
  a->state.owned_bytes = 3 * each;
  EXPECT_EQ(accounts.Recount(*a).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(accounts.Find("c"), nullptr);
  a->state.owned_bytes = 0;
  EXPECT_TRUE(accounts.Recount(*a).ok());
  EXPECT_EQ(accounts.bytes(), 2 * each);
  EXPECT_EQ(accounts.RunTimers(), std::nullopt);
  EXPECT_EQ(accounts.bytes(), each);
}

TEST_F(KeyedTest, AStateThatGrowsTooFarStaysAndNothingNewIsCreated) {
  const int64_t each = EntryBytes();
  Accounts accounts({.max_bytes = 3 * each});
  Create(accounts, "a");
  Accounts::Entry* a = accounts.Find("a");
  a->state.owned_bytes = 2 * each;
  EXPECT_TRUE(accounts.Recount(*a).ok());
  a->state.owned_bytes = 3 * each;
  EXPECT_EQ(accounts.Recount(*a).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(accounts.bytes(), 4 * each);
  EXPECT_EQ(accounts.FindOrCreate("b").status().code(),
            absl::StatusCode::kResourceExhausted);
  a->state.owned_bytes = each;
  EXPECT_TRUE(accounts.Recount(*a).ok());
  EXPECT_TRUE(accounts.FindOrCreate("b").ok());
}

TEST_F(KeyedTest, AnEntryIsCreatedOfAStateThatIsCountedAtOnce) {
  const int64_t each = EntryBytes();
  Accounts accounts({.max_bytes = 3 * each,
                     .when_full = WhenFull::kEvict,
                     .clock = time_.clock()});
  for (const char* name : {"a", "b", "c"}) Create(accounts, name);
  // Which could never fit, and so makes nobody go.
  EXPECT_EQ(accounts.Create("d", Account{.balance = 5, .owned_bytes = 9000})
                .status()
                .code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(accounts.size(), 3u);
  const auto d = accounts.Create("d", Account{.balance = 5, .owned_bytes = 1});
  ASSERT_TRUE(d.ok()) << d.status();
  EXPECT_EQ((*d)->state.balance, 5);
  EXPECT_EQ((*d)->expires(), std::nullopt);
  EXPECT_EQ(accounts.bytes(), 2 * each + 1);
  EXPECT_EQ(NamesIn(accounts), (std::set<std::string>{"c", "d"}));
  accounts.ExpireAfter(**d, seconds(1));
  time_.Advance(seconds(1));
  ASSERT_TRUE(accounts.Create("d", Account{.balance = 6}).ok());
  EXPECT_EQ(accounts.Find("d")->state.balance, 6);
  EXPECT_DEATH(accounts.Create("d", Account()).IgnoreError(),
               "\"d\" has an entry already");
}

TEST_F(KeyedTest, OfWhatGoesByItselfIsToldWhy) {
  Accounts accounts({.max_bytes = 2 * EntryBytes(),
                     .when_full = WhenFull::kEvict,
                     .clock = time_.clock()});
  std::vector<std::string> told;
  accounts.OnGone([&](Accounts::Entry& entry, WhyGone why) {
    told.push_back(std::string(entry.key().bytes()) + " of " +
                   std::to_string(entry.state.balance) +
                   (why == WhyGone::kExpired ? " expired" : " evicted"));
  });
  Create(accounts, "a", 1);
  Create(accounts, "b", 2);
  Create(accounts, "c", 3);
  accounts.ExpireAfter(*accounts.Find("b"), seconds(1));
  time_.Advance(seconds(1));
  accounts.RunTimers();
  EXPECT_EQ(told,
            (std::vector<std::string>{"a of 1 evicted", "b of 2 expired"}));
  // Not of what is erased or moved.
  Create(accounts, "d", 4);
  accounts.Erase("c");
  accounts.TakeSlot(accounts.SlotOfKey("d"));
  accounts.OnGone(nullptr);
  for (const char* name : {"e", "f", "g"}) Create(accounts, name);
  EXPECT_EQ(told.size(), 2u);
}

TEST_F(KeyedTest, AnErrorCallsTheBoundWhatItsUserCallsIt) {
  Accounts accounts({.max_bytes = 0, .max_bytes_name = "account_bytes"});
  const absl::Status refusal = accounts.FindOrCreate("a").status();
  EXPECT_NE(refusal.message().find("or raise account_bytes"), std::string::npos)
      << refusal;
}

TEST_F(KeyedTest, AMessageIsCountedByWhatItSaysItUses) {
  Keyed<AddRequest> requests;
  Keyed<AddRequest>::Entry* entry = requests.FindOrCreate(1).value();
  const int64_t bytes = requests.bytes();
  const size_t used = entry->state.SpaceUsedLong();
  entry->state.set_name(std::string(1000, 'n'));
  EXPECT_TRUE(requests.Recount(*entry).ok());
  EXPECT_GE(requests.bytes(), bytes + 1000);
  EXPECT_EQ(requests.bytes() - bytes,
            static_cast<int64_t>(entry->state.SpaceUsedLong() - used));
}

TEST_F(KeyedTest, AKeyOutsideItsEntryIsCounted) {
  Accounts accounts;
  Create(accounts, std::string(19, 'k'));
  EXPECT_EQ(accounts.bytes(), EntryBytes());
  Create(accounts, std::string(1000, 'k'));
  // And what malloc keeps.
  EXPECT_EQ(accounts.bytes(), 2 * EntryBytes() + 1000 + 16);
}

TEST_F(KeyedTest, AStateNeedOnlyBeMovable) {
  Keyed<std::unique_ptr<int>> numbers;
  for (int i = 0; i < 1000; ++i) {
    (*numbers.FindOrCreate(i))->state = std::make_unique<int>(i);
  }
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(*numbers.Find(i)->state, i);
}

// All in one slot.
class KeyedSlotTest : public KeyedTest {
 protected:
  static constexpr int kSlot = 17;

  KeyedSlotTest() {
    const Accounts any;
    for (int i = 0; names_.size() < 5; ++i) {
      const std::string name = "n" + std::to_string(i);
      if (any.SlotOfKey(name) == kSlot) names_.push_back(name);
    }
  }

  KeyedOptions Evicting(int64_t entries) const {
    return {.max_bytes = entries * EntryBytes(),
            .when_full = WhenFull::kEvict,
            .clock = time_.clock()};
  }

  std::vector<std::string> names_;
};

TEST_F(KeyedSlotTest, ASlotMovesWholeWithTimesToLiveAndTheOrderOfUse) {
  Accounts from(Evicting(100)), to(Evicting(5));
  for (size_t i = 0; i < 4; ++i) Create(from, names_[i], 10 + i);
  Create(from, "of another slot");
  from.ExpireAfter(*from.Find(names_[2]), seconds(10));
  from.ExpireAfter(*from.Find(names_[3]), seconds(1));
  from.Find(names_[0]);  // Used in the order 1, 2, 3, 0.
  time_.Advance(seconds(1));

  KeyedSlot<Account> slot = from.TakeSlot(kSlot);
  EXPECT_EQ(NamesIn(from), (std::set<std::string>{"of another slot"}));
  EXPECT_EQ(from.bytes(), EntryBytes());
  EXPECT_EQ(from.NextTimer(), std::nullopt);
  EXPECT_EQ(from.expired(), 1u);  // The third stays behind for good.
  EXPECT_EQ(slot.slot(), kSlot);
  EXPECT_EQ(slot.size(), 3u);
  EXPECT_EQ(slot.bytes(), 3 * EntryBytes());
  std::vector<std::string> order;
  slot.Visit([&](const Accounts::Entry& entry) {
    order.emplace_back(entry.key().bytes());
  });
  EXPECT_EQ(order, (std::vector{names_[1], names_[2], names_[0]}));

  Create(to, "was there");
  ASSERT_TRUE(to.PutSlot(std::move(slot)).ok());
  EXPECT_EQ(slot.size(), 0u);
  EXPECT_EQ(slot.bytes(), 0);
  EXPECT_EQ(to.bytes(), 4 * EntryBytes());
  EXPECT_EQ(to.NextTimer(), time_.Now() + seconds(9));
  size_t in_slot = 0;
  to.VisitSlot(kSlot, [&](Accounts::Entry& entry) {
    EXPECT_EQ(entry.expires().has_value(), entry.key().bytes() == names_[2]);
    ++in_slot;
  });
  EXPECT_EQ(in_slot, 3u);

  // They are evicted in the order of their uses there, after what was here.
  using Names = std::set<std::string>;
  Create(to, "x1");
  Create(to, "x2");
  EXPECT_EQ(NamesIn(to), (Names{names_[1], names_[2], names_[0], "x1", "x2"}));
  Create(to, "x3");
  EXPECT_EQ(NamesIn(to), (Names{names_[2], names_[0], "x1", "x2", "x3"}));
  EXPECT_EQ(to.Find(names_[2])->state.balance, 12);
  Create(to, "x4");
  EXPECT_EQ(NamesIn(to), (Names{names_[2], "x1", "x2", "x3", "x4"}));
  time_.Advance(seconds(9));
  EXPECT_EQ(to.RunTimers(), std::nullopt);
  EXPECT_EQ(NamesIn(to), (Names{"x1", "x2", "x3", "x4"}));
}

TEST_F(KeyedSlotTest, ASlotThatDoesNotFitStaysWithTheCaller) {
  Accounts from(Evicting(5));
  for (const std::string& name : names_) Create(from, name);
  KeyedSlot<Account> slot = from.TakeSlot(kSlot);
  for (const WhenFull when_full : {WhenFull::kRefuse, WhenFull::kEvict}) {
    Accounts to({.max_bytes = 4 * EntryBytes(), .when_full = when_full});
    Create(to, "was there");
    const absl::Status refusal = to.PutSlot(std::move(slot));
    EXPECT_EQ(refusal.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_NE(refusal.message().find("slot 17 with 5 entries takes"),
              std::string::npos)
        << refusal;
    EXPECT_EQ(to.size(), 1u);
    EXPECT_EQ(slot.size(), 5u);
  }
  EXPECT_TRUE(from.PutSlot(std::move(slot)).ok());
  EXPECT_EQ(from.size(), 5u);
}

TEST_F(KeyedSlotTest, ASlotThatIsPutNowhereIsLetGo) {
  Keyed<std::shared_ptr<int>> numbers;
  const auto number = std::make_shared<int>(5);
  (*numbers.FindOrCreate(names_[0]))->state = number;
  EXPECT_EQ(number.use_count(), 2);
  numbers.TakeSlot(kSlot);
  EXPECT_EQ(number.use_count(), 1);
}

TEST_F(KeyedSlotTest, WhereASlotHasEntriesAlreadyItIsNotPut) {
  Accounts from, to;
  Create(from, names_[0]);
  Create(to, names_[1]);
  KeyedSlot<Account> slot = from.TakeSlot(kSlot);
  EXPECT_DEATH(to.PutSlot(std::move(slot)).IgnoreError(),
               "slot 17 has entries here already");
}

#ifndef NDEBUG
TEST_F(KeyedTest, ADebugBuildStopsAtACallFromAnotherThread) {
  Accounts accounts;
  EXPECT_DEATH(std::thread([&] { accounts.Find("a"); }).join(),
               "called off its thread");
}
#endif

}  // namespace
}  // namespace pinion
