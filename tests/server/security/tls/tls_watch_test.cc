// SPDX-License-Identifier: Apache-2.0
//
// Which files are used, which are not, and what is said of them: under a fake
// clock, and without a server.
#include "pinion/server/security/tls/tls_watch.h"

#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/tests/server/security/tls/log_lines.h"
#include "pinion/tests/support/certificates.h"
#include "pinion/tests/support/test_files.h"

namespace pinion {
namespace {

using ::pinion::testing::LogLines;
using ::pinion::testing::PemPair;
using ::pinion::testing::SerialOf;
using ::pinion::testing::TestAuthority;
using ::pinion::testing::TestFiles;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class TlsWatchTest : public ::testing::Test {
 protected:
  TlsWatchTest() {
    Write(pair_);
    files_.Write("ca.pem", authority_.certificate());
  }

  void Write(const PemPair& pair) {
    files_.Write("cert.pem", pair.certificate);
    files_.Write("key.pem", pair.key);
  }

  PemPair EndsIn(absl::Duration left) {
    return authority_.Issue({.not_after = now_ + left});
  }

  std::string UsedSerial() { return watch_.current()->certificate.serial; }

  // That `pair` is not used now, though it was written, and what is said of it.
  void ExpectRefused(const std::string& why) {
    const std::string before = UsedSerial();
    const absl::Status status = watch_.Look();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(why));
    EXPECT_THAT(lines_.Take(),
                ElementsAre(AllOf(StartsWith("error tls_files_refused: tls_"),
                                  HasSubstr(why), HasSubstr("still"),
                                  HasSubstr(before))));
    EXPECT_EQ(UsedSerial(), before);
    // It is said once.
    EXPECT_FALSE(watch_.Look().ok());
    EXPECT_THAT(lines_.Take(), IsEmpty());
  }

  void ExpectTaken(const PemPair& pair) {
    EXPECT_EQ(watch_.Look(), absl::OkStatus());
    EXPECT_EQ(UsedSerial(), SerialOf(pair.certificate));
    EXPECT_THAT(lines_.Take(),
                ElementsAre(AllOf(StartsWith("info tls_files_taken: "),
                                  HasSubstr(SerialOf(pair.certificate)))));
    EXPECT_EQ(watch_.Look(), absl::OkStatus());
    EXPECT_THAT(lines_.Take(), IsEmpty());
  }

  absl::Time now_ = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()));
  const TestAuthority authority_;
  const TestFiles files_;
  const PemPair pair_ = authority_.Issue({});
  LogLines lines_;
  TlsWatch watch_{{.files = {.certificate = files_.Path("cert.pem"),
                             .key = files_.Path("key.pem"),
                             .client_ca = files_.Path("ca.pem"),
                             .client_auth = ClientAuth::kRequired},
                   .log = lines_.sink(),
                   .now = [this] { return now_; }}};
};

TEST_F(TlsWatchTest, HasNothingUntilTheFilesAreRight) {
  files_.Write("key.pem", "nonsense");
  EXPECT_FALSE(watch_.Look().ok());
  EXPECT_EQ(watch_.current(), nullptr);
  // The caller says why it does not start.
  EXPECT_THAT(lines_.Take(), IsEmpty());
  Write(pair_);
  ExpectTaken(pair_);
}

TEST_F(TlsWatchTest, GivesTheSameObjectUntilTheFilesChange) {
  ASSERT_EQ(watch_.Look(), absl::OkStatus());
  const auto used = watch_.current();
  ASSERT_EQ(watch_.Look(), absl::OkStatus());
  EXPECT_EQ(watch_.current(), used);
  Write(authority_.Issue({}));
  ASSERT_EQ(watch_.Look(), absl::OkStatus());
  EXPECT_NE(watch_.current(), used);
}

TEST_F(TlsWatchTest, WaitsForTheSecondFileOfAPair) {
  ExpectTaken(pair_);
  const PemPair next = authority_.Issue({});
  files_.Write("cert.pem", next.certificate);
  ExpectRefused("does not belong to the certificate");
  files_.Write("key.pem", next.key);
  ExpectTaken(next);

  const PemPair third = authority_.Issue({});
  files_.Write("key.pem", third.key);
  ExpectRefused("does not belong to the certificate");
  files_.Write("cert.pem", third.certificate);
  ExpectTaken(third);
}

TEST_F(TlsWatchTest, KeepsWhatItHasWhileAFileIsWrong) {
  ExpectTaken(pair_);
  const PemPair next = authority_.Issue({});
  Write({"", next.key});
  ExpectRefused("cert.pem\" has no PEM certificate");
  Write({next.certificate.substr(0, next.certificate.size() / 2), next.key});
  ExpectRefused("cert.pem\" is damaged at its certificate 1");
  Write({next.certificate, "garbage"});
  ExpectRefused("key.pem\" has no PEM private key");
  Write({next.certificate, authority_.Issue({}).key});
  ExpectRefused("key.pem\" does not belong to");
  Write(authority_.Issue({.not_before = now_ - absl::Hours(9),
                          .not_after = now_ - absl::Hours(1)}));
  ExpectRefused("cert.pem\" has expired");
  Write(authority_.Issue({.not_before = now_ + absl::Hours(1)}));
  ExpectRefused("cert.pem\" is not valid before");
  files_.Remove("cert.pem");
  ExpectRefused("cert.pem\" cannot be read: No such file");
  ASSERT_EQ(mkdir(files_.Path("cert.pem").c_str(), 0700), 0);
  ExpectRefused("is a directory");
  ASSERT_EQ(rmdir(files_.Path("cert.pem").c_str()), 0);
  ASSERT_EQ(symlink("cert.pem", files_.Path("cert.pem").c_str()), 0);
  ExpectRefused("cannot be read: Too many levels");
  files_.Remove("cert.pem");
  Write(next);
  files_.Write("ca.pem", next.certificate);
  ExpectRefused("which is no certificate authority");
  files_.Write("ca.pem", "");
  ExpectRefused("ca.pem\" has no PEM certificate");
  files_.Remove("ca.pem");
  ExpectRefused("tls_client_ca");
  files_.Write("ca.pem", authority_.certificate());
  ExpectTaken(next);
}

TEST_F(TlsWatchTest, ReturningToTheOldFilesIsNoChange) {
  ExpectTaken(pair_);
  files_.Write("cert.pem", "garbage");
  ExpectRefused("no PEM certificate");
  Write(pair_);
  EXPECT_EQ(watch_.Look(), absl::OkStatus());
  EXPECT_THAT(lines_.Take(), IsEmpty());
  // The same mistake is a new one then.
  files_.Write("cert.pem", "garbage");
  ExpectRefused("no PEM certificate");
}

TEST_F(TlsWatchTest, TakesACertificateOnceItsTimeHasCome) {
  ExpectTaken(pair_);
  const PemPair next =
      authority_.Issue({.not_before = now_ + absl::Minutes(10)});
  Write(next);
  ExpectRefused("is not valid before");
  now_ += absl::Minutes(11);
  ExpectTaken(next);
}

TEST_F(TlsWatchTest, WarnsTwoWeeksAndThreeDaysBeforeTheEndAndAtIt) {
  const PemPair pair = EndsIn(absl::Hours(24 * 20));
  Write(pair);
  ExpectTaken(pair);
  const auto advance_to = [&](absl::Duration left) {
    now_ = watch_.current()->certificate.not_after - left;
    EXPECT_EQ(watch_.Look(), absl::OkStatus());
    return lines_.Take();
  };
  constexpr absl::Duration kDay = absl::Hours(24);
  EXPECT_THAT(advance_to(14 * kDay + absl::Seconds(1)), IsEmpty());
  EXPECT_THAT(
      advance_to(14 * kDay),
      ElementsAre(AllOf(StartsWith("warning tls_certificate_ends: "
                                   "tls_certificate has CN = server (serial "),
                        HasSubstr(", in 14 days: replace it"))));
  EXPECT_THAT(advance_to(4 * kDay), IsEmpty());
  EXPECT_THAT(advance_to(3 * kDay),
              ElementsAre(AllOf(StartsWith("warning tls_certificate_ends: "),
                                HasSubstr(", in 3 days: "))));
  EXPECT_THAT(advance_to(absl::Seconds(1)), IsEmpty());
  // What else could be used?
  EXPECT_THAT(advance_to(-absl::Seconds(1)),
              ElementsAre(AllOf(StartsWith("error tls_certificate_ended: "),
                                HasSubstr("1s ago: new connections fail"))));
  EXPECT_THAT(advance_to(-kDay), IsEmpty());
  EXPECT_EQ(UsedSerial(), SerialOf(pair.certificate));
}

TEST_F(TlsWatchTest, WarnsAtOnceOfACertificateThatEndsSoonAndAnewOfTheNextOne) {
  Write(EndsIn(absl::Hours(24)));
  EXPECT_EQ(watch_.Look(), absl::OkStatus());
  EXPECT_THAT(lines_.Take(),
              ElementsAre(StartsWith("info tls_files_taken: "),
                          StartsWith("warning tls_certificate_ends: ")));
  Write(EndsIn(absl::Hours(48)));
  EXPECT_EQ(watch_.Look(), absl::OkStatus());
  EXPECT_THAT(lines_.Take(),
              ElementsAre(StartsWith("info tls_files_taken: "),
                          StartsWith("warning tls_certificate_ends: ")));
}

TEST_F(TlsWatchTest, WarnsWhenTheLastAuthorityOfClientsEnds) {
  const PemPair ca = authority_.Issue({.name = "short-lived",
                                       .not_after = now_ + absl::Hours(24 * 10),
                                       .is_authority = true});
  files_.Write("ca.pem", ca.certificate);
  EXPECT_EQ(watch_.Look(), absl::OkStatus());
  EXPECT_THAT(
      lines_.Take(),
      ElementsAre(StartsWith("info tls_files_taken: "),
                  StartsWith("warning tls_certificate_ends: tls_client_ca has "
                             "CN = short-lived")));
  // Another one that lives on is enough.
  files_.Write("ca.pem", ca.certificate + authority_.certificate());
  EXPECT_EQ(watch_.Look(), absl::OkStatus());
  EXPECT_THAT(lines_.Take(), ElementsAre(StartsWith("info tls_files_taken: ")));
}

TEST_F(TlsWatchTest, LooksByItselfOnceStarted) {
  ExpectTaken(pair_);
  watch_.Start();
  const PemPair next = authority_.Issue({});
  Write(next);
  lines_.Await(absl::StrCat("serial ", SerialOf(next.certificate)));
  watch_.Stop();
}

}  // namespace
}  // namespace pinion
