// SPDX-License-Identifier: Apache-2.0
//
// Attached: a gRPC server of a test's own, to which CartService.AddItem is
// attached; and Offers, what a user has of the same service beside it.
//
// Threads: the test's thread builds, starts and stops it.
// Example: Attached test;
//          SyncOffers offers;
//          test.builder().RegisterService(&offers);
//          test.Start();
//          EXPECT_EQ(test.AddItem("ann"), 1);
#ifndef PINION_TESTS_SERVER_SUPPORT_ATTACHED_H_
#define PINION_TESTS_SERVER_SUPPORT_ATTACHED_H_

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "pinion/client/client.h"
#include "pinion/server/hosting.h"
#include "pinion/server/snapshot.h"
#include "pinion/server/testing/gate.h"
#include "pinion/tests/support/grpc_order.h"
#include "pinion/tests/support/open_call.h"
#include "shop/v1/cart.grpc.pb.h"

namespace pinion::testing {

inline constexpr char kCart[] = "shop.v1.CartService";
inline constexpr char kAddItem[] = "/shop.v1.CartService/AddItem";
inline constexpr char kListOffers[] = "/shop.v1.CartService/ListOffers";

// An AddItemRequest, serialized.
inline std::string ItemFor(absl::string_view customer) {
  shop::v1::AddItemRequest request;
  request.set_customer(std::string(customer));
  return request.SerializeAsString();
}

// A cart for each customer; an item for "held" waits at a gate.
class Carts {
 public:
  explicit Carts(Gate& gate) : gate_(gate) {}
  absl::Status AddItem(const shop::v1::AddItemRequest& request,
                       shop::v1::AddItemResponse* response) {
    OrderAsGrpcDoes();
    if (request.customer() == "held") gate_.Pass();
    response->set_items(++items_);
    OrderAsGrpcDoes();
    return absl::OkStatus();
  }

 private:
  Gate& gate_;
  int items_ = 0;
};

// The user's part, which leaves AddItem out.
class SyncOffers final
    : public shop::v1::CartService::WithGenericMethod_AddItem<
          shop::v1::CartService::Service> {
 public:
  // Where each call waits.
  Gate gate;

 private:
  grpc::Status ListOffers(grpc::ServerContext*,
                          const shop::v1::ListOffersRequest*,
                          shop::v1::ListOffersResponse* response) override {
    gate.Pass();
    response->add_items("pear");
    return grpc::Status::OK;
  }
};

class Attached {
 public:
  explicit Attached(HostingOptions options = {.workers = 1})
      : hosting_(std::make_unique<Hosting>(std::move(options))) {
    hosting_
        ->Host<Carts>(kCart, [this] { return std::make_unique<Carts>(gate_); })
        .On("AddItem", &Carts::AddItem);
    builder_.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                              &port_);
  }
  ~Attached() { gate_.Open(); }

  Hosting& hosting() { return *hosting_; }
  grpc::ServerBuilder& builder() { return builder_; }
  // Where an item for "held" waits.
  Gate& gate() { return gate_; }
  const std::shared_ptr<grpc::Server>& server() const { return server_; }

  absl::Status TryStart(const AttachOptions& what = {}) {
    const absl::Status attached = hosting_->Attach(builder_, what);
    if (!attached.ok()) return attached;
    server_ = builder_.BuildAndStart();
    return hosting_->Start(server_);
  }
  void Start(const AttachOptions& what = {}) {
    const absl::Status started = TryStart(what);
    ASSERT_TRUE(started.ok()) << started;
    channel_ =
        grpc::CreateChannel(address(), grpc::InsecureChannelCredentials());
  }

  // In the order of a stop, or what is left of it.
  void Stop() {
    hosting_->Drain();
    server_->Shutdown();
    ExpectStops();
  }
  void ExpectStops() {
    const absl::Status stopped = hosting_->Stop();
    EXPECT_TRUE(stopped.ok()) << stopped;
    const absl::Status at_rest = CheckAtRest(hosting_->Snapshot());
    EXPECT_TRUE(at_rest.ok()) << at_rest;
  }

  // Drop what the test has of either.
  void DropServer() { server_ = nullptr; }
  void DropHosting() { hosting_ = nullptr; }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  GuardedChannel channel() const { return {channel_, nullptr}; }

  // Adds an item, unary or in a session of its own; how many there are then.
  absl::StatusOr<int> AddItem(absl::string_view customer,
                              const ClientOptions& how = {.unary = true}) {
    Client client(channel_, how);
    shop::v1::AddItemRequest request;
    request.set_customer(std::string(customer));
    const auto response =
        client.Call<shop::v1::AddItemResponse>(kAddItem, request);
    if (!response.ok()) return response.status();
    return response->items();
  }

  // Asks for the user's own method.
  absl::Status ListOffers() {
    Client client(channel_, {.unary = true});
    return client
        .Call<shop::v1::ListOffersResponse>(kListOffers,
                                            shop::v1::ListOffersRequest())
        .status();
  }

 private:
  Gate gate_;
  std::unique_ptr<Hosting> hosting_;
  grpc::ServerBuilder builder_;
  int port_ = 0;
  std::shared_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace pinion::testing

#endif  // PINION_TESTS_SERVER_SUPPORT_ATTACHED_H_
