// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/program/warnings.h"

#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/core/cpu/machine.h"
#include "pinion/server/config/config_mistake.h"
#include "pinion/server/program/all_mistakes.h"
#include "pinion/server/program/memory_limit.h"
#include "pinion/server/program/program_config.h"
#include "pinion/tests/support/certificates.h"
#include "pinion/tests/support/test_files.h"

namespace pinion {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr int64_t kGiB = int64_t{1} << 30;

class WarningsTest : public ::testing::Test {
 protected:
  // Those of a valid file.
  std::vector<ConfigMistake> Warnings(const std::string& text,
                                      const FlagTexts& flags = {}) {
    const std::string file = absl::StrCat(
        ::testing::TempDir(), "/",
        ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::ofstream(file) << text;
    ProgramConfig config({});
    config.Read(file, flags);
    EXPECT_THAT(AllMistakes(config), IsEmpty());
    return WarningsOf(config, surroundings_, own_bytes_, methods_);
  }

  // A roomy machine with four CPUs.
  Surroundings surroundings_ = {
      .machine = SyntheticMachine("Core:4 PU:1"),
      .memory = MemoryLimit{.bytes = 64 * kGiB, .source = "the machine"},
      .most_files = 1 << 20,
      .now = absl::Now()};
  std::function<int64_t(int workers)> own_bytes_;
  std::function<std::vector<std::string>()> methods_;
};

auto Warning(int line, const char* path,
             const std::vector<const char*>& words) {
  ::testing::Matcher<std::string> all = HasSubstr("");
  for (const char* word : words) all = AllOf(all, HasSubstr(word));
  return AllOf(Field(&ConfigMistake::place, Field(&ConfigPlace::line, line)),
               Field(&ConfigMistake::path, path),
               Field(&ConfigMistake::text, all));
}

TEST_F(WarningsTest, TheDefaultsHurtNobodyOnARoomyMachine) {
  EXPECT_THAT(Warnings(""), IsEmpty());
}

TEST_F(WarningsTest, OfAStopThatTakesLongerThanASupervisorWaits) {
  EXPECT_THAT(Warnings("stop:\n  grace: 29s\n"), IsEmpty());
  EXPECT_THAT(Warnings("stop:\n  lame_duck: 10s\n  grace: 20s\n"),
              ElementsAre(Warning(3, "stop.grace",
                                  {"31s", "Kubernetes", "30s",
                                   "terminationGracePeriodSeconds"})));
  const auto warnings = Warnings("stop:\n  lame_duck: 1m\n  grace: 30s\n");
  EXPECT_THAT(warnings, ElementsAre(Warning(
                            3, "stop.grace",
                            {"1m31s", "systemd", "90s", "TimeoutStopSec"})));
  EXPECT_THAT(Warnings("stop:\n  lame_duck: 59s\n  grace: 30s\n")[0].text,
              Not(HasSubstr("systemd")));
}

TEST_F(WarningsTest, OfLimitsThatAddUpToMoreThanThereIs) {
  surroundings_.memory =
      MemoryLimit{.bytes = 4 * kGiB, .source = "/sys/fs/cgroup/memory.max"};
  EXPECT_THAT(Warnings(""), IsEmpty());
  const char* const file = "memory:\n  server_bytes: 3GiB\n";
  EXPECT_THAT(Warnings(file), IsEmpty());
  own_bytes_ = [](int workers) { return workers * kGiB; };
  // Two workers on four CPUs.
  EXPECT_THAT(
      Warnings(file),
      ElementsAre(Warning(2, "memory.server_bytes",
                          {"add up to 6.0 GiB", "4.0 GiB",
                           "/sys/fs/cgroup/memory.max", "services 2.0 GiB"})));
  surroundings_.memory = absl::InternalError("no /proc");
  EXPECT_THAT(Warnings(file), IsEmpty());
}

TEST_F(WarningsTest, OfPathsOfAPolicyThatNoMethodHas) {
  const std::string policy =
      absl::StrCat(::testing::TempDir(), "/warnings_policy.yaml");
  std::ofstream(policy) << "name: p\n"
                           "deny_rules:\n"
                           "  - name: no_put\n"
                           "    request: {paths: [/shop.v1.Cart/Putt]}\n"
                           "allow_rules: [{name: all}]\n";
  const std::string file =
      absl::StrCat("policy: {policy_file: ", policy, "}\n");
  EXPECT_THAT(Warnings(file), IsEmpty());
  methods_ = [] { return std::vector<std::string>{"/shop.v1.Cart/Put"}; };
  const auto warnings = Warnings(file);
  EXPECT_THAT(warnings,
              ElementsAre(Warning(3, "",
                                  {"no_put", "/shop.v1.Cart/Putt",
                                   "did you mean /shop.v1.Cart/Put?"})));
  EXPECT_EQ(warnings[0].file, policy);
  // Who has no policy is not asked for methods.
  methods_ = []() -> std::vector<std::string> {
    ADD_FAILURE();
    return {};
  };
  EXPECT_THAT(Warnings(""), IsEmpty());
}

TEST_F(WarningsTest, OfTrafficThatOthersCanRead) {
  EXPECT_THAT(Warnings("listener:\n"
                       "  allow_unencrypted_public_traffic: true\n"
                       "  listen: '[::]:50051'\n"),
              ElementsAre(Warning(3, "listener.listen", {"not encrypted"})));
  EXPECT_THAT(Warnings("listener:\n"
                       "  allow_unencrypted_public_traffic: true\n"),
              IsEmpty());
}

TEST_F(WarningsTest, OfCertificatesThatAreWrongOrEndSoon) {
  const testing::TestAuthority authority;
  const testing::TestFiles files;
  const testing::PemPair pair =
      authority.Issue({.not_after = absl::Now() + absl::Hours(24 * 20)});
  const std::string text = absl::StrCat(
      "tls:\n  tls_certificate: ", files.Write("cert.pem", pair.certificate),
      "\n  tls_key: ", files.Write("key.pem", pair.key),
      "\nlistener:\n  listen: 0.0.0.0:1\n");
  EXPECT_THAT(Warnings(text), IsEmpty());
  surroundings_.now = absl::Now() + absl::Hours(24 * 10);
  EXPECT_THAT(Warnings(text),
              ElementsAre(Warning(2, "tls.tls_certificate", {"it has CN = "})));
  files.Write("key.pem", "garbage");
  EXPECT_THAT(Warnings(text),
              ElementsAre(Warning(2, "tls.tls_certificate",
                                  {"does not start with these files: tls_key",
                                   "no PEM private key"})));
}

TEST_F(WarningsTest, OfAnAdminCertificateThatIsWrongOrEndsSoon) {
  const testing::TestAuthority authority;
  const testing::TestFiles files;
  const testing::PemPair pair =
      authority.Issue({.not_after = absl::Now() + absl::Hours(24 * 20)});
  const std::string text = absl::StrCat(
      "admin:\n  admin: 0.0.0.0:1\n  admin_token_file: /none\n",
      "  admin_certificate: ", files.Write("cert.pem", pair.certificate),
      "\n  admin_key: ", files.Write("key.pem", pair.key), "\n");
  EXPECT_THAT(Warnings(text), IsEmpty());
  surroundings_.now = absl::Now() + absl::Hours(24 * 10);
  EXPECT_THAT(Warnings(text), ElementsAre(Warning(4, "admin.admin_certificate",
                                                  {"it has CN = "})));
  surroundings_.now = absl::Now() + absl::Hours(24 * 21);
  EXPECT_THAT(Warnings(text),
              ElementsAre(Warning(4, "admin.admin_certificate",
                                  {"does not start", "has expired"})));
  files.Write("key.pem", "garbage");
  EXPECT_THAT(Warnings(text),
              ElementsAre(Warning(4, "admin.admin_certificate",
                                  {"does not start with these files: admin_key",
                                   "no PEM private key"})));
  files.Remove("cert.pem");
  EXPECT_THAT(Warnings(text),
              ElementsAre(Warning(4, "admin.admin_certificate",
                                  {"does not start", "cannot be read"})));
}

TEST_F(WarningsTest, OfKeysOnAPageThatOthersReach) {
  const testing::TestAuthority authority;
  const testing::TestFiles files;
  const testing::PemPair pair = authority.Issue({});
  const std::string text = absl::StrCat(
      "observe: {show_keys: true}\n",
      "admin:\n  admin_token_file: /none\n  admin_certificate: ",
      files.Write("cert.pem", pair.certificate),
      "\n  admin_key: ", files.Write("key.pem", pair.key), "\n  admin: ");
  EXPECT_THAT(Warnings(text + "127.0.0.1:1\n"), IsEmpty());
  EXPECT_THAT(Warnings(text + "0.0.0.0:1\n"),
              ElementsAre(Warning(6, "admin.admin", {"show_keys", "0.0.0.0"})));
  EXPECT_THAT(Warnings(text + "0.0.0.0:1\n", {{"observe.show_keys", "false"}}),
              IsEmpty());
}

TEST_F(WarningsTest, OfClientsThatAreServedAfterTheirCertificatesEnd) {
  const testing::TestAuthority authority;
  const testing::TestFiles files;
  const testing::PemPair pair = authority.Issue({});
  const std::string text = absl::StrCat(
      "tls:\n  tls_certificate: ", files.Write("cert.pem", pair.certificate),
      "\n  tls_key: ", files.Write("key.pem", pair.key),
      "\n  tls_client_ca: ", files.Write("ca.pem", authority.certificate()),
      "\n  client_auth: required\n");
  EXPECT_THAT(Warnings(text), ElementsAre(Warning(5, "tls.client_auth",
                                                  {"max_connection_age"})));
  EXPECT_THAT(Warnings(text, {{"listener.max_connection_age", "1h"}}),
              IsEmpty());
}

TEST_F(WarningsTest, OfFewerFilesThanConnections) {
  surroundings_.most_files = 4096;
  EXPECT_THAT(Warnings(""), ElementsAre(Warning(0, "listener.max_connections",
                                                {"16384", "4096"})));
  EXPECT_THAT(Warnings("", {{"listener.max_connections", "4000"}}), IsEmpty());
}

TEST_F(WarningsTest, OfWorkersThatThisMachineCannotHave) {
  EXPECT_THAT(Warnings("workers:\n  workers: 9\n"),
              ElementsAre(Warning(2, "workers.workers",
                                  {"does not start on this machine", "9"})));
  EXPECT_THAT(Warnings("workers:\n  worker_cpus: 2,7\n"),
              ElementsAre(Warning(2, "workers.worker_cpus", {"7"})));
}

TEST_F(WarningsTest, WhatIsAroundThisProcessIsKnown) {
  const Surroundings here = LookAround();
  EXPECT_TRUE(here.machine.ok()) << here.machine.status();
  EXPECT_TRUE(here.memory.ok()) << here.memory.status();
  EXPECT_GT(here.most_files, 0);
}

}  // namespace
}  // namespace pinion
