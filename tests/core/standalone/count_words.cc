// SPDX-License-Identifier: Apache-2.0
//
// count_words: counts the words of texts, by core alone: no gRPC, no Protobuf.
//
//   count_words 'to be or not to be' 'let it be'
//
// A thread for each text splits it into words. Each word has one worker that
// counts it, so what a worker counts is its alone and needs no lock.
//
// Exit code: 0 success, 1 the workers could not be had, or did not end.
#include <chrono>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "pinion/core/cpu/affinity.h"
#include "pinion/core/scheduler.h"
#include "pinion/core/work_batch.h"
#include "pinion/core/work_item.h"
#include "pinion/core/work_lists.h"

namespace {

struct Word : pinion::WorkItem {
  std::string letters;
};
using WordLists = pinion::WorkLists<Word>;
using Counts = std::map<std::string, int>;

// Adds each word of `text` to the list of the worker that counts it.
void Split(const std::string& text, int workers, WordLists& lists) {
  std::istringstream stream(text);
  auto word = std::make_unique<Word>();
  while (stream >> word->letters) {
    const int worker = std::hash<std::string>()(word->letters) % workers;
    // A full list refuses at once; what then is ours to say: we wait.
    while (!Accepted(lists.Add(worker, word.get()))) std::this_thread::yield();
    word.release();  // The worker's now.
    word = std::make_unique<Word>();
  }
}

absl::Status CountWords(const std::vector<std::string>& texts, int workers,
                        std::vector<Counts>& counts) {
  auto scheduler = pinion::Scheduler::Start({.workers = workers});
  if (!scheduler.ok()) return scheduler.status();
  auto lists = WordLists::Create(
      **scheduler, {.capacity = 1024},
      [&](int worker, pinion::WorkBatch& words) {
        while (std::unique_ptr<Word> word{words.Pop<Word>()}) {
          ++counts[worker][word->letters];
        }
      });
  if (!lists.ok()) return lists.status();

  std::vector<std::thread> producers;
  for (const std::string& text : texts) {
    producers.emplace_back([&] { Split(text, workers, **lists); });
  }
  for (std::thread& producer : producers) producer.join();

  // Counts what still waits; then ends the workers.
  absl::Status drained = (*scheduler)->Drain(std::chrono::seconds(10));
  return drained.ok() ? (*scheduler)->Stop() : drained;
}

}  // namespace

int main(int argc, char** argv) {
  const auto cpus = pinion::AllowedCpus();
  const int workers = cpus.ok() && cpus->size() > 1 ? 2 : 1;
  std::vector<Counts> counts(workers);
  const absl::Status status =
      CountWords({argv + 1, argv + argc}, workers, counts);
  if (!status.ok()) {
    std::cerr << "count_words: " << status << "\n";
    return 1;
  }
  // No word is with two workers.
  for (int i = 1; i < workers; ++i) counts[0].merge(counts[i]);
  for (const auto& [word, count] : counts[0]) {
    std::cout << word << ": " << count << "\n";
  }
}
