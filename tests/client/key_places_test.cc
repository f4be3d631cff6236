// SPDX-License-Identifier: Apache-2.0
#include "client/key_places.h"

#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "pinion/echo/v1/echo.pb.h"

namespace pinion::client_internal {
namespace {

constexpr char kKeyed[] = "/pinion.echo.v1.EchoService/EchoKeyed";
constexpr char kKeyless[] = "/pinion.echo.v1.EchoService/Echo";
constexpr int kPlaces = 4;

std::string RequestOf(const std::string& key, const std::string& payload) {
  echo::v1::EchoKeyedRequest request;
  request.set_key(key);
  request.set_payload(payload);
  return request.SerializeAsString();
}

TEST(KeyPlacesTest, GivesAKeyOnePlaceWhateverElseTheRequestHas) {
  KeyPlaces places(kPlaces);
  std::set<int> used;
  for (int i = 0; i < 100; ++i) {
    const std::string key = absl::StrCat("key", i);
    const int place = places.Of(kKeyed, RequestOf(key, "a"));
    used.insert(place);
    for (const char* payload : {"b", "c", ""}) {
      EXPECT_EQ(places.Of(kKeyed, RequestOf(key, payload)), place) << key;
    }
  }
  EXPECT_EQ(used, (std::set<int>{0, 1, 2, 3}));
}

TEST(KeyPlacesTest, LetsOthersTakeTurns) {
  KeyPlaces places(kPlaces);
  for (const char* method : {kKeyless, "/no.such.Service/Method", "nonsense"}) {
    std::set<int> used;
    for (int i = 0; i < kPlaces; ++i) used.insert(places.Of(method, ""));
    EXPECT_EQ(used, (std::set<int>{0, 1, 2, 3})) << method;
  }
}

TEST(KeyPlacesTest, GivesAnyPlaceToARequestWhoseKeyCannotBeRead) {
  KeyPlaces places(kPlaces);
  for (const char* request : {"", "\xff\xff"}) {
    const int place = places.Of(kKeyed, request);
    EXPECT_GE(place, 0);
    EXPECT_LT(place, kPlaces);
  }
}

TEST(KeyPlacesTest, KnowsOnePlaceIfThereIsOne) {
  KeyPlaces places(1);
  EXPECT_EQ(places.Of(kKeyed, RequestOf("a", "")), 0);
  EXPECT_EQ(places.Of(kKeyless, ""), 0);
}

}  // namespace
}  // namespace pinion::client_internal
