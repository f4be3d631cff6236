// SPDX-License-Identifier: Apache-2.0
//
// handoff: what it costs to hand items from producers to one consumer, beside
// the queues that C++ programs use for it.
//
// Ours is the whole of it: bounded, counted, and waking a task on a worker of a
// running scheduler. Each consumer sleeps when there is nothing; each item is
// counted when it arrives, and all must.
#include <oneapi/tbb/concurrent_queue.h>

#include <algorithm>
#include <asio.hpp>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "concurrentqueue/blockingconcurrentqueue.h"
#include "pinion/core/monotonic_nanos.h"
#include "pinion/core/scheduler.h"
#include "pinion/core/work_batch.h"
#include "pinion/core/work_item.h"
#include "pinion/core/work_lists.h"
#include "pinion/tests/bench/support/program.h"
#include "pinion/tests/bench/support/progress.h"
#include "pinion/tests/bench/support/report.h"

ABSL_FLAG(bool, json, false, "one JSON object per line in place of the tables");
ABSL_FLAG(int, rounds, 7, "how often each is measured; 1 to 1000");
ABSL_FLAG(int, items, 2'000'000, "items per producer; 1 to 10000000");

namespace pinion::bench {
namespace {

constexpr char kUsage[] =
    "usage: handoff [FLAG]...\n\n"
    "Hands items from 1 and 4 producers to one consumer, by Pinion's work "
    "lists\n"
    "and by other queues, and tells what one item costs. The consumer sleeps "
    "when\n"
    "it has nothing to do; that of pinion_adaptive spins while that pays.";

// How many items a bounded queue holds.
constexpr size_t kCapacity = 65536;

struct Item : WorkItem {};
using Items = std::vector<Item>;

// Runs `produce(item)` for all items of each producer on a thread of its own,
// and returns when these have ended.
template <typename Produce>
void RunProducers(std::vector<Items>& items, Produce produce) {
  std::vector<std::thread> producers;
  for (Items& mine : items) {
    producers.emplace_back([&mine, &produce] {
      for (Item& item : mine) produce(&item);
    });
  }
  for (std::thread& producer : producers) producer.join();
}

size_t Total(const std::vector<Items>& items) {
  return items.size() * items[0].size();
}

// Each hands all items over and returns when the consumer has had them all.

void HandOverByPinion(std::vector<Items>& items, SpinPolicy spin) {
  auto scheduler =
      Scheduler::Start({.workers = 1, .worker = {.spin = {.policy = spin}}})
          .value();
  const size_t total = Total(items);
  size_t taken = 0;
  std::atomic<bool> all{false};
  WorkLists<Item>* lists =
      WorkLists<Item>::Create(*scheduler, {.capacity = kCapacity},
                              [&](int, WorkBatch& batch) {
                                while (batch.Pop<Item>() != nullptr) ++taken;
                                if (taken == total) {
                                  all = true;
                                  all.notify_one();
                                }
                              })
          .value();
  RunProducers(items, [lists](Item* item) {
    while (!Accepted(lists->Add(0, item))) std::this_thread::yield();
  });
  all.wait(false);
}

// As the peers' consumers do, so that items gather while it wakes up.
void HandOverToASleeper(std::vector<Items>& items) {
  HandOverByPinion(items, SpinPolicy::kNever);
}

// The default: an item is handled sooner, and fewer at once.
void HandOverToASpinner(std::vector<Items>& items) {
  HandOverByPinion(items, SpinPolicy::kAdaptive);
}

void HandOverByMutexAndCondition(std::vector<Items>& items) {
  std::mutex mutex;
  std::condition_variable came;
  std::vector<Item*> waiting;
  std::thread consumer([&, total = Total(items)] {
    std::vector<Item*> batch;
    for (size_t taken = 0; taken < total; taken += batch.size()) {
      batch.clear();
      std::unique_lock lock(mutex);
      came.wait(lock, [&] { return !waiting.empty(); });
      batch.swap(waiting);
    }
  });
  RunProducers(items, [&](Item* item) {
    bool first;
    {
      std::lock_guard lock(mutex);
      first = waiting.empty();
      waiting.push_back(item);
    }
    if (first) came.notify_one();
  });
  consumer.join();
}

void HandOverByMoodycamel(std::vector<Items>& items) {
  moodycamel::BlockingConcurrentQueue<Item*> queue(kCapacity);
  std::thread consumer([&, total = Total(items)] {
    Item* batch[256];
    for (size_t taken = 0; taken < total;) {
      taken += queue.wait_dequeue_bulk(batch, std::size(batch));
    }
  });
  RunProducers(items, [&](Item* item) { queue.enqueue(item); });
  consumer.join();
}

void HandOverByTbb(std::vector<Items>& items) {
  oneapi::tbb::concurrent_bounded_queue<Item*> queue;
  queue.set_capacity(kCapacity);
  std::thread consumer([&, total = Total(items)] {
    Item* item;
    for (size_t taken = 0; taken < total; ++taken) queue.pop(item);
  });
  RunProducers(items, [&](Item* item) { queue.push(item); });
  consumer.join();
}

void HandOverByAsio(std::vector<Items>& items) {
  asio::io_context context(1);
  size_t taken = 0;
  std::thread consumer([&, total = Total(items)] {
    const auto work = asio::make_work_guard(context);
    while (taken < total) context.run_one();
  });
  RunProducers(items, [&](Item*) { asio::post(context, [&] { ++taken; }); });
  consumer.join();
}

struct Impl {
  const char* name;
  void (*hand_over)(std::vector<Items>& items);
};

constexpr Impl kImpls[] = {
    {"pinion", HandOverToASleeper},
    {"pinion_adaptive", HandOverToASpinner},
    {"mutex_cv", HandOverByMutexAndCondition},
    {"moodycamel", HandOverByMoodycamel},
    {"tbb", HandOverByTbb},
    {"asio", HandOverByAsio},
};

double NanosPerItem(const Impl& impl, std::vector<Items>& items) {
  const int64_t begun = MonotonicNanos();
  impl.hand_over(items);
  return static_cast<double>(MonotonicNanos() - begun) /
         static_cast<double>(Total(items));
}

void MeasureRound(int round, int producers, size_t count, Report& report) {
  Progress progress;
  std::vector<Items> items;
  for (int i = 0; i < producers; ++i) items.emplace_back(count);
  double best_peer = 0;
  for (size_t i = 0; i < std::size(kImpls); ++i) {
    const Impl& impl = kImpls[(i + round) % std::size(kImpls)];
    progress.Show(absl::StrCat("round ", round + 1, ": ", impl.name, ", ",
                               producers, " producers"));
    const double nanos = NanosPerItem(impl, items);
    report.Add(impl.name, {producers}, {nanos});
    if (absl::StartsWith(impl.name, "pinion")) continue;
    best_peer = best_peer == 0 ? nanos : std::min(best_peer, nanos);
  }
  report.Add("best_peer", {producers}, {best_peer});
}

int Main(int argc, char** argv) {
  ParseFlags(argc, argv, kUsage);
  const int rounds = CheckedFlag(FLAGS_rounds, 1, 1000);
  const int count = CheckedFlag(FLAGS_items, 1, 10'000'000);
  Report report("handoff", {"producers"}, {{"ns_per_item", 1}});
  report.Compare("pinion", "best_peer");
  for (int round = 0; round < rounds; ++round) {
    for (int producers : {1, 4}) {
      MeasureRound(round, producers, static_cast<size_t>(count), report);
    }
  }
  report.Print(
      absl::GetFlag(FLAGS_json),
      absl::StrFormat("Handing %d items per producer to one consumer; medians "
                      "of %d rounds.",
                      count, rounds));
  return 0;
}

}  // namespace
}  // namespace pinion::bench

int main(int argc, char** argv) { return pinion::bench::Main(argc, argv); }
