// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/tls/certificates.h"

#include <openssl/err.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/tls/pem_file.h"
#include "pinion/tests/support/certificates.h"
#include "pinion/tests/support/test_files.h"

namespace pinion {
namespace {

using ::pinion::testing::EncryptedKey;
using ::pinion::testing::PemPair;
using ::pinion::testing::SerialOf;
using ::pinion::testing::TestAuthority;
using ::pinion::testing::TestFiles;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Complaint(const PemPair& pair) {
  const auto facts =
      CheckPair({"the certificate", pair.certificate}, {"the key", pair.key});
  // Whoever uses OpenSSL next finds no error of ours.
  EXPECT_EQ(ERR_peek_error(), 0u);
  return std::string(facts.status().message());
}

std::string AuthoritiesComplaint(const std::string& text,
                                 absl::Time now = absl::Now()) {
  const auto facts = CheckAuthorities({"the CA", text}, now);
  EXPECT_EQ(ERR_peek_error(), 0u);
  return std::string(facts.status().message());
}

class CertificatesTest : public ::testing::Test {
 protected:
  const TestAuthority authority_;
  const PemPair pair_ = authority_.Issue({.name = "server"});
};

TEST_F(CertificatesTest, TellsTheFactsOfAPair) {
  const absl::Time end =
      absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()) + 86400);
  const PemPair pair =
      authority_.Issue({.name = "böse\nZeile", .not_after = end});
  const auto facts =
      CheckPair({"the certificate", pair.certificate}, {"the key", pair.key});
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_THAT(facts->subject, HasSubstr("CN = "));
  EXPECT_EQ(facts->subject.find('\n'), std::string::npos) << facts->subject;
  EXPECT_EQ(facts->serial, SerialOf(pair.certificate));
  EXPECT_EQ(facts->not_after, end);
  EXPECT_THAT(facts->ToString(),
              HasSubstr(absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", end,
                                         absl::UTCTimeZone())));
}

TEST_F(CertificatesTest, ALongChainHoldsAsLongAsItsShortestCertificate) {
  const TestAuthority between(authority_, "between");
  const absl::Time end =
      absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()) + 7200);
  const PemPair server = between.Issue({.name = "server"});
  const PemPair short_lived = authority_.Issue(
      {.name = "between", .not_after = end, .is_authority = true});
  const auto facts = CheckPair(
      {"the certificate", server.certificate + short_lived.certificate},
      {"the key", server.key});
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_EQ(facts->not_after, end);
}

TEST_F(CertificatesTest, TakesACertificateAndItsKeyFromOneFile) {
  const std::string both = pair_.key + pair_.certificate;
  EXPECT_EQ(Complaint({both, both}), "");
}

TEST_F(CertificatesTest, TellsWhatIsNoCertificate) {
  EXPECT_THAT(Complaint({"", pair_.key}),
              "the certificate has no PEM certificate");
  EXPECT_THAT(Complaint({std::string(5000, '\xff'), pair_.key}),
              "the certificate has no PEM certificate");
  EXPECT_THAT(Complaint({pair_.key, pair_.key}),
              "the certificate has no PEM certificate");
  std::string damaged = pair_.certificate;
  damaged[damaged.size() / 2] = '!';
  EXPECT_THAT(Complaint({damaged, pair_.key}),
              StartsWith("the certificate is damaged at its certificate 1: "));
  const std::string cut = pair_.certificate.substr(0, 300);
  EXPECT_THAT(Complaint({pair_.certificate + cut, pair_.key}),
              StartsWith("the certificate is damaged at its certificate 2: "));
}

TEST_F(CertificatesTest, TellsWhatIsNoKey) {
  EXPECT_THAT(Complaint({pair_.certificate, ""}),
              "the key has no PEM private key");
  EXPECT_THAT(Complaint({pair_.certificate, pair_.certificate}),
              "the key has no PEM private key");
  EXPECT_THAT(Complaint({pair_.certificate, pair_.key.substr(0, 100)}),
              StartsWith("the key "));
  // Nobody is asked for a password: a server would wait for ever.
  EXPECT_THAT(Complaint({pair_.certificate, EncryptedKey(pair_.key)}),
              StartsWith("the key is encrypted; "));
}

TEST_F(CertificatesTest, TellsThatAKeyIsAnothers) {
  const PemPair other = authority_.Issue({});
  EXPECT_THAT(Complaint({pair_.certificate, other.key}),
              StartsWith("the key does not belong to the certificate CN = "));
  EXPECT_THAT(
      Complaint({authority_.certificate() + pair_.certificate, pair_.key}),
      HasSubstr("belongs to certificate 2 of its file, and must belong to the "
                "first one"));
}

TEST_F(CertificatesTest, TellsThatOpensslWillNotUseAWeakKey) {
  const PemPair weak = authority_.Issue({.rsa_bits = 1024});
  EXPECT_THAT(Complaint(weak),
              AllOf(StartsWith("the certificate cannot be used"),
                    HasSubstr("key too small")));
}

TEST_F(CertificatesTest, TellsThatTheTimeIsNotRight) {
  const absl::Time now = absl::Now();
  const auto facts =
      CheckPair({"the certificate", pair_.certificate}, {"the key", pair_.key});
  ASSERT_TRUE(facts.ok());
  EXPECT_TRUE(CheckTime("it", *facts, now).ok());
  EXPECT_THAT(
      std::string(CheckTime("it", *facts, now + absl::Hours(9000)).message()),
      StartsWith("it has expired, at 20"));
  EXPECT_THAT(
      std::string(CheckTime("it", *facts, now - absl::Hours(2)).message()),
      StartsWith("it is not valid before 20"));
}

TEST_F(CertificatesTest, TellsWhatAreNoAuthorities) {
  EXPECT_EQ(AuthoritiesComplaint(authority_.certificate()), "");
  EXPECT_EQ(AuthoritiesComplaint(""), "the CA has no PEM certificate");
  EXPECT_EQ(AuthoritiesComplaint("nonsense"), "the CA has no PEM certificate");
  EXPECT_THAT(
      AuthoritiesComplaint(authority_.certificate() + pair_.certificate),
      AllOf(StartsWith("the CA has CN = server, "),
            HasSubstr("no certificate authority")));
  EXPECT_THAT(AuthoritiesComplaint(authority_.certificate(),
                                   absl::Now() + absl::Hours(24 * 4000)),
              AllOf(HasSubstr("no authority that is valid now"),
                    HasSubstr("has expired")));
}

TEST_F(CertificatesTest, OneAuthorityThatHoldsIsEnough) {
  const PemPair ended =
      authority_.Issue({.name = "ended",
                        .not_before = absl::Now() - absl::Hours(9),
                        .not_after = absl::Now() - absl::Hours(1),
                        .is_authority = true});
  const auto facts = CheckAuthorities(
      {"the CA", ended.certificate + authority_.certificate()}, absl::Now());
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_GT(facts->not_after, absl::Now() + absl::Hours(24 * 3000));
}

TEST_F(CertificatesTest, AFileThatCannotBeReadHasAReason) {
  const TestFiles files;
  const std::string path = files.Write("a.pem", "text");
  EXPECT_EQ(*ReadPemFile(path), "text");
  const auto complaint = [](const std::string& of) {
    return std::string(ReadPemFile(of).status().message());
  };
  EXPECT_EQ(complaint(files.Path("none")),
            absl::StrCat("\"", files.Path("none"),
                         "\" cannot be read: No such file or directory"));
  EXPECT_THAT(complaint(::testing::TempDir()),
              HasSubstr("is a directory, not a plain file"));
  // Nobody writes to it: a read would wait for ever.
  ASSERT_EQ(mkfifo(files.Path("pipe").c_str(), 0600), 0);
  EXPECT_THAT(complaint(files.Path("pipe")),
              HasSubstr("is a pipe, not a plain file"));
  ASSERT_EQ(symlink("loop", files.Path("loop").c_str()), 0);
  EXPECT_THAT(complaint(files.Path("loop")), HasSubstr("cannot be read: "));
  files.Write("big", std::string(kMaxPemBytes + 1, 'x'));
  EXPECT_THAT(complaint(files.Path("big")),
              HasSubstr("more than 4194304 bytes"));
}

TEST_F(CertificatesTest, AFileThatIsForbiddenHasAReason) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  const TestFiles files;
  const std::string path = files.Write("a.pem", "text");
  ASSERT_EQ(chmod(path.c_str(), 0), 0);
  EXPECT_THAT(std::string(ReadPemFile(path).status().message()),
              HasSubstr("cannot be read: Permission denied"));
}

}  // namespace
}  // namespace pinion
