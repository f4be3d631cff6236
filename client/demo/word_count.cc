// SPDX-License-Identifier: Apache-2.0
//
// word_count: counts the words of a text on a server, and checks the counts.
//
// Each word is one KvService/Increment keyed by it. Then all counts are read
// back and compared with a count made here. Exit codes: 0 they agree, 1 they do
// not or a call failed, 2 a mistake in the arguments.
#include <climits>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <cwchar>
#include <cwctype>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "pinion/client/client.h"
#include "pinion/kv/v1/kv.pb.h"
#include "pinion/tools/command_line.h"

ABSL_FLAG(std::string, target, "", "The server, as host:port.");
ABSL_FLAG(std::string, text, "/usr/share/common-licenses/GPL-3",
          "The file whose words are counted, in UTF-8.");
ABSL_FLAG(int, in_flight, 256, "How many calls are open at a time, 1 to 4096.");

namespace {

using pinion::Reply;

constexpr char kUsage[] =
    "usage: word_count --target HOST:PORT [--text FILE]\n\n"
    "Counts the words of a text with pinion.kv.v1.KvService on a server that "
    "is\n"
    "new, reads the counts back and compares them with its own.";

// A key holds 1024 bytes; a longer run of letters is counted in parts.
constexpr size_t kMaxKeyBytes = 1024;

std::string ReadText(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(stream)),
                         std::istreambuf_iterator<char>());
  if (!stream) {
    pinion::ExitWithUsageError(
        absl::StrCat("--text=", file, " cannot be read"));
  }
  return text;
}

// The words of `text`: runs of letters and digits, in lower case. What is not
// valid UTF-8 separates words.
std::vector<std::string> Words(const std::string& text) {
  std::setlocale(LC_CTYPE, "C.UTF-8");
  std::vector<std::string> words;
  std::string word;
  std::mbstate_t state = {};
  for (size_t at = 0; at < text.size();) {
    wchar_t letter = 0;
    const size_t length =
        std::mbrtowc(&letter, text.data() + at, text.size() - at, &state);
    const bool valid = length != 0 && length <= text.size() - at;
    at += valid ? length : 1;
    if (!valid) state = {};
    if (valid && std::iswalnum(letter)) {
      char bytes[MB_LEN_MAX];
      std::mbstate_t fresh = {};
      word.append(bytes, std::wcrtomb(bytes, std::towlower(letter), &fresh));
      if (word.size() + MB_LEN_MAX <= kMaxKeyBytes) continue;
    }
    if (!word.empty()) words.push_back(std::exchange(word, ""));
  }
  if (!word.empty()) words.push_back(word);
  return words;
}

// Makes calls without waiting for each, up to a number open at a time.
class Caller {
 public:
  Caller(const std::string& target, int in_flight)
      : client_(pinion::Client::Connect(target)), in_flight_(in_flight) {}

  // Begins a call once fewer than the limit are open; `handle` gets its reply,
  // one at a time. Stops the program if a call failed.
  void Call(const std::string& method, const std::string& request,
            std::function<void(const Reply& reply)> handle) {
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &Caller::HasRoom));
      ++open_;
    }
    StopIfFailed();
    client_->StartRaw(method, request,
                      {.timeout = absl::Seconds(30), .want_timing = true},
                      [this, handle = std::move(handle)](const Reply& reply) {
                        absl::MutexLock lock(&mutex_);
                        if (reply.status.ok()) {
                          handle(reply);
                        } else {
                          failure_ = reply.status;
                        }
                        --open_;
                      });
  }

  // Waits until no call is open.
  void AwaitAll() {
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(
          +[](int* open) { return *open == 0; }, &open_));
    }
    StopIfFailed();
  }

 private:
  bool HasRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return open_ < in_flight_;
  }

  void StopIfFailed() {
    absl::MutexLock lock(&mutex_);
    if (failure_.ok()) return;
    std::fprintf(stderr, "word_count: a call failed: %s\n",
                 failure_.ToString().c_str());
    std::_Exit(1);
  }

  const std::unique_ptr<pinion::Client> client_;
  const int in_flight_;
  absl::Mutex mutex_;
  int open_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
};

struct Worker {
  std::set<std::string> keys;
  int64_t calls = 0;
};

struct Result {
  std::map<uint32_t, Worker> workers;
  absl::Duration took;
};

Result CountOnServer(const std::vector<std::string>& words, Caller& caller) {
  Result result;
  const absl::Time begun = absl::Now();
  for (const std::string& word : words) {
    pinion::kv::v1::IncrementRequest request;
    request.set_key(word);
    request.set_by(1);
    caller.Call("/pinion.kv.v1.KvService/Increment",
                request.SerializeAsString(),
                [&result, &word](const Reply& reply) {
                  Worker& worker = result.workers[reply.timing->worker()];
                  worker.keys.insert(word);
                  ++worker.calls;
                });
  }
  caller.AwaitAll();
  result.took = absl::Now() - begun;
  return result;
}

// How many counts on the server differ from `counts`; tells of the first few.
int CompareCounts(const std::map<std::string, int64_t>& counts,
                  Caller& caller) {
  int differing = 0;
  for (const auto& [word, count] : counts) {
    pinion::kv::v1::GetRequest request;
    request.set_key(word);
    caller.Call("/pinion.kv.v1.KvService/Get", request.SerializeAsString(),
                [&differing, &word = word, count = count](const Reply& reply) {
                  pinion::kv::v1::GetResponse response;
                  if (response.ParseFromString(std::string(reply.response)) &&
                      response.value() == absl::StrCat(count)) {
                    return;
                  }
                  if (++differing <= 5) {
                    std::printf("  \"%s\": %s on the server, %ld here\n",
                                word.c_str(), response.value().c_str(), count);
                  }
                });
  }
  caller.AwaitAll();
  return differing;
}

std::string Grouped(int64_t number) {
  std::string digits = absl::StrCat(number);
  for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(at, 1, ',');
  }
  return digits;
}

// Prints the table. Returns how many keys were answered by two workers.
int PrintResult(const Result& result, size_t words, size_t distinct,
                int in_flight) {
  const double seconds = absl::ToDoubleSeconds(result.took);
  absl::PrintF("  words             %10s\n", Grouped(words));
  absl::PrintF("  distinct words    %10s\n", Grouped(distinct));
  absl::PrintF(
      "  calls per second  %10s   (one call each word, %d in flight)\n",
      Grouped(static_cast<int64_t>(words / seconds)), in_flight);
  absl::PrintF("\n  worker      keys      calls\n");
  size_t keys = 0;
  for (const auto& [number, worker] : result.workers) {
    absl::PrintF("  %6d%10s%11s\n", number, Grouped(worker.keys.size()),
                 Grouped(worker.calls));
    keys += worker.keys.size();
  }
  return static_cast<int>(keys - distinct);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> extra =
      pinion::ParseCommandLine(argc, argv, kUsage);
  const int in_flight = absl::GetFlag(FLAGS_in_flight);
  if (!extra.empty()) {
    pinion::ExitWithUsageError(
        absl::StrCat("\"", extra[0], "\" is not a flag; --help lists them"));
  }
  if (absl::GetFlag(FLAGS_target).empty()) {
    pinion::ExitWithUsageError("--target is missing; say host:port");
  }
  if (in_flight < 1 || in_flight > 4096) {
    pinion::ExitWithUsageError(
        absl::StrCat("--in_flight is ", in_flight, "; valid are 1 to 4096"));
  }
  const std::string file = absl::GetFlag(FLAGS_text);
  const std::vector<std::string> words = Words(ReadText(file));
  if (words.empty()) {
    pinion::ExitWithUsageError(absl::StrCat("--text=", file, " has no words"));
  }
  std::map<std::string, int64_t> counts;
  for (const std::string& word : words) ++counts[word];

  Caller caller(absl::GetFlag(FLAGS_target), in_flight);
  const Result result = CountOnServer(words, caller);
  absl::PrintF("The words of %s\n\n", file);
  const int astray =
      PrintResult(result, words.size(), counts.size(), in_flight);
  std::printf("\n");
  const int differing = CompareCounts(counts, caller);
  if (astray != 0 || differing != 0) {
    std::printf(
        "The counts DO NOT agree: %d differ, and %d words were answered "
        "by more than one worker.\n",
        differing, astray);
    return 1;
  }
  std::printf("The counts agree: all %s words, each always on one worker.\n",
              Grouped(counts.size()).c_str());
  return 0;
}
