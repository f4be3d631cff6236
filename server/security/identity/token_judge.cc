// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/security/identity/token_judge.h"

#include <pthread.h>
#include <sys/stat.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "pinion/server/log/server_log.h"

namespace pinion {
namespace {

// How often the file is looked at.
constexpr std::chrono::seconds kLookEvery(1);

SharedVerdict Refused(absl::Status status,
                      std::chrono::nanoseconds retry_after = {}) {
  TokenVerdict verdict;
  verdict.status = std::move(status);
  verdict.retry_after = retry_after;
  return std::make_shared<const TokenVerdict>(std::move(verdict));
}

SharedVerdict Busy(absl::string_view what,
                   std::chrono::nanoseconds retry_after) {
  return Refused(absl::ResourceExhaustedError(absl::StrCat(
                     "the token is not checked, because ", what,
                     "; use a token again rather than a new one for each "
                     "call, and retry later")),
                 retry_after);
}

}  // namespace

TokenJudge::TokenJudge(TokenJudgeOptions options, const Clock& clock,
                       const WallClock& wall_clock)
    : options_(std::move(options)),
      clock_(clock),
      wall_clock_(wall_clock),
      good_(options_.cache_entries),
      bad_(kBadEntries),
      budget_(options_.rates, clock.Now()) {}

TokenJudge::~TokenJudge() { Stop(); }

absl::Status TokenJudge::LoadKeys() { return Look(/*always=*/true); }

void TokenJudge::Start() {
  {
    MutexLock lock(mutex_);
    started_ = true;
  }
  for (int i = 0; i < kThreads; ++i) {
    threads_.emplace_back([this, i] {
      pthread_setname_np(pthread_self(), "pinion-tokens");
      RunThread(/*looks=*/i == 0);
    });
  }
}

void TokenJudge::StopLooking() {
  MutexLock lock(look_mutex_);
  looking_ = false;
}

void TokenJudge::Stop() {
  StopLooking();
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

SharedVerdict TokenJudge::FindRemembered(absl::string_view token,
                                         absl::Time now) {
  if (const SharedVerdict* const good = good_.Find(token)) {
    // Whoever wants to know why gets it from Prepare().
    const bool stands = now < (*good)->expires &&
                        !(*good)->voided->load(std::memory_order_acquire);
    if (stands) return *good;
    good_.Erase(token);
    return nullptr;
  }
  const SharedVerdict* const bad = bad_.Find(token);
  return bad != nullptr ? *bad : nullptr;
}

SharedVerdict TokenJudge::Find(absl::string_view token) {
  if (token.size() <= kMaxTokenBytes) {
    const absl::Time now = wall_clock_.Now();
    MutexLock lock(mutex_);
    if (SharedVerdict known = FindRemembered(token, now)) {
      ++known_;
      return known;
    }
  }
  absl::StatusOr<Job> job = Prepare(token);
  return job.ok() ? nullptr : RefuseUnchecked(job.status());
}

SharedVerdict TokenJudge::RefuseUnchecked(const absl::Status& why) {
  bad_unchecked_.fetch_add(1, std::memory_order_relaxed);
  return Refused(why);
}

TokenCounts TokenJudge::counts() const {
  MutexLock lock(mutex_);
  return {.remembered = known_,
          .checked = checks_,
          .refused_unchecked = bad_unchecked_.load(std::memory_order_relaxed),
          .refused_signature = bad_signatures_,
          .not_checked = not_checked_,
          .entries = static_cast<int64_t>(good_.size() + bad_.size())};
}

absl::StatusOr<TokenJudge::Job> TokenJudge::Prepare(
    absl::string_view token) const {
  absl::StatusOr<Token> read = ReadToken(token);
  if (!read.ok()) return read.status();
  absl::Status status = options_.rules.Check(*read, wall_clock_.Now());
  if (!status.ok()) return status;
  auto key = keys()->Find(read->algorithm, read->key_id);
  if (!key.ok()) return key.status();
  return Job{std::string(token), *std::move(read), *std::move(key)};
}

SharedVerdict TokenJudge::Check(absl::string_view token,
                                absl::string_view address, Done done) {
  absl::StatusOr<Job> job = Prepare(token);
  if (!job.ok()) return RefuseUnchecked(job.status());
  {
    MutexLock lock(mutex_);
    if (SharedVerdict known = FindRemembered(token, wall_clock_.Now())) {
      ++known_;
      return known;
    }
    const auto same = waiting_.find(token);
    if (same == waiting_.end()) {
      if (stopping_) return Refused(absl::UnavailableError("the server stops"));
      if (started_ && queue_.size() >= kMaxQueued) {
        ++not_checked_;
        return Busy(absl::StrCat(queue_.size(), " others wait for that"),
                    std::chrono::milliseconds(10));
      }
      if (const auto wait = budget_.Take(address, clock_.Now())) {
        ++not_checked_;
        return Busy(absl::StrCat("this server checks at most ",
                                 options_.rates.per_address,
                                 " new ones of an address in a second, and ",
                                 options_.rates.all, " in all"),
                    *wait);
      }
      ++checks_;
    }
    if (started_) {
      if (waiting_count_ >= kMaxWaiting) {
        ++not_checked_;
        return Busy(absl::StrCat(waiting_count_, " calls wait for that"),
                    std::chrono::milliseconds(10));
      }
      ++waiting_count_;
      waiting_[token].push_back(std::move(done));
      if (same == waiting_.end()) {
        queue_.push_back(*std::move(job));
        changed_.NotifyAll();
      }
      return nullptr;
    }
  }
  return CheckNow(*job);
}

SharedVerdict TokenJudge::CheckNow(const Job& job) {
  if (options_.before_check) options_.before_check();
  const bool signed_by_key = job.key->HasSigned(job.text);
  MutexLock lock(mutex_);
  return Remember(job, signed_by_key);
}

SharedVerdict TokenJudge::Remember(const Job& job, bool signed_by_key) {
  // The file may have been replaced since. Not remembered, because the new keys
  // may say otherwise.
  if (job.key->voided()) {
    return Refused(absl::UnauthenticatedError(
        "the token is of a key that this server has just dropped; retry"));
  }
  if (!signed_by_key) {
    ++bad_signatures_;
    return bad_.Insert(job.text,
                       Refused(absl::UnauthenticatedError(
                           "the token's signature is not that of its key")));
  }
  TokenVerdict verdict;
  verdict.name = absl::StrCat(job.token.issuer, "#", job.token.subject);
  verdict.expires = options_.rules.EndOf(job.token);
  verdict.voided = job.key->mark();
  return good_.Insert(job.text,
                      std::make_shared<const TokenVerdict>(std::move(verdict)));
}

bool TokenJudge::AwaitJob(bool looks, std::optional<Job>& job) {
  MutexLock lock(mutex_);
  const auto until = std::chrono::steady_clock::now() + kLookEvery;
  while (queue_.empty() && !stopping_) {
    if (!looks) {
      changed_.Wait(mutex_);
    } else if (!changed_.WaitUntil(mutex_, until)) {
      return true;
    }
  }
  if (queue_.empty()) return false;
  job = std::move(queue_.front());
  queue_.pop_front();
  return true;
}

void TokenJudge::RunThread(bool looks) {
  auto next_look = std::chrono::steady_clock::now();
  std::optional<Job> job;
  while (AwaitJob(looks, job)) {
    if (job.has_value()) {
      const SharedVerdict verdict = CheckNow(*job);
      std::vector<Done> waiting;
      {
        MutexLock lock(mutex_);
        const auto found = waiting_.find(job->text);
        waiting = std::move(found->second);
        waiting_.erase(found);
        waiting_count_ -= waiting.size();
      }
      for (Done& done : waiting) done(verdict);
      job.reset();
    }
    const auto now = std::chrono::steady_clock::now();
    if (looks && now >= next_look) {
      next_look = now + kLookEvery;
      Look(/*always=*/false).IgnoreError();  // It is in the log.
    }
  }
}

TokenJudge::FileState TokenJudge::StateOfFile() const {
  struct stat found;
  if (stat(options_.keys_path.c_str(), &found) != 0) return {};
  return {.device = static_cast<int64_t>(found.st_dev),
          .inode = static_cast<int64_t>(found.st_ino),
          .bytes = static_cast<int64_t>(found.st_size),
          .changed_nanos =
              found.st_mtim.tv_sec * 1'000'000'000 + found.st_mtim.tv_nsec};
}

absl::Status TokenJudge::Look(bool always) {
  MutexLock lock(look_mutex_);
  if (!looking_) return absl::OkStatus();
  // Before the content: what changes while it is read is read again.
  const FileState state = StateOfFile();
  if (!always && state == file_) return absl::OkStatus();
  file_ = state;
  const std::shared_ptr<const TokenKeys> before = keys();
  auto loaded = TokenKeys::Load(options_.keys_path, options_.rules.algorithms);
  absl::Status status = loaded.status();
  if (!status.ok()) {
    if (before != nullptr) {
      Log(options_.log,
          {.level = LogLevel::kError,
           .area = LogArea::kSecurity,
           .event = "token_keys_bad",
           .message = absl::StrCat(
               "the file of token keys cannot be used, and the ",
               before->size(), " keys of before stay: ", status.message())});
    }
    return status;
  }
  std::shared_ptr<TokenKeys> made = *std::move(loaded);
  const size_t voided = before != nullptr ? made->Replace(*before) : 0;
  const size_t size = made->size();
  {
    MutexLock keys_lock(mutex_);
    keys_ = std::move(made);
    // A new key may have signed what no old one has.
    bad_.Clear();
  }
  if (before != nullptr) {
    Log(options_.log,
        {.area = LogArea::kSecurity,
         .event = "token_keys_changed",
         .message = absl::StrCat(
             "the file of token keys was read again: ", size, " keys; ", voided,
             " of those before are gone, and what they have signed proves "
             "nothing any more")});
  }
  if (voided > 0 && options_.on_voided) options_.on_voided();
  return absl::OkStatus();
}

}  // namespace pinion
