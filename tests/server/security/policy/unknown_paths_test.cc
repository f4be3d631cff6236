// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/security/policy/unknown_paths.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/server/config/config_mistake.h"
#include "pinion/server/security/policy/read_policy.h"

namespace pinion {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// What is told of a policy for a server with two methods.
std::vector<std::string> Unknown(absl::string_view policy) {
  const PolicyReading reading = ReadPolicy("p.yaml", policy);
  EXPECT_TRUE(reading.mistakes.empty()) << reading.status();
  std::vector<std::string> told;
  for (const ConfigMistake& unknown :
       UnknownPaths("p.yaml", reading.rules,
                    {"/shop.v1.Cart/Add", "/shop.v1.Stock/Take"})) {
    told.push_back(unknown.ToString());
  }
  return told;
}

std::string WithPath(absl::string_view path) {
  return absl::StrCat(
      "name: p\nallow_rules:\n  - name: r\n    request: {paths: [\"", path,
      "\"]}\n");
}

TEST(UnknownPathsTest, AreThoseThatMatchNoMethod) {
  for (const char* const path :
       {"/shop.v1.Cart/Put", "/shop.v1.cart/Add", "/shop.v1.Cart/add",
        "/shop.v1.Cart/Add/", "/shop.v1.Carts/*", "/shop.v1.Cart/P*",
        "*/Remove", "/grpc.health.v2.Health/*", "/pinion.v1.SessionService/O",
        "/grpc.channelz.v1.Channelz/*", "*/Health/"}) {
    EXPECT_THAT(Unknown(WithPath(path)), SizeIs(1)) << path;
  }
}

TEST(UnknownPathsTest, AreNotThoseOfTheServersOwnServices) {
  for (const char* const path :
       {"*", "/shop.v1.Cart/Add", "/shop.v1.Cart/*", "/shop*", "*/Take", "/*",
        "/grpc.health.v1.Health/*", "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/List", "/grpc.health.v1.Health/W*", "*/Check",
        "/grpc.reflection.*", "/grpc.reflection.v1.ServerReflection/*",
        "/grpc.reflection.v1alpha.ServerReflection/*",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "/pinion.v1.*", "*/Open"}) {
    EXPECT_THAT(Unknown(WithPath(path)), IsEmpty()) << path;
  }
  EXPECT_THAT(Unknown("name: p\nallow_rules: [{name: all}]\n"), IsEmpty());
}

TEST(UnknownPathsTest, AreToldWithTheirRuleAndWhatWasMeant) {
  EXPECT_THAT(
      Unknown(
          "name: p\n"
          "deny_rules:\n"
          "  - name: no_add\n"
          "    request: {paths: [/shop.v1.Cart/Addd]}\n"
          "allow_rules:\n"
          "  - name: others\n"
          "    request: {paths: [/bank.v1.Account/*, /shop.v1.Cart/Add]}\n"),
      ElementsAre("p.yaml:3:5: the rule \"no_add\" has the path "
                  "\"/shop.v1.Cart/Addd\", which no method of this server has; "
                  "did you mean /shop.v1.Cart/Add?",
                  "p.yaml:6:5: the rule \"others\" has the path "
                  "\"/bank.v1.Account/*\", which no method of this server has; "
                  "is it misspelled, or of another server?"));
}

TEST(UnknownPathsTest, AreCountedIfTheyAreMany) {
  std::string paths;
  for (int i = 0; i < 25; ++i) absl::StrAppend(&paths, "\", \"/a.B/C", i);
  const auto told = Unknown(WithPath("/shop.v1.Cart/Add" + paths));
  ASSERT_THAT(told, SizeIs(kMostUnknownPaths + 1));
  EXPECT_THAT(told.back(), HasSubstr("15 more paths"));
}

}  // namespace
}  // namespace pinion
