// SPDX-License-Identifier: Apache-2.0
//
// A server with one method of its service on pinned workers answers both
// methods.
#include <string>

// The program itself, but for its main(): its fixed port may be in use here.
#define main CartServerMain
#include "cart_server.cc"
#undef main

#include "gtest/gtest.h"
#include "pinion/client/client.h"

TEST(CartServerTest, ServesTheAttachedMethodAndItsOwn) {
  const absl::Status served = Serve("127.0.0.1:0", [](int port) {
    const auto client = pinion::Client::Connect(
        "127.0.0.1:" + std::to_string(port), {.unary = true});
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
