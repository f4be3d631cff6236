// SPDX-License-Identifier: Apache-2.0
//
// keyed: what it costs that a shard's map knows its slots, times to live and
// bytes: pinion::Keyed beside absl::flat_hash_map<std::string, State>.
//
// Both hold the same keys, and are asked for the same ones in the same order.
// keyed_evicting also notes each use, to know which entry to evict.
#include "pinion/server/keyed/keyed.h"

#include <time.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/flags/flag.h"
#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "pinion/core/base/check.h"
#include "pinion/tests/bench/keyed_growth.h"
#include "pinion/tests/bench/support/order_of_round.h"
#include "pinion/tests/bench/support/program.h"
#include "pinion/tests/bench/support/progress.h"
#include "pinion/tests/bench/support/report.h"

ABSL_FLAG(bool, json, false, "one JSON object per line in place of the tables");
ABSL_FLAG(int, rounds, 15,
          "how often each is measured, but for growth; 0 to 1000, 0 leaves all "
          "but growth out");
ABSL_FLAG(int, operations, 200'000,
          "how many of each kind a round has; 1000 to 100000000");
ABSL_FLAG(int, key_bytes, 12, "how long each key is; 8 to 1024");
ABSL_FLAG(int, grow_to, 300'000,
          "how many entries the maps grow to, to find the longest operation; 0 "
          "to 100000000, 0 leaves it out; beyond 300000 those of Keyed only, "
          "each once");
ABSL_FLAG(std::vector<std::string>, growing, {},
          "which maps grow, all by default: flat_hash_map, keyed, "
          "keyed_expiring, keyed_evicting");

namespace pinion::bench {
namespace {

constexpr char kUsage[] =
    "usage: keyed [FLAG]...\n\n"
    "Looks keys up in pinion::Keyed and in absl::flat_hash_map, and tells what "
    "one takes of CPU time.\n"
    "  hit             a key that is there\n"
    "  miss            a key that is not\n"
    "  find_or_create  a key that is there, or, as often, one that is not yet\n"
    "  erase           a key that is there, unless it was drawn before\n"
    "Then it grows maps, and shrinks them to nothing, and tells what the "
    "longest\n"
    "operation took by the clock (longest_us) and of CPU time "
    "(longest_cpu_us), which\n"
    "does not count what other threads took meanwhile, \"preempted\" times.\n"
    "  grow            a new key after the other\n"
    "  erase           all of them\n"
    "  expire          the same; each has a time to live (keyed_expiring)\n"
    "  use             finds each once (keyed_evicting)\n"
    "  evict           the least recently used goes, until none is left\n"
    "  grow_again      like grow, in the memory that is left\n"
    "Keys are drawn uniformly, or by Zipf's law: few of them very often.\n"
    "Up to 15 bytes of a key lie within a std::string, and so in the cells of\n"
    "flat_hash_map; --key_bytes=36 shows longer ones.";

constexpr size_t kEntries[] = {1000, 100'000, 1'000'000};

// Near to what YCSB draws its keys with.
constexpr double kZipfExponent = 1.01;

struct Account {
  int64_t balance = 0;
  int64_t limit = 0;
  uint64_t version = 0;
  int64_t changed_ns = 0;
  double score = 0;
};

class FlatHashMap {
 public:
  Account* Find(const std::string& key) {
    const auto found = map_.find(key);
    return found == map_.end() ? nullptr : &found->second;
  }
  Account* FindOrCreate(const std::string& key) { return &map_[key]; }
  bool Erase(const std::string& key) { return map_.erase(key) > 0; }

 private:
  absl::flat_hash_map<std::string, Account> map_;
};

template <WhenFull when_full>
class KeyedMap {
 public:
  Account* Find(const std::string& key) {
    Keyed<Account>::Entry* entry = keyed_.Find(key);
    return entry == nullptr ? nullptr : &entry->state;
  }
  Account* FindOrCreate(const std::string& key) {
    auto entry = keyed_.FindOrCreate(key);
    PINION_CHECK(entry.ok(), entry.status().message());
    return &(*entry)->state;
  }
  bool Erase(const std::string& key) { return keyed_.Erase(key); }

 private:
  Keyed<Account> keyed_{{.when_full = when_full, .key_seed = 7}};
};

// Others use the CPU too.
int64_t ThreadCpuNanos() {
  timespec used;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return int64_t{used.tv_sec} * 1'000'000'000 + used.tv_nsec;
}

using Keys = std::vector<std::string>;

// A map that is measured. Each operation reads, or writes, the state it finds,
// and returns how many keys were there.
class Contender {
 public:
  virtual ~Contender() = default;
  virtual size_t Find(const Keys& keys) = 0;
  virtual size_t FindOrCreate(const Keys& keys) = 0;
  virtual size_t Erase(const Keys& keys) = 0;
};

template <typename Map>
class ContenderWith final : public Contender {
 public:
  size_t Find(const Keys& keys) override {
    size_t found = 0;
    for (const std::string& key : keys) {
      const Account* account = map_.Find(key);
      if (account != nullptr) found += 1 + (account->balance < 0);
    }
    return found;
  }
  size_t FindOrCreate(const Keys& keys) override {
    size_t found = 0;
    for (const std::string& key : keys) {
      found += map_.FindOrCreate(key)->version++ > 0;
    }
    return found;
  }
  size_t Erase(const Keys& keys) override {
    size_t found = 0;
    for (const std::string& key : keys) found += map_.Erase(key);
    return found;
  }

 private:
  Map map_;
};

struct Impl {
  const char* name;
  std::unique_ptr<Contender> map;
};

std::vector<Impl> MakeAll() {
  std::vector<Impl> all;
  all.push_back(
      {"flat_hash_map", std::make_unique<ContenderWith<FlatHashMap>>()});
  all.push_back(
      {"keyed",
       std::make_unique<ContenderWith<KeyedMap<WhenFull::kRefuse>>>()});
  all.push_back(
      {"keyed_evicting",
       std::make_unique<ContenderWith<KeyedMap<WhenFull::kEvict>>>()});
  return all;
}

// The keys there are, and others, and how they are drawn.
class KeySpace {
 public:
  KeySpace(size_t entries, size_t key_bytes) : random_(entries) {
    std::vector<size_t> numbers(2 * entries);
    std::iota(numbers.begin(), numbers.end(), 0);
    std::shuffle(numbers.begin(), numbers.end(), random_);
    for (size_t number : numbers) {
      std::string digits = absl::StrCat(number);
      digits.insert(0, key_bytes - digits.size(), '0');
      (present_.size() < entries ? present_ : absent_).push_back(digits);
    }
  }

  const Keys& present() const { return present_; }

  Keys DrawPresent(bool zipf, size_t count) {
    return Draw(present_, zipf, count);
  }
  Keys DrawAbsent(bool zipf, size_t count) {
    return Draw(absent_, zipf, count);
  }

 private:
  Keys Draw(const Keys& keys, bool zipf, size_t count) {
    std::uniform_int_distribution<size_t> any(0, keys.size() - 1);
    absl::zipf_distribution<size_t> first(keys.size() - 1, kZipfExponent);
    // Each time others are the ones drawn often: what these few happen to
    // collide with would else decide.
    const size_t offset = any(random_);
    Keys drawn;
    while (drawn.size() < count) {
      drawn.push_back(zipf ? keys[(first(random_) + offset) % keys.size()]
                           : keys[any(random_)]);
    }
    return drawn;
  }

  std::mt19937_64 random_;
  Keys present_;
  Keys absent_;
};

// All of the maps with so many entries, in one round after the other.
class Measurement {
 public:
  Measurement(size_t entries, size_t key_bytes, size_t operations,
              Report& report)
      : entries_(entries),
        operations_(operations),
        space_(entries, key_bytes),
        report_(report) {
    for (Impl& impl : all_) impl.map->FindOrCreate(space_.present());
  }

  void Round(int round) {
    for (const bool zipf : {false, true}) {
      MeasureFind("hit", zipf, round, space_.DrawPresent(zipf, operations_));
      MeasureFind("miss", zipf, round, space_.DrawAbsent(zipf, operations_));
      MeasureFindOrCreate(zipf, round);
      MeasureErase(zipf, round);
    }
  }

 private:
  // Little enough that the maps hold about as many entries all the time, long
  // against a reading of the clock.
  size_t BatchSize() const {
    return std::min(operations_, std::max<size_t>(entries_ / 10, 500));
  }
  size_t Batches() const { return operations_ / BatchSize(); }

  template <typename Measure>  // Returns nanoseconds.
  void ForEach(const char* operation, bool zipf, int round, Measure measure) {
    for (Impl* impl : InOrderOfRound(all_, round)) {
      progress_.Show(absl::StrCat("round ", round + 1, ": ", impl->name, ", ",
                                  operation, ", ", entries_, " entries"));
      const double nanos = measure(*impl->map);
      report_.Add(impl->name,
                  {operation, zipf ? "zipf" : "uniform",
                   static_cast<int64_t>(entries_)},
                  {nanos / static_cast<double>(Batches() * BatchSize())});
    }
  }

  void MeasureFind(const char* operation, bool zipf, int round, Keys keys) {
    keys.resize(Batches() * BatchSize());
    const size_t found = operation == std::string("hit") ? keys.size() : 0;
    ForEach(operation, zipf, round, [&](Contender& map) {
      const int64_t begun = ThreadCpuNanos();
      PINION_CHECK(map.Find(keys) == found, "a map lost or invented keys");
      return static_cast<double>(ThreadCpuNanos() - begun);
    });
  }

  void MeasureFindOrCreate(bool zipf, int round) {
    Keys keys = space_.DrawPresent(zipf, BatchSize() / 2);
    const Keys created = space_.DrawAbsent(zipf, BatchSize() - keys.size());
    keys.insert(keys.end(), created.begin(), created.end());
    std::shuffle(keys.begin(), keys.end(), order_);
    ForEach("find_or_create", zipf, round, [&](Contender& map) {
      int64_t nanos = 0;
      for (size_t i = 0; i < Batches(); ++i) {
        const int64_t begun = ThreadCpuNanos();
        map.FindOrCreate(keys);
        nanos += ThreadCpuNanos() - begun;
        map.Erase(created);
      }
      return static_cast<double>(nanos);
    });
  }

  void MeasureErase(bool zipf, int round) {
    const Keys keys = space_.DrawPresent(zipf, BatchSize());
    ForEach("erase", zipf, round, [&](Contender& map) {
      int64_t nanos = 0;
      for (size_t i = 0; i < Batches(); ++i) {
        const int64_t begun = ThreadCpuNanos();
        map.Erase(keys);
        nanos += ThreadCpuNanos() - begun;
        map.FindOrCreate(keys);
      }
      return static_cast<double>(nanos);
    });
  }

  const size_t entries_;
  const size_t operations_;
  KeySpace space_;
  std::mt19937_64 order_{1};
  Report& report_;
  Progress progress_;
  std::vector<Impl> all_ = MakeAll();
};

int Main(int argc, char** argv) {
  ParseFlags(argc, argv, kUsage);
  const int rounds = CheckedFlag(FLAGS_rounds, 0, 1000);
  const int operations = CheckedFlag(FLAGS_operations, 1000, 100'000'000);
  const int key_bytes = CheckedFlag(FLAGS_key_bytes, 8, 1024);
  const int grow_to = CheckedFlag(FLAGS_grow_to, 0, 100'000'000);
  const std::vector<std::string> growing =
      CheckedNames(FLAGS_growing, GrowingMaps());
  const bool json = absl::GetFlag(FLAGS_json);
  if (rounds > 0) {
    Report report("keyed", {"operation", "keys", "entries"},
                  {{"ns_per_op", 1}});
    report.Compare("keyed", "flat_hash_map");
    report.Compare("keyed_evicting", "flat_hash_map");
    for (const size_t entries : kEntries) {
      Measurement measurement(entries, static_cast<size_t>(key_bytes),
                              static_cast<size_t>(operations), report);
      for (int round = 0; round < rounds; ++round) measurement.Round(round);
    }
    report.Print(json,
                 absl::StrFormat("Operations on one thread, keys of %d bytes, "
                                 "states of %d; medians of %d rounds.",
                                 key_bytes, sizeof(Account), rounds));
  }
  if (grow_to > 0) {
    Report report = GrowthReport();
    MeasureGrowth(growing, grow_to, key_bytes, report);
    report.Print(json, absl::StrFormat("%sOperations one by one on maps that "
                                       "grow and shrink, keys of %d bytes.",
                                       rounds > 0 ? "\n" : "", key_bytes));
  }
  return 0;
}

}  // namespace
}  // namespace pinion::bench

int main(int argc, char** argv) { return pinion::bench::Main(argc, argv); }
