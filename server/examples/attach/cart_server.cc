// SPDX-License-Identifier: Apache-2.0
//
// A gRPC server of one's own, of which one method moves to pinned workers. The
// carts change with each call and so have shards; the offers do not, and stay
// in the service class that was there before.
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "pinion/server/hosting.h"
#include "shop/v1/cart.grpc.pb.h"

using shop::v1::AddItemRequest;
using shop::v1::AddItemResponse;
using shop::v1::CartService;
using shop::v1::ListOffersRequest;
using shop::v1::ListOffersResponse;

// What was there; it leaves AddItem out.
class Offers final
    : public CartService::WithGenericMethod_AddItem<CartService::Service> {
  grpc::Status ListOffers(grpc::ServerContext*, const ListOffersRequest*,
                          ListOffersResponse* response) override {
    response->add_items("apple");
    response->add_items("pear");
    return grpc::Status::OK;
  }
};

class Carts {  // one per worker: its members need no lock
 public:
  absl::Status AddItem(const AddItemRequest& request,
                       AddItemResponse* response) {
    response->set_items(++items_[request.customer()]);
    return absl::OkStatus();
  }

 private:
  absl::flat_hash_map<std::string, int32_t> items_;
};

// Serves at `address` as long as `meanwhile` takes, which is told the port.
absl::Status Serve(const std::string& address,
                   const std::function<void(int port)>& meanwhile) {
  Offers offers;
  pinion::Hosting hosting({.workers = 1});
  hosting.Host<Carts>("shop.v1.CartService").On("AddItem", &Carts::AddItem);

  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&offers);
  if (absl::Status status = hosting.Attach(builder); !status.ok()) {
    return status;
  }
  const std::shared_ptr<grpc::Server> server = builder.BuildAndStart();
  if (absl::Status status = hosting.Start(server); !status.ok()) return status;

  meanwhile(port);

  hosting.Drain();
  server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(5));
  return hosting.Stop();
}

int main() {
  // What goes wrong at the start is said once, below.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  const absl::Status served = Serve("127.0.0.1:50051", [](int port) {
    std::printf("listening on port %d; ends with its input\n", port);
    while (std::getchar() != EOF) {
    }
  });
  if (served.ok()) return 0;
  std::fprintf(stderr, "%s\n", served.ToString().c_str());
  return 1;
}
