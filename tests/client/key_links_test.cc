// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/internal/key_links.h"

#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "pinion/echo/v1/echo.pb.h"

namespace pinion::client_internal {
namespace {

constexpr char kKeyed[] = "/pinion.echo.v1.EchoService/EchoKeyed";
constexpr char kKeyless[] = "/pinion.echo.v1.EchoService/Echo";
constexpr int kLinks = 4;

std::string RequestOf(const std::string& key, const std::string& payload) {
  echo::v1::EchoKeyedRequest request;
  request.set_key(key);
  request.set_payload(payload);
  return request.SerializeAsString();
}

TEST(KeyLinksTest, GivesAKeyOneLinkWhateverElseTheRequestHas) {
  KeyLinks links(kLinks);
  std::set<int> used;
  for (int i = 0; i < 100; ++i) {
    const std::string key = absl::StrCat("key", i);
    const int link = links.Of(kKeyed, RequestOf(key, "a"));
    used.insert(link);
    for (const char* payload : {"b", "c", ""}) {
      EXPECT_EQ(links.Of(kKeyed, RequestOf(key, payload)), link) << key;
    }
  }
  EXPECT_EQ(used, (std::set<int>{0, 1, 2, 3}));
}

TEST(KeyLinksTest, LetsOthersTakeTurns) {
  KeyLinks links(kLinks);
  for (const char* method : {kKeyless, "/no.such.Service/Method", "nonsense"}) {
    std::set<int> used;
    for (int i = 0; i < kLinks; ++i) used.insert(links.Of(method, ""));
    EXPECT_EQ(used, (std::set<int>{0, 1, 2, 3})) << method;
  }
}

TEST(KeyLinksTest, GivesAnyLinkToARequestWhoseKeyCannotBeRead) {
  KeyLinks links(kLinks);
  for (const char* request : {"", "\xff\xff"}) {
    const int link = links.Of(kKeyed, request);
    EXPECT_GE(link, 0);
    EXPECT_LT(link, kLinks);
  }
}

TEST(KeyLinksTest, BeyondThoseThatItRemembersAMethodHasOneLink) {
  KeyLinks links(kLinks);
  const int of_key = links.Of(kKeyed, RequestOf("a", ""));
  for (int i = 0; i < 2000; ++i) links.Of(absl::StrCat("/a.B/C", i), "");
  EXPECT_EQ(links.Of(kKeyed, RequestOf("a", "")), of_key);
  std::set<int> used;
  for (int i = 0; i < 100; ++i) {
    const std::string method = absl::StrCat("/a.B/D", i);
    const int link = links.Of(method, "");
    EXPECT_GE(link, 0);
    EXPECT_LT(link, kLinks);
    for (int j = 0; j < 5; ++j) EXPECT_EQ(links.Of(method, ""), link);
    used.insert(link);
  }
  EXPECT_EQ(used, (std::set<int>{0, 1, 2, 3}));
}

TEST(KeyLinksTest, KnowsOneLinkIfThereIsOne) {
  KeyLinks links(1);
  EXPECT_EQ(links.Of(kKeyed, RequestOf("a", "")), 0);
  EXPECT_EQ(links.Of(kKeyless, ""), 0);
}

}  // namespace
}  // namespace pinion::client_internal
