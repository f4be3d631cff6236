// SPDX-License-Identifier: Apache-2.0
//
// The server with one method on pinned workers works, and the README prints the
// middle of it.
#include <fstream>
#include <sstream>
#include <string>

// The program itself, but for its main(): its fixed port may be in use here.
#define main CartServerMain
#include "server/examples/attach/cart_server.cc"
#undef main

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "pinion/client/client.h"

namespace pinion {
namespace {

std::string Read(const char* file) {
  std::ifstream stream(file);
  EXPECT_TRUE(stream) << file;
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

TEST(AttachExampleTest, ServesBothMethods) {
  const absl::Status served = Serve("127.0.0.1:0", [](int port) {
    const auto client =
        Client::Connect("127.0.0.1:" + std::to_string(port), {.unary = true});
    AddItemRequest item;
    item.set_customer("ann");
    const auto added =
        client->Call<AddItemResponse>("/shop.v1.CartService/AddItem", item);
    ASSERT_TRUE(added.ok()) << added.status();
    EXPECT_EQ(added->items(), 1);
    const auto offers = client->Call<ListOffersResponse>(
        "/shop.v1.CartService/ListOffers", ListOffersRequest());
    ASSERT_TRUE(offers.ok()) << offers.status();
    EXPECT_EQ(offers->items_size(), 2);
  });
  EXPECT_TRUE(served.ok()) << served;
}

TEST(AttachExampleTest, StandsInTheReadmeToTheLetter) {
  const std::string program = Read("server/examples/attach/cart_server.cc");
  const size_t begin = program.find("  Offers offers;");
  ASSERT_NE(begin, std::string::npos);
  const std::string middle =
      program.substr(begin, program.find("}\n\nint main") - begin);
  EXPECT_TRUE(absl::StrContains(Read("README.md"), middle)) << middle;
}

}  // namespace
}  // namespace pinion
