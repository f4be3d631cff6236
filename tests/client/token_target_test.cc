// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/internal/token_target.h"

#include <grpcpp/security/credentials.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pinion::client_internal {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(TokenTargetTest, ATokenGoesInTheClearToThisMachineOnly) {
  for (const char* target :
       {"127.0.0.1:50051", "127.9.9.9:1", "localhost:1", "LOCALHOST:1",
        "localhost", "[::1]:1", "::1", "ipv4:127.0.0.1:1", "ipv6:[::1]:1",
        "dns:localhost:1", "dns:///localhost:1", "unix:/run/pinion",
        "unix:relative", "unix-abstract:pinion"}) {
    EXPECT_TRUE(MayCarryToken(target, /*encrypted=*/false)) << target;
  }
  for (const char* target : {
           "10.0.0.1:1",
           "example.org:1",
           "0.0.0.0:1",
           "[2001:db8::1]:1",
           "dns:///example.org:1",
           "localhost.example.org:1",
           "notlocalhost:1",
           "127.0.0.1.example.org:1",
           // A resolver may send it anywhere.
           "a.localhost:1",
           "A.LOCALHOST:1",
           // Somebody else's name server says where localhost is.
           "dns://10.0.0.1/localhost:1",
           // The first of several is not all of them.
           "ipv4:127.0.0.1:1,10.0.0.1:1",
           "ipv6:[::1]:1,[2001:db8::1]:1",
           "xds:///localhost",
           "",
       }) {
    EXPECT_FALSE(MayCarryToken(target, /*encrypted=*/false)) << target;
    EXPECT_TRUE(MayCarryToken(target, /*encrypted=*/true)) << target;
  }
}

TEST(TokenTargetTest, WhatEncryptsIsTlsOrTheUsersCredentials) {
  EXPECT_FALSE(Encrypts({}));
  EXPECT_TRUE(Encrypts({.tls = ClientTls()}));
  EXPECT_TRUE(Encrypts({.credentials = grpc::SslCredentials({})}));
}

TEST(TokenTargetTest, TellsWhereTheTokenWouldGoAndWhatToDo) {
  EXPECT_THAT(std::string(TokenInClear("example.org:1\n").message()),
              AllOf(HasSubstr("\"example.org:1\\n\" in the clear"),
                    HasSubstr("--tls")));
}

}  // namespace
}  // namespace pinion::client_internal
