// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/internal/method_names.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace pinion::client_internal {
namespace {

// As session.proto says.
constexpr uint32_t kMost = 1024;

std::string Name(uint32_t i) { return absl::StrCat("/shop.v1.Shop/Do", i); }

TEST(MethodNamesTest, NamesGetIndexesFromOneInTheirOrder) {
  MethodNames names;
  EXPECT_EQ(names.last(), 0u);
  EXPECT_EQ(names.size(), 0u);
  EXPECT_EQ(names.IndexOf("/a/A"), 1u);
  EXPECT_EQ(names.IndexOf("/b/B"), 2u);
  EXPECT_EQ(names.size(), 2u);
  EXPECT_EQ(names.NameOf(1), "/a/A");
  EXPECT_EQ(names.NameOf(2), "/b/B");
}

TEST(MethodNamesTest, ANameKeepsItsIndex) {
  MethodNames names;
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(names.IndexOf("/a/A"), 1u);
    EXPECT_EQ(names.IndexOf("/a/A"), 1u);
    EXPECT_EQ(names.last(), 1u);
    EXPECT_EQ(names.IndexOf("/b/B"), 2u);
    EXPECT_EQ(names.last(), 2u);
  }
  EXPECT_EQ(names.size(), 2u);
}

TEST(MethodNamesTest, NoMoreNamesHaveAnIndexThanASessionMayHave) {
  MethodNames names;
  for (uint32_t i = 1; i <= kMost; ++i) {
    ASSERT_EQ(names.IndexOf(Name(i)), i);
  }
  EXPECT_EQ(names.IndexOf("/one/More"), 0u);
  EXPECT_EQ(names.size(), kMost);
  // The others keep theirs, the last one given included.
  EXPECT_EQ(names.last(), kMost);
  EXPECT_EQ(names.IndexOf(Name(kMost)), kMost);
  EXPECT_EQ(names.IndexOf(Name(7)), 7u);
  EXPECT_EQ(names.last(), 7u);
}

TEST(MethodNamesTest, ANameNeverMoves) {
  MethodNames names;
  names.IndexOf("/a/A");
  const std::string* const first = &names.NameOf(1);
  for (uint32_t i = 2; i <= kMost; ++i) names.IndexOf(Name(i));
  EXPECT_EQ(&names.NameOf(1), first);
  EXPECT_EQ(*first, "/a/A");
}

TEST(SameNameTest, ComparesAllBytesOfNamesOfAnyLength) {
  const std::string name = "/package.Service/MethodWithALongName";
  for (size_t size = 0; size <= name.size(); ++size) {
    const std::string one = name.substr(0, size);
    EXPECT_TRUE(SameName(one, std::string(one)));
    for (size_t i = 0; i < size; ++i) {
      std::string other = one;
      other[i] ^= 1;
      EXPECT_FALSE(SameName(one, other)) << size << ", " << i;
      EXPECT_FALSE(SameName(one, one.substr(0, i))) << size << ", " << i;
    }
  }
}

}  // namespace
}  // namespace pinion::client_internal
