// SPDX-License-Identifier: Apache-2.0
//
// What the environment says of sockets that were handed over.
#include "pinion/server/systemd/inherited_sockets.h"

#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pinion {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr pid_t kSelf = 77;

// "3:grpc"
std::vector<std::string> Read(const InheritedEnvironment& environment) {
  const auto sockets = ReadInherited(environment, kSelf);
  EXPECT_TRUE(sockets.ok()) << sockets.status();
  std::vector<std::string> texts;
  for (const InheritedSocket& socket : *sockets) {
    texts.push_back(std::to_string(socket.descriptor) + ":" + socket.name);
  }
  return texts;
}

std::string Complaint(const InheritedEnvironment& environment) {
  const auto sockets = ReadInherited(environment, kSelf);
  EXPECT_EQ(sockets.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(sockets.status().message());
}

TEST(InheritedSocketsTest, BeginAtDescriptor3AndHaveTheirNames) {
  EXPECT_THAT(Read({.pid = "77", .count = "2", .names = "grpc:admin"}),
              ElementsAre("3:grpc", "4:admin"));
  EXPECT_THAT(Read({.pid = "77", .count = "2", .names = ":"}),
              ElementsAre("3:", "4:"));
  EXPECT_THAT(Read({.pid = "77", .count = "1", .names = nullptr}),
              ElementsAre("3:"));
}

TEST(InheritedSocketsTest, AreNoneIfNobodyHandsAnyToThisProcess) {
  EXPECT_THAT(Read({.pid = nullptr, .count = nullptr, .names = nullptr}),
              IsEmpty());
  EXPECT_THAT(Read({.pid = nullptr, .count = "1", .names = "grpc"}), IsEmpty());
  EXPECT_THAT(Read({.pid = "77", .count = nullptr, .names = "grpc"}),
              IsEmpty());
  EXPECT_THAT(Read({.pid = "78", .count = "1", .names = "grpc"}), IsEmpty());
  // What is for another process need not make sense to this one.
  EXPECT_THAT(Read({.pid = "78", .count = "x", .names = "grpc"}), IsEmpty());
  EXPECT_THAT(Read({.pid = "77", .count = "0", .names = ""}), IsEmpty());
}

TEST(InheritedSocketsTest, NameTheVariableThatMakesNoSense) {
  for (const char* bad : {"", "x", "0", "-77", "77x"}) {
    EXPECT_THAT(Complaint({.pid = bad, .count = "1", .names = nullptr}),
                HasSubstr(std::string("LISTEN_PID is \"") + bad + "\""));
  }
  for (const char* bad : {"", "x", "-1", "1025", "2147483648"}) {
    EXPECT_THAT(Complaint({.pid = "77", .count = bad, .names = nullptr}),
                HasSubstr(std::string("LISTEN_FDS is \"") + bad + "\""));
  }
  EXPECT_THAT(Complaint({.pid = "77", .count = "2", .names = "grpc"}),
              HasSubstr("LISTEN_FDNAMES has 1 names, and LISTEN_FDS says that "
                        "there are 2"));
  EXPECT_THAT(Complaint({.pid = "77", .count = "1", .names = "a:b"}),
              HasSubstr("LISTEN_FDNAMES has 2 names"));
}

// The only test that reads the environment: a process does so once.
TEST(InheritedSocketsTest, AreTakenOnceAndByNameAndTheEnvironmentIsCleared) {
  setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
  setenv("LISTEN_FDS", "3", 1);
  setenv("LISTEN_FDNAMES", "grpc:admin:grpc", 1);
  ReadInheritedSockets();
  for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) {
    EXPECT_EQ(getenv(name), nullptr) << name;
  }
  const auto other = TakeInheritedSockets("grcp");
  EXPECT_EQ(other.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(other.status().message()),
              HasSubstr("with the name \"grcp\", but with: \"grpc\", "
                        "\"admin\", \"grpc\""));
  EXPECT_THAT(*TakeInheritedSockets("grpc"), ElementsAre(3, 5));
  ASSERT_EQ(LeftInheritedSockets().size(), 1u);
  EXPECT_EQ(LeftInheritedSockets()[0].name, "admin");
  EXPECT_FALSE(TakeInheritedSockets("grpc").ok());
  EXPECT_THAT(*TakeInheritedSockets(""), ElementsAre(4));
  EXPECT_THAT(LeftInheritedSockets(), IsEmpty());
  EXPECT_THAT(std::string(TakeInheritedSockets("").status().message()),
              HasSubstr("no socket was handed over"));
}

}  // namespace
}  // namespace pinion
