// SPDX-License-Identifier: Apache-2.0
//
// Server: hosts gRPC services on pinned workers.
//
// Threads: one thread builds, starts and stops it; anyone may ask it things.
// Example: pinion::Server server({.listen = "127.0.0.1:50051"});
//          server.Host<Counter>("shop.v1.CounterService")
//              .On("Add", &Counter::Add);
//          return server.Run();
#ifndef PINION_SERVER_SERVER_H_
#define PINION_SERVER_SERVER_H_

#include <grpcpp/channel.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/scheduler.h"
#include "server/front_door.h"
#include "server/hosted_service.h"
#include "server/io_thread.h"
#include "server/lanes.h"
#include "server/options.h"
#include "server/raw_service.h"
#include "server/router.h"
#include "server/unary_call.h"

namespace pinion {

class Server {
 public:
  explicit Server(ServerOptions options) : options_(std::move(options)) {}
  ~Server();  // Stops first.
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Hosts the service of that full name ("package.Service") in shards of the
  // class Shard, one per worker, each made on its worker by its default
  // constructor, or by `make_shard`. Before Start(). Mistakes show there.
  template <typename Shard>
  ShardedService<Shard>& Host(absl::string_view service) {
    return Host<Shard>(service, [] { return std::make_unique<Shard>(); });
  }
  template <typename Shard>
  ShardedService<Shard>& Host(
      absl::string_view service,
      std::function<std::unique_ptr<Shard>()> make_shard) {
    auto hosted = std::make_unique<ShardedService<Shard>>(
        service, [make_shard = std::move(make_shard)]() {
          return std::shared_ptr<void>(std::shared_ptr<Shard>(make_shard()));
        });
    ShardedService<Shard>& result = *hosted;
    services_.push_back(std::move(hosted));
    return result;
  }

  // Starts to serve. INVALID_ARGUMENT for a mistake in the options or a hosted
  // service, UNAVAILABLE if the address cannot be listened on; one line each.
  // Once.
  absl::Status Start();

  // Takes no new calls and waits for the open ones up to `grace`; those that
  // then still wait for their worker are answered UNAVAILABLE. Connections stay
  // open. May be called again; not from a handler.
  void Drain();

  // Drain(), and ends all connections and threads. May be called again; not
  // from a handler.
  void Stop();

  // Start(), `started` if given, and Stop() upon SIGTERM or SIGINT. Returns
  // what main() should: 0, or 2 if the server could not start, which it says on
  // standard error. Call it before any other thread is made, because it blocks
  // these signals in the calling thread for those to inherit.
  int Run(std::function<void(const Server& server)> started = {});

  // The rest is for after Start().

  // What is listened on, with the port that was found.
  const std::string& address() const { return address_; }
  const Scheduler& scheduler() const { return *scheduler_; }
  int io_threads() const { return static_cast<int>(io_threads_.size()); }

  // A channel to this server within the process. No call may be begun on it
  // once Stop() was called: gRPC 1.51 would crash.
  std::shared_ptr<grpc::Channel> InProcessChannel();

 private:
  absl::Status CheckServices() const;
  absl::Status StartWorkers();
  absl::Status MakeLanes();
  absl::Status StartGrpc();
  void AwaitCalls();

  ServerOptions options_;
  std::vector<std::unique_ptr<HostedService>> services_;

  // In order of their making; destroyed in the reverse.
  std::unique_ptr<Scheduler> scheduler_;
  std::unique_ptr<Router> router_;
  std::unique_ptr<FrontDoor> door_;
  std::vector<std::unique_ptr<Lanes>> lanes_;
  RawService raw_service_;
  std::vector<std::unique_ptr<UnaryMethod>> methods_;
  grpc::AsyncGenericService unknown_methods_;
  std::vector<std::unique_ptr<IoThread>> io_threads_;
  std::unique_ptr<grpc::Server> grpc_server_;
  std::string address_;
  bool running_ = false;
};

}  // namespace pinion

#endif  // PINION_SERVER_SERVER_H_
