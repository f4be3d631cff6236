// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/security/identity/identity.h"

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace pinion {
namespace {

const Principal kCart{Principal::Kind::kX509, "spiffe://shop/cart"};
const Principal kUser{Principal::Kind::kJwt, "https://issuer.example#7"};

TEST(IdentityTest, WritesAPrincipalWithItsKind) {
  EXPECT_EQ(kCart.ToString(), "x509:spiffe://shop/cart");
  EXPECT_EQ(kUser.ToString(), "jwt:https://issuer.example#7");
}

TEST(IdentityTest, HasNoPrincipalOfAnotherKindWithTheSameName) {
  const Identity of_token("10.0.0.1", {{Principal::Kind::kJwt, "spiffe://a/b"}},
                          absl::FromUnixSeconds(7));
  EXPECT_TRUE(of_token.Has("jwt:spiffe://a/b"));
  EXPECT_FALSE(of_token.Has("x509:spiffe://a/b"));
  EXPECT_FALSE(of_token.Has("spiffe://a/b"));
  EXPECT_FALSE(of_token.Has("jwt:spiffe://a"));
  EXPECT_FALSE(of_token.Has("jwt:spiffe://a/b/c"));
}

TEST(IdentityTest, HasACertificatesAndATokensPrincipal) {
  const Identity both("10.0.0.1", {kCart, kUser}, absl::FromUnixSeconds(7));
  EXPECT_TRUE(both.Has("x509:spiffe://shop/cart"));
  EXPECT_TRUE(both.Has("jwt:https://issuer.example#7"));
  EXPECT_EQ(*both.party(), kUser);
  EXPECT_EQ(both.expires(), absl::FromUnixSeconds(7));
  EXPECT_EQ(both.ToString(),
            "x509:spiffe://shop/cart jwt:https://issuer.example#7");
}

TEST(IdentityTest, OfAClientThatProvesNothingHasItsAddressOnly) {
  const Identity nobody("10.0.0.1");
  EXPECT_TRUE(nobody.principals().empty());
  EXPECT_EQ(nobody.party(), nullptr);
  EXPECT_FALSE(nobody.Has(""));
  EXPECT_FALSE(nobody.Has("x509:"));
  EXPECT_EQ(nobody.expires(), std::nullopt);
  EXPECT_EQ(nobody.ToString(), "nobody at 10.0.0.1");
  EXPECT_EQ(Identity("").ToString(), "nobody");
}

}  // namespace
}  // namespace pinion
