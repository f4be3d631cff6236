// SPDX-License-Identifier: Apache-2.0
#include "pinion/tests/bench/keyed_growth.h"

#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "pinion/core/base/check.h"
#include "pinion/core/cycle_clock.h"
#include "pinion/core/fake_clock.h"
#include "pinion/core/monotonic_nanos.h"
#include "pinion/server/keyed/keyed.h"

namespace pinion::bench {
namespace {

// Up to so many entries, all of it is done so often.
constexpr int kMostCompared = 300'000;
constexpr int kTimes = 3;

struct Account {
  int64_t balance = 0;
  int64_t bytes_outside = 0;  // It only says that it owns so many.
  uint64_t version = 0;
  int64_t changed_ns = 0;
  double score = 0;
};
size_t PinionOwnedBytes(const Account& account) {
  return static_cast<size_t>(account.bytes_outside);
}

using Map = Keyed<Account>;

// The maps. Each shrinks in a way of its own, by one entry in each Shrink().

class FlatHashMap {
 public:
  static constexpr const char* kName = "flat_hash_map";
  static constexpr const char* kShrinks = "erase";

  FlatHashMap(int, int) {}
  void Create(const std::string& key) { map_[key].version = 1; }
  void BeginShrinking() {}
  void Shrink(const std::string& key) {
    PINION_CHECK(map_.erase(key) > 0, "a map lost a key");
  }
  void EndShrinking() {}
  size_t size() const { return map_.size(); }

 private:
  absl::flat_hash_map<std::string, Account> map_;
};

class ErasingKeyed {
 public:
  static constexpr const char* kName = "keyed";
  static constexpr const char* kShrinks = "erase";

  ErasingKeyed(int, int) {}
  void Create(const std::string& key) {
    map_.FindOrCreate(key).value()->state.version = 1;
  }
  void BeginShrinking() {}
  void Shrink(const std::string& key) {
    PINION_CHECK(map_.Erase(key), "a map lost a key");
  }
  void EndShrinking() {}
  size_t size() const { return map_.size(); }

 private:
  Map map_;
};

// Each entry has a time to live of its own, within an hour.
class ExpiringKeyed {
 public:
  static constexpr const char* kName = "keyed_expiring";
  static constexpr const char* kShrinks = "expire";

  ExpiringKeyed(int, int) {}
  void Create(const std::string& key) {
    Map::Entry* const entry = map_.FindOrCreate(key).value();
    entry->state.version = 1;
    random_ = random_ * 6364136223846793005 + 1442695040888963407;
    constexpr std::chrono::nanoseconds kHour = std::chrono::hours(1);
    map_.ExpireAfter(*entry, kHour * (random_ >> 48) / (1 << 16));
  }
  void BeginShrinking() { time_.Advance(std::chrono::hours(1)); }
  void Shrink(const std::string&) { map_.RunTimers(1); }
  void EndShrinking() {}
  size_t size() const { return map_.size(); }

 private:
  FakeClock time_;
  uint64_t random_ = 1;
  Map map_{{.clock = time_.clock()}};
};

// Full when it has grown. Then one more entry, which says that it needs ever
// more, pushes the others out.
class EvictingKeyed {
 public:
  static constexpr const char* kName = "keyed_evicting";
  static constexpr const char* kShrinks = "evict";

  EvictingKeyed(int entries, int key_bytes)
      : pusher_key_(static_cast<size_t>(key_bytes), 'p'),
        entry_bytes_(BytesOf(pusher_key_)),
        map_({.max_bytes = entry_bytes_ * (int64_t{entries} + 1),
              .when_full = WhenFull::kEvict}) {}

  void Create(const std::string& key) {
    map_.FindOrCreate(key).value()->state.version = 1;
  }
  void Use(const std::string& key) {
    PINION_CHECK(map_.Find(key) != nullptr, "a map lost a key");
  }
  void BeginShrinking() { pusher_ = map_.FindOrCreate(pusher_key_).value(); }
  void Shrink(const std::string&) {
    pusher_->state.bytes_outside += entry_bytes_;
    const absl::Status room = map_.Recount(*pusher_);
    PINION_CHECK(room.ok(), room.message());
  }
  void EndShrinking() { map_.Erase(*pusher_); }
  size_t size() const { return map_.size(); }

 private:
  static int64_t BytesOf(const std::string& key) {
    Map map;
    PINION_CHECK(map.FindOrCreate(key).ok(), "a map without a limit is full");
    return map.bytes();
  }

  const std::string pusher_key_;
  const int64_t entry_bytes_;
  Map map_;
  Map::Entry* pusher_ = nullptr;
};

// Of this thread: its CPU time, and how often another one got its CPU.
int64_t ThreadCpuNanos() {
  timespec used;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return int64_t{used.tv_sec} * 1'000'000'000 + used.tv_nsec;
}
int64_t TimesPreempted() {
  rusage used;
  getrusage(RUSAGE_THREAD, &used);
  return used.ru_nivcsw;
}

// One map, some times.
//
// Each operation is timed alone, so none overlaps the next in the CPU, as they
// do in the other part: the means are higher here, of flat_hash_map too.
//
// The cycle clock is read after each operation, and each kTogether operations
// the thread's CPU time, which costs more. The longest operation took long by
// both: a thread whose CPU was taken away for some milliseconds is not the
// map's doing, and neither clock alone can tell. (Where a hypervisor takes the
// CPU away without saying so, even both cannot.) So of CPU time the longest
// took at most what its kTogether took, and at most what it took at all.
//
// If all is done a few times, of each kTogether the shortest longest counts:
// what the map does at once it does each time at the same operation, since keys
// and hashes are the same, but what else uses the machine hardly meets the same
// one again.
template <typename AnyMap>
class Growth {
 public:
  Growth(int entries, int key_bytes, int times, Report& report)
      : entries_(entries),
        key_bytes_(key_bytes),
        times_(times),
        report_(report) {}

  void Run() {
    Phase grow{"grow"};
    Phase use{"use"};
    Phase shrink{AnyMap::kShrinks};
    Phase grow_again{"grow_again"};
    for (int time = 0; time < times_; ++time) {
      AnyMap map(entries_, key_bytes_);
      const auto create = [&](const std::string& key) { map.Create(key); };
      Measure(grow, create);
      CheckSize(map, entries_);
      if constexpr (requires { map.Use(""); }) {
        Measure(use, [&](const std::string& key) { map.Use(key); });
      }
      map.BeginShrinking();
      Measure(shrink, [&](const std::string& key) { map.Shrink(key); });
      map.EndShrinking();
      CheckSize(map, 0);
      // It is to show what shrinking leaves, for which few entries do.
      if (entries_ > kMostCompared) continue;
      Measure(grow_again, create);
      CheckSize(map, entries_);
    }
    for (const Phase& phase : {grow, use, shrink, grow_again}) Add(phase);
  }

 private:
  static constexpr int kTogether = 64;
  static constexpr int kLine = 1'000'000;  // Operations for each line.

  // Of the longest operation of kTogether.
  struct Longest {
    int64_t ticks = std::numeric_limits<int64_t>::max();
    int64_t cpu_nanos = std::numeric_limits<int64_t>::max();
  };
  struct Phase {
    const char* name;
    std::vector<Longest> longest = {};
    int64_t cpu_nanos = 0;  // Of all operations.
    int64_t preempted = 0;
  };

  static void CheckSize(const AnyMap& map, int expected) {
    PINION_CHECK(map.size() == static_cast<size_t>(expected), "a map has ",
                 map.size(), " entries in place of ", expected);
  }

  template <typename Operation>
  void Measure(Phase& phase, Operation operation) {
    phase.longest.resize(static_cast<size_t>((entries_ - 1) / kTogether + 1));
    const int64_t preempted = TimesPreempted();
    const int64_t begun = MonotonicNanos();
    std::vector<std::string> keys(
        kTogether, std::string(static_cast<size_t>(key_bytes_), '0'));
    int done = 0;
    for (Longest& longest : phase.longest) {
      const int together = std::min(kTogether, entries_ - done);
      for (int i = 0; i < together; ++i) Write(done + i, keys[i]);
      MeasureTogether(keys.data(), together, operation, phase, longest);
      done += together;
      if (done / kLine > (done - together) / kLine) Say(phase, done, begun);
    }
    phase.preempted += TimesPreempted() - preempted;
  }

  template <typename Operation>
  static void MeasureTogether(const std::string* keys, int together,
                              Operation& operation, Phase& phase,
                              Longest& longest) {
    uint64_t most = 0;
    const int64_t cpu_begun = ThreadCpuNanos();
    uint64_t before = CycleClock::Now();
    for (int i = 0; i < together; ++i) {
      operation(keys[i]);
      const uint64_t now = CycleClock::Now();
      most = std::max(most, now - std::exchange(before, now));
    }
    const int64_t cpu_nanos = ThreadCpuNanos() - cpu_begun;
    phase.cpu_nanos += cpu_nanos;
    const auto ticks = static_cast<int64_t>(most);
    longest.ticks = std::min(longest.ticks, ticks);
    longest.cpu_nanos =
        std::min({longest.cpu_nanos, cpu_nanos,
                  static_cast<int64_t>(CycleClock::ToNanos(most))});
  }

  // All eight digits that a number below a hundred million has.
  static void Write(int number, std::string& key) {
    for (int i = 1; i <= 8; ++i, number /= 10) {
      key[key.size() - i] = static_cast<char>('0' + number % 10);
    }
  }

  static Longest LongestOf(const Phase& phase, size_t groups) {
    Longest longest{0, 0};
    for (size_t i = 0; i < groups; ++i) {
      longest.ticks = std::max(longest.ticks, phase.longest[i].ticks);
      longest.cpu_nanos =
          std::max(longest.cpu_nanos, phase.longest[i].cpu_nanos);
    }
    return longest;
  }
  static double MicrosOf(const Longest& longest) {
    return static_cast<double>(
               CycleClock::ToNanos(static_cast<uint64_t>(longest.ticks))) /
           1e3;
  }

  void Say(const Phase& phase, int done, int64_t begun) const {
    const Longest longest =
        LongestOf(phase, static_cast<size_t>(done / kTogether));
    std::fprintf(stderr,
                 "%s, %s: %d of %d million, %.1f s, longest %.0f us, by CPU "
                 "time %.0f us\n",
                 AnyMap::kName, phase.name, done / kLine, entries_ / kLine,
                 static_cast<double>(MonotonicNanos() - begun) / 1e9,
                 MicrosOf(longest),
                 static_cast<double>(longest.cpu_nanos) / 1e3);
  }

  void Add(const Phase& phase) {
    if (phase.longest.empty()) return;
    const Longest longest = LongestOf(phase, phase.longest.size());
    report_.Add(
        AnyMap::kName, {phase.name, int64_t{entries_}},
        {static_cast<double>(phase.cpu_nanos) / entries_ / times_,
         MicrosOf(longest), static_cast<double>(longest.cpu_nanos) / 1e3,
         static_cast<double>(phase.preempted)});
  }

  const int entries_;
  const int key_bytes_;
  const int times_;
  Report& report_;
};

struct Kind {
  const char* name;
  bool compared_only;
  void (*measure)(int entries, int key_bytes, int times, Report& report);
};

template <typename AnyMap>
Kind KindOf(bool compared_only) {
  return {.name = AnyMap::kName,
          .compared_only = compared_only,
          .measure = [](int entries, int key_bytes, int times, Report& report) {
            Growth<AnyMap>(entries, key_bytes, times, report).Run();
          }};
}

const std::vector<Kind>& Kinds() {
  static const auto& kinds =
      *new std::vector<Kind>{KindOf<FlatHashMap>(/*compared_only=*/true),
                             KindOf<ErasingKeyed>(/*compared_only=*/false),
                             KindOf<ExpiringKeyed>(/*compared_only=*/false),
                             KindOf<EvictingKeyed>(/*compared_only=*/false)};
  return kinds;
}

}  // namespace

const std::vector<std::string>& GrowingMaps() {
  static const auto& names = *new std::vector<std::string>([] {
    std::vector<std::string> all;
    for (const Kind& kind : Kinds()) all.push_back(kind.name);
    return all;
  }());
  return names;
}

Report GrowthReport() {
  Report report("keyed", {"operation", "entries"},
                {{"ns_per_op", 1},
                 {"longest_us", 1},
                 {"longest_cpu_us", 1},
                 {"preempted", 0}});
  report.Compare("keyed", "flat_hash_map");
  report.Compare("keyed_expiring", "flat_hash_map");
  report.Compare("keyed_evicting", "flat_hash_map");
  return report;
}

void MeasureGrowth(const std::vector<std::string>& maps, int entries,
                   int key_bytes, Report& report) {
  const auto measure = [&](const Kind& kind, int up_to, int times) {
    if (std::find(maps.begin(), maps.end(), kind.name) == maps.end()) return;
    kind.measure(up_to, key_bytes, times, report);
  };
  const int compared = std::min(entries, kMostCompared);
  for (const Kind& kind : Kinds()) measure(kind, compared, kTimes);
  if (entries == compared) return;
  for (const Kind& kind : Kinds()) {
    if (!kind.compared_only) measure(kind, entries, /*times=*/1);
  }
}

}  // namespace pinion::bench
