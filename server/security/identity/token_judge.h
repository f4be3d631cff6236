// SPDX-License-Identifier: Apache-2.0
//
// TokenJudge: says whether tokens are valid, and whose they are. It reads a
//             token before it checks the signature, remembers verdicts, and
//             checks signatures on threads of its own, which are not pinned.
//
// Threads: any thread may ask. The owner starts and stops it.
// Bounds:  it remembers `cache_entries` valid tokens until they end, and some
//          that are not; checks so many signatures in a second, in all and for
//          each address; and kMaxQueued checks and kMaxWaiting askers wait at a
//          time. It refuses beyond that, so an asker waits for milliseconds.
// Keys:    it looks at the file each second, and takes over one that is valid.
//          What a key has proven stands as long as the key is in the file.
// Example: TokenJudge judge(options, clock, wall_clock);
//          judge.Start();
//          if (auto verdict = judge.Find(text)) return *verdict;
//          if (auto refused = judge.Check(text, address, done)) return refused;
#ifndef PINION_SERVER_SECURITY_IDENTITY_TOKEN_JUDGE_H_
#define PINION_SERVER_SECURITY_IDENTITY_TOKEN_JUDGE_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "pinion/core/base/mutex.h"
#include "pinion/core/clock.h"
#include "pinion/proto/wire/process_hash.h"
#include "pinion/server/log.h"
#include "pinion/server/security/identity/check_budget.h"
#include "pinion/server/security/identity/lru_map.h"
#include "pinion/server/security/identity/token.h"
#include "pinion/server/security/identity/token_keys.h"
#include "pinion/server/security/identity/wall_clock.h"
#include "pinion/server/security_snapshot.h"

namespace pinion {

// What is known of a token.
struct TokenVerdict {
  // OK, UNAUTHENTICATED with the reason, or RESOURCE_EXHAUSTED if it could not
  // be checked; then `retry_after` says when to ask again.
  absl::Status status;
  std::chrono::nanoseconds retry_after{0};
  // The rest is for a valid one.
  std::string name;  // "issuer#subject".
  absl::Time expires = absl::InfinitePast();
  // Whether its key is in use no more.
  std::shared_ptr<const std::atomic<bool>> voided;
};
using SharedVerdict = std::shared_ptr<const TokenVerdict>;

struct TokenJudgeOptions {
  TokenRules rules;
  std::string keys_path;
  size_t cache_entries = 4096;
  CheckRates rates = {.all = 1000, .per_address = 50};
  LogSink log = {};
  // Called on a thread of the judge when keys were voided.
  std::function<void()> on_voided = {};
  // For tests: called before each signature is checked.
  std::function<void()> before_check = {};
};

class TokenJudge {
 public:
  static constexpr int kThreads = 2;
  static constexpr size_t kMaxQueued = 128;
  static constexpr size_t kMaxWaiting = 4096;
  static constexpr size_t kBadEntries = 1024;

  using Done = absl::AnyInvocable<void(SharedVerdict verdict)>;

  TokenJudge(TokenJudgeOptions options, const Clock& clock,
             const WallClock& wall_clock);
  ~TokenJudge();  // Stops first.
  TokenJudge(const TokenJudge&) = delete;
  TokenJudge& operator=(const TokenJudge&) = delete;

  // Reads the keys for the first time. INVALID_ARGUMENT or another error with
  // the path if the file cannot be used. Before anybody asks.
  absl::Status LoadKeys();

  // Starts its threads. Without that, Check() itself checks, and nobody looks
  // at the file: for a server that a test steps. Call it on a thread that is
  // not pinned.
  void Start();
  // Nobody looks at the file any more, and `on_voided` is not called again.
  void StopLooking();
  // Gives all that wait their verdicts, and ends the threads.
  void Stop();

  // The verdict on a token, if that is known: it is remembered, and still
  // valid, or needs no check of a signature, because it cannot be valid.
  SharedVerdict Find(absl::string_view token);

  // Checks the signature of a token that Find() does not know, for a client at
  // `address`; empty if that may be many clients. Null: `done` is called once,
  // on a thread of the judge. Otherwise this is the verdict, for instance that
  // there are too many to check, and `done` was destroyed.
  SharedVerdict Check(absl::string_view token, absl::string_view address,
                      Done done);

  // Reads the file again if it has changed, or if `always`. An error if it is
  // not valid: then the old keys stay. Any thread.
  absl::Status Look(bool always);

  // What it has judged so far.
  TokenCounts counts() const;
  // The signatures that were checked.
  uint64_t checks() const {
    MutexLock lock(mutex_);
    return checks_;
  }
  // The tokens that are remembered, valid and not.
  size_t remembered() const {
    MutexLock lock(mutex_);
    return good_.size() + bad_.size();
  }

 private:
  struct Job {
    std::string text;
    Token token;
    std::shared_ptr<const TokenKey> key;
  };
  // What identifies a file's content, as far as stat() knows it.
  struct FileState {
    int64_t device = 0;
    int64_t inode = 0;
    int64_t bytes = -1;
    int64_t changed_nanos = 0;
    friend bool operator==(const FileState&, const FileState&) = default;
  };

  SharedVerdict FindRemembered(absl::string_view token, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Job> Prepare(absl::string_view token) const;
  // The verdict on a token that Prepare() refuses.
  SharedVerdict RefuseUnchecked(const absl::Status& why);
  SharedVerdict CheckNow(const Job& job);
  SharedVerdict Remember(const Job& job, bool signed_by_key)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RunThread(bool looks);
  bool AwaitJob(bool looks, std::optional<Job>& job);
  FileState StateOfFile() const;
  std::shared_ptr<const TokenKeys> keys() const {
    MutexLock lock(mutex_);
    return keys_;
  }

  // Fixed at construction.
  const TokenJudgeOptions options_;
  const Clock clock_;
  const WallClock wall_clock_;

  // The owner's only.
  std::vector<std::thread> threads_;

  // Held by whoever reads the file, so that an older content never follows a
  // newer one.
  Mutex look_mutex_;
  FileState file_ ABSL_GUARDED_BY(look_mutex_);
  bool looking_ ABSL_GUARDED_BY(look_mutex_) = true;

  mutable Mutex mutex_;
  CondVar changed_;
  std::shared_ptr<const TokenKeys> keys_ ABSL_GUARDED_BY(mutex_);
  LruMap<SharedVerdict> good_ ABSL_GUARDED_BY(mutex_);
  // Apart, so that nobody evicts valid ones by sending others.
  LruMap<SharedVerdict> bad_ ABSL_GUARDED_BY(mutex_);
  CheckBudget budget_ ABSL_GUARDED_BY(mutex_);
  std::deque<Job> queue_ ABSL_GUARDED_BY(mutex_);
  // Those who await the check of a token; the same one is checked once.
  HashMap<std::string, std::vector<Done>> waiting_ ABSL_GUARDED_BY(mutex_);
  size_t waiting_count_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t checks_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t known_ ABSL_GUARDED_BY(mutex_) = 0;  // Their verdict.
  uint64_t bad_signatures_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t not_checked_ ABSL_GUARDED_BY(mutex_) = 0;
  // Relaxed: it is a count.
  std::atomic<uint64_t> bad_unchecked_{0};
  bool started_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace pinion

#endif  // PINION_SERVER_SECURITY_IDENTITY_TOKEN_JUDGE_H_
