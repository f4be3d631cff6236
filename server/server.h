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

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/notification.h"
#include "core/scheduler.h"
#include "core/stall_watch.h"
#include "server/expirer.h"
#include "server/front_door.h"
#include "server/health.h"
#include "server/health_service.h"
#include "server/hosted_service.h"
#include "server/io_thread.h"
#include "server/lanes.h"
#include "server/options.h"
#include "server/raw_service.h"
#include "server/router.h"
#include "server/running_calls.h"
#include "server/session_service.h"
#include "server/shard_factory.h"
#include "server/snapshot.h"
#include "server/unary_call.h"

namespace pinion {

class Server {
 public:
  explicit Server(ServerOptions options) : options_(std::move(options)) {}
  ~Server();  // Stops first.
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Hosts the service of that full name ("package.Service") in shards of the
  // class Shard, one per worker. Each is made on its worker's thread: from a
  // const ShardInfo&, if there is such a constructor, else from nothing; and
  // destroyed there after its last call. Before Start(). Mistakes show there.
  template <typename Shard>
  ShardedService<Shard>& Host(absl::string_view service) {
    return Host<Shard>(service, ShardFactory::Of<Shard>());
  }

  // The same with shards that `make` makes: it takes a const ShardInfo& or
  // nothing, and returns a std::unique_ptr<Shard>, or an absl::StatusOr of one,
  // whose error stops the start. It is called on all workers at once.
  template <typename Shard, typename Make>
  ShardedService<Shard>& Host(absl::string_view service, Make make) {
    return Host<Shard>(service, ShardFactory::Of<Shard>(std::move(make)));
  }

  // Starts to serve. INVALID_ARGUMENT for a mistake in the options or a hosted
  // service, what the factory of a shard says with its name and worker,
  // UNAVAILABLE if the address cannot be listened on; one line each. Then no
  // shard is left. Once.
  absl::Status Start();

  // Says NOT_SERVING, waits for `lame_duck`, takes no new calls from then on,
  // and waits for the open ones up to `grace`; those that are not done then are
  // answered UNAVAILABLE. Connections stay open. May be called again; not from
  // a handler.
  void Drain();

  // Drain(), and ends all connections and threads, within a second more.
  // DEADLINE_EXCEEDED, naming method, key and time, if a handler has not
  // returned: its call is answered, but its worker's thread and its shard are
  // still there, and the destructor waits for them. May be called again; not
  // from a handler.
  absl::Status Stop();

  // Has a Drain() or Stop(), under way or to come, wait for no call any longer.
  // Anyone.
  void HurryStop();

  // Start(), `started` if given, and Stop() upon SIGTERM or SIGINT; a second
  // one of these ends its waiting at once. Returns what main() should: 0, or 2
  // if the server could not start, which it says on standard error. Does not
  // return when a handler has not, but ends the process with code 3. Call it
  // before any other thread is made, because it blocks these signals in the
  // calling thread for those to inherit.
  int Run(std::function<void(const Server& server)> started = {});

  // The rest is for after Start().

  // What is listened on, with the port that was found.
  const std::string& address() const { return address_; }
  const Scheduler& scheduler() const { return *scheduler_; }
  // What grpc.health.v1.Health tells; its last change comes before Stop().
  Health& health() { return *health_; }
  int io_threads() const { return static_cast<int>(io_threads_.size()); }

  // What became of all calls so far, and what is held of them now. Anyone, also
  // after Stop(); costs the workers nothing.
  ServerSnapshot Snapshot() const;

  // A channel to this server within the process. No call may be begun on it
  // once Stop() was called: gRPC 1.51 would crash.
  std::shared_ptr<grpc::Channel> InProcessChannel();

 private:
  template <typename Shard>
  ShardedService<Shard>& Host(absl::string_view service, ShardFactory shards) {
    auto hosted =
        std::make_unique<ShardedService<Shard>>(service, std::move(shards));
    ShardedService<Shard>& result = *hosted;
    services_.push_back(std::move(hosted));
    return result;
  }

  absl::Status CheckServices() const;
  absl::Status StartWorkers();
  absl::Status MakeLanes();
  absl::Status WatchForStalls();
  void MakeHealth();
  absl::Status StartGrpc();
  void AwaitCalls();
  void EndIo();
  absl::Status TryStart();
  // Lets the workers finish, and ends them; which call has one not, if not.
  absl::Status EndWorkers(std::chrono::nanoseconds timeout);

  ServerOptions options_;
  absl::Notification hurry_;
  std::atomic<bool> hurried_{false};
  std::vector<std::unique_ptr<HostedService>> services_;

  // In order of their making; destroyed in the reverse.
  std::unique_ptr<Scheduler> scheduler_;
  std::unique_ptr<RunningCalls> running_calls_;
  std::unique_ptr<StallWatch> stall_watch_;
  std::unique_ptr<Router> router_;
  std::unique_ptr<FrontDoor> door_;
  std::vector<std::unique_ptr<Lanes>> lanes_;
  RawService raw_service_;
  std::unique_ptr<Expirer> expirer_;
  std::vector<std::unique_ptr<UnaryMethod>> methods_;
  std::unique_ptr<SessionService> session_service_;
  std::unique_ptr<Health> health_;
  std::unique_ptr<HealthService> health_service_;
  grpc::AsyncGenericService unknown_methods_;
  std::vector<std::unique_ptr<IoThread>> io_threads_;
  std::unique_ptr<grpc::Server> grpc_server_;
  std::string address_;
  bool serving_ = false;  // From Start() to the end of Stop()'s I/O.
  bool drained_ = false;
  bool workers_ended_ = true;
};

}  // namespace pinion

#endif  // PINION_SERVER_SERVER_H_
