// SPDX-License-Identifier: Apache-2.0
//
// The smallest useful program works, and the README prints it as it is.
#include <fstream>
#include <sstream>
#include <string>

// The program itself, but for its main(): its fixed port may be in use here.
#define main CounterServerMain
#include "server/examples/counter/counter_server.cc"
#undef main

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "pinion/tests/support/test_server.h"

namespace pinion {
namespace {

std::string Read(const char* file) {
  std::ifstream stream(file);
  EXPECT_TRUE(stream) << file;
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

TEST(SmallestProgramTest, CountsOverGrpc) {
  testing::TestServer test;
  test.server()
      .Host<Counter>("shop.v1.CounterService")
      .On("Add", &Counter::Add);
  test.Start();
  const auto client = test.TcpClient();
  AddRequest request;
  request.set_name("apples");
  for (int64_t by : {3, 4}) {
    request.set_by(by);
    ASSERT_TRUE(
        client->Call<AddResponse>("/shop.v1.CounterService/Add", request).ok());
  }
  request.set_by(0);
  const auto sum =
      client->Call<AddResponse>("/shop.v1.CounterService/Add", request);
  ASSERT_TRUE(sum.ok()) << sum.status();
  EXPECT_EQ(sum->value(), 7);
}

TEST(SmallestProgramTest, StandsInTheReadmeToTheLetter) {
  const std::string readme = Read("README.md");
  const std::string program = Read("server/examples/counter/counter_server.cc");
  const std::string proto =
      Read("server/examples/counter/shop/v1/counter.proto");
  EXPECT_TRUE(
      absl::StrContains(readme, program.substr(program.find("class Counter"))));
  const size_t rpc = proto.find("  rpc Add");
  EXPECT_TRUE(absl::StrContains(
      readme, proto.substr(rpc, proto.find("  }\n", rpc) + 4 - rpc)));
}

}  // namespace
}  // namespace pinion
