// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/security/identity/token_judge.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/fake_clock.h"
#include "pinion/server/security_snapshot.h"
#include "pinion/server/testing/gate.h"
#include "pinion/tests/support/token_maker.h"

namespace pinion {
namespace {

using ::pinion::testing::ClaimsOf;
using ::pinion::testing::Gate;
using ::pinion::testing::KeySetOf;
using ::pinion::testing::TokenMaker;
using ::pinion::testing::UnsignedToken;
using ::pinion::testing::WriteFile;
using ::testing::HasSubstr;

class TokenJudgeTest : public ::testing::Test {
 protected:
  TokenJudgeTest() {
    options_.rules = {.issuer = testing::kIssuer,
                      .audience = testing::kAudience,
                      .algorithms = {"ES256"},
                      .leeway = absl::Seconds(60)};
    options_.keys_path = ::testing::TempDir() + "/keys.json";
    options_.rates = {.all = 1'000'000, .per_address = 1'000'000};
    options_.log = [this](LogRecord record) {
      const std::lock_guard lock(mutex_);
      lines_.push_back(std::move(record));
    };
    WriteFile(options_.keys_path, KeySetOf({&issuer_}));
  }

  // Without threads: whoever asks checks.
  void Make() {
    judge_ = std::make_unique<TokenJudge>(options_, time_.clock(),
                                          WallClock(time_.clock()));
    const absl::Status status = judge_->LoadKeys();
    ASSERT_TRUE(status.ok()) << status;
  }

  SharedVerdict Judge(const std::string& token,
                      absl::string_view address = "10.0.0.1") {
    SharedVerdict verdict = judge_->Find(token);
    if (verdict != nullptr) return verdict;
    return judge_->Check(token, address, [](SharedVerdict) {});
  }
  std::string ComplaintOf(const std::string& token) {
    const SharedVerdict verdict = Judge(token);
    EXPECT_EQ(verdict->status.code(), absl::StatusCode::kUnauthenticated);
    return std::string(verdict->status.message());
  }

  absl::Time Now() { return wall_.Now(); }

  FakeClock time_;
  WallClock wall_{time_.clock()};
  TokenMaker issuer_ = TokenMaker::Ec("k1");
  TokenJudgeOptions options_;
  std::mutex mutex_;
  std::vector<LogRecord> lines_;
  std::unique_ptr<TokenJudge> judge_;
};

TEST_F(TokenJudgeTest, ChecksASignatureOnce) {
  Make();
  const std::string token = issuer_.Sign(ClaimsOf({}));
  for (int i = 0; i < 3; ++i) {
    const SharedVerdict verdict = Judge(token);
    EXPECT_TRUE(verdict->status.ok()) << verdict->status;
    EXPECT_EQ(verdict->name, "https://issuer.example#user");
  }
  EXPECT_EQ(judge_->checks(), 1u);
}

TEST_F(TokenJudgeTest, ChecksNoSignatureOfWhatCannotBeValid) {
  Make();
  const std::string claims = ClaimsOf({});
  EXPECT_THAT(ComplaintOf(UnsignedToken(R"({"alg":"none"})", claims, "AA")),
              HasSubstr("does not take"));
  EXPECT_THAT(ComplaintOf(TokenMaker::Secret("k1", issuer_.Jwk()).Sign(claims)),
              HasSubstr("does not take"));
  EXPECT_THAT(ComplaintOf(TokenMaker::Ec("k2").Sign(claims)),
              HasSubstr("does not have"));
  EXPECT_THAT(ComplaintOf(issuer_.Sign(ClaimsOf({.audience = "bank"}))),
              HasSubstr("audience"));
  EXPECT_THAT(ComplaintOf(issuer_.Sign(ClaimsOf({.issuer = "me"}))),
              HasSubstr("does not trust"));
  EXPECT_THAT(
      ComplaintOf(issuer_.Sign(ClaimsOf({.expires = Now() - absl::Hours(1)}))),
      HasSubstr("has expired"));
  EXPECT_THAT(ComplaintOf(std::string(1 << 20, 'x')),
              HasSubstr("of at most 8192"));
  EXPECT_EQ(judge_->checks(), 0u);
  EXPECT_EQ(judge_->remembered(), 0u);
}

TEST_F(TokenJudgeTest, ChecksAForgedTokenOnce) {
  Make();
  const std::string forged = TokenMaker::Ec("k1").Sign(ClaimsOf({}));
  EXPECT_THAT(ComplaintOf(forged), HasSubstr("not that of its key"));
  EXPECT_THAT(ComplaintOf(forged), HasSubstr("not that of its key"));
  EXPECT_EQ(judge_->checks(), 1u);
}

TEST_F(TokenJudgeTest, CountsHowItFoundEachVerdict) {
  Make();
  const std::string good = issuer_.Sign(ClaimsOf({}));
  for (int i = 0; i < 3; ++i) Judge(good);
  Judge(TokenMaker::Ec("k1").Sign(ClaimsOf({})));
  Judge(issuer_.Sign(ClaimsOf({.audience = "bank"})));
  const TokenCounts counts = judge_->counts();
  EXPECT_EQ(counts.remembered, 2u);
  EXPECT_EQ(counts.checked, 2u);
  EXPECT_EQ(counts.refused_signature, 1u);
  EXPECT_EQ(counts.refused_unchecked, 1u);
  EXPECT_EQ(counts.not_checked, 0u);
  EXPECT_EQ(counts.entries, 2);
}

TEST_F(TokenJudgeTest, TakesATokenUntilItEnds) {
  Make();
  const std::string token =
      issuer_.Sign(ClaimsOf({.expires = Now() + absl::Hours(1)}));
  EXPECT_TRUE(Judge(token)->status.ok());
  time_.Advance(absl::ToChronoNanoseconds(absl::Hours(1)));
  EXPECT_TRUE(Judge(token)->status.ok());  // The leeway.
  time_.Advance(absl::ToChronoNanoseconds(absl::Seconds(61)));
  EXPECT_THAT(ComplaintOf(token), HasSubstr("has expired"));
  EXPECT_EQ(judge_->checks(), 1u);
  EXPECT_EQ(judge_->remembered(), 0u);
}

TEST_F(TokenJudgeTest, RemembersNoMoreThanItMay) {
  options_.cache_entries = 10;
  Make();
  std::vector<std::string> tokens;
  for (int i = 0; i < 30; ++i) {
    tokens.push_back(issuer_.Sign(ClaimsOf({.subject = absl::StrCat(i)})));
    EXPECT_TRUE(Judge(tokens.back())->status.ok());
  }
  EXPECT_EQ(judge_->remembered(), 10u);
  EXPECT_TRUE(Judge(tokens.back())->status.ok());
  EXPECT_EQ(judge_->checks(), 30u);
  EXPECT_TRUE(Judge(tokens.front())->status.ok());
  EXPECT_EQ(judge_->checks(), 31u);
}

TEST_F(TokenJudgeTest, Of100000ForgedTokensChecksFewAndRemembersFew) {
  options_.rates = {.all = 1000, .per_address = 50};
  Make();
  const std::string good = issuer_.Sign(ClaimsOf({}));
  EXPECT_TRUE(Judge(good, "10.0.0.9")->status.ok());
  const std::string token = issuer_.Sign(ClaimsOf({.subject = "admin"}));
  const std::string beginning = token.substr(0, token.rfind('.') + 1);
  int refused = 0;
  for (int i = 0; i < 100'000; ++i) {
    const SharedVerdict verdict =
        Judge(beginning + absl::WebSafeBase64Escape(
                              absl::StrCat(std::string(60, 'x'), 1000 + i)));
    EXPECT_FALSE(verdict->status.ok());
    if (verdict->status.code() == absl::StatusCode::kResourceExhausted) {
      EXPECT_GT(verdict->retry_after.count(), 0);
      ++refused;
    }
  }
  EXPECT_EQ(refused, 100'000 - 50);
  EXPECT_EQ(judge_->checks(), 51u);
  EXPECT_EQ(judge_->remembered(), 51u);
  // Others are not concerned.
  EXPECT_TRUE(Judge(good, "10.0.0.9")->status.ok());
  EXPECT_TRUE(
      Judge(issuer_.Sign(ClaimsOf({.subject = "b"})), "10.0.0.9")->status.ok());
}

TEST_F(TokenJudgeTest, NoForgedTokenEvictsAValidOne) {
  options_.cache_entries = 1;
  Make();
  const std::string good = issuer_.Sign(ClaimsOf({}));
  EXPECT_TRUE(Judge(good)->status.ok());
  const TokenMaker other = TokenMaker::Ec("k1");
  for (int i = 0; i < 10; ++i) {
    ComplaintOf(other.Sign(ClaimsOf({.subject = absl::StrCat(i)})));
  }
  EXPECT_TRUE(Judge(good)->status.ok());
  EXPECT_EQ(judge_->checks(), 11u);
}

TEST_F(TokenJudgeTest, AKeyThatStaysInTheFileVouchesOn) {
  Make();
  const std::string token = issuer_.Sign(ClaimsOf({}));
  EXPECT_TRUE(Judge(token)->status.ok());
  const TokenMaker next = TokenMaker::Ec("k2");
  WriteFile(options_.keys_path, KeySetOf({&next, &issuer_}));
  ASSERT_TRUE(judge_->Look(/*always=*/false).ok());
  EXPECT_TRUE(Judge(token)->status.ok());
  EXPECT_EQ(judge_->checks(), 1u);
  EXPECT_TRUE(Judge(next.Sign(ClaimsOf({})))->status.ok());
}

TEST_F(TokenJudgeTest, AKeyThatIsGoneVouchesForNothing) {
  int told = 0;
  options_.on_voided = [&] { ++told; };
  Make();
  const std::string token = issuer_.Sign(ClaimsOf({}));
  const SharedVerdict before = Judge(token);
  EXPECT_FALSE(before->voided->load());
  const TokenMaker next = TokenMaker::Ec("k2");
  WriteFile(options_.keys_path, KeySetOf({&next}));
  ASSERT_TRUE(judge_->Look(/*always=*/false).ok());
  EXPECT_TRUE(before->voided->load());
  EXPECT_EQ(told, 1);
  EXPECT_THAT(ComplaintOf(token), HasSubstr("does not have"));
  ASSERT_EQ(lines_.size(), 1u);
  EXPECT_EQ(lines_[0].event, "token_keys_changed");
}

TEST_F(TokenJudgeTest, ANewKeyMayHaveSignedWhatWasRefused) {
  Make();
  const TokenMaker next = TokenMaker::Ec("k1");
  const std::string token = next.Sign(ClaimsOf({}));
  EXPECT_THAT(ComplaintOf(token), HasSubstr("not that of its key"));
  WriteFile(options_.keys_path, KeySetOf({&next}));
  ASSERT_TRUE(judge_->Look(/*always=*/false).ok());
  EXPECT_TRUE(Judge(token)->status.ok());
}

TEST_F(TokenJudgeTest, KeepsItsKeysWhileTheFileIsNotValid) {
  Make();
  const std::string token = issuer_.Sign(ClaimsOf({}));
  for (const std::string& text :
       {std::string("{"), std::string(), std::string("{\"keys\":[]}")}) {
    WriteFile(options_.keys_path, text);
    EXPECT_FALSE(judge_->Look(/*always=*/true).ok());
    EXPECT_TRUE(Judge(token)->status.ok());
  }
  std::remove(options_.keys_path.c_str());
  EXPECT_EQ(judge_->Look(/*always=*/true).code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(Judge(token)->status.ok());
  ASSERT_EQ(lines_.size(), 4u);
  EXPECT_EQ(lines_[0].event, "token_keys_bad");
  EXPECT_THAT(lines_[0].message, HasSubstr(options_.keys_path));
}

TEST_F(TokenJudgeTest, ChecksOnThreadsOfItsOwnAndTheSameTokenOnce) {
  Gate gate;
  options_.before_check = [&] { gate.Pass(); };
  Make();
  judge_->Start();
  const std::string token = issuer_.Sign(ClaimsOf({}));
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<SharedVerdict> verdicts;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(judge_->Find(token), nullptr);
    EXPECT_EQ(judge_->Check(token, "10.0.0.1",
                            [&](SharedVerdict verdict) {
                              const std::lock_guard lock(mutex);
                              verdicts.push_back(std::move(verdict));
                              changed.notify_all();
                            }),
              nullptr);
  }
  gate.Open();
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return verdicts.size() == 5; });
  for (const SharedVerdict& verdict : verdicts) {
    EXPECT_TRUE(verdict->status.ok());
  }
  EXPECT_EQ(judge_->checks(), 1u);
}

TEST_F(TokenJudgeTest, ABoundedNumberOfTokensWaitsAndEachGetsItsVerdict) {
  Gate gate;
  options_.before_check = [&] { gate.Pass(); };
  Make();
  judge_->Start();
  std::atomic<size_t> answered{0};
  size_t waiting = 0;
  size_t refused = 0;
  for (size_t i = 0; i < 2 * TokenJudge::kMaxQueued; ++i) {
    const SharedVerdict verdict =
        judge_->Check(issuer_.Sign(ClaimsOf({.subject = absl::StrCat(i)})),
                      "10.0.0.1", [&](SharedVerdict) { ++answered; });
    if (verdict == nullptr) {
      ++waiting;
    } else {
      EXPECT_EQ(verdict->status.code(), absl::StatusCode::kResourceExhausted);
      ++refused;
    }
  }
  EXPECT_GE(waiting, TokenJudge::kMaxQueued);
  EXPECT_LE(waiting, TokenJudge::kMaxQueued + TokenJudge::kThreads);
  EXPECT_GT(refused, 0u);
  gate.Open();
  judge_->Stop();
  EXPECT_EQ(answered.load(), waiting);
  // From then on none is checked.
  EXPECT_EQ(judge_
                ->Check(issuer_.Sign(ClaimsOf({.subject = "late"})), "",
                        [](SharedVerdict) {})
                ->status.code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace pinion
