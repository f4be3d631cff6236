// SPDX-License-Identifier: Apache-2.0
//
// Server: hosts gRPC services on pinned workers, and nothing else: a listener,
// bounds on what gRPC may hold, signals. In a server of the user's own, a
// Hosting (hosting.h) does the same.
//
// Threads: one thread builds, starts and stops it; anyone may ask it things.
// Example: pinion::Server server({.listen = "127.0.0.1:50051"});
//          server.Host<Counter>("shop.v1.CounterService")
//              .On("Add", &Counter::Add);
//          return server.Run();
#ifndef PINION_SERVER_SERVER_H_
#define PINION_SERVER_SERVER_H_

#include <grpcpp/channel.h>
#include <grpcpp/server.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/scheduler.h"
#include "server/health.h"
#include "server/hosted_service.h"
#include "server/hosting.h"
#include "server/manual_run.h"
#include "server/options.h"
#include "server/snapshot.h"

namespace pinion {

class Server {
 public:
  explicit Server(ServerOptions options);
  // One that its test steps; see //server:testing.
  Server(ServerOptions options, ManualRun manual);
  ~Server();  // Stops first.
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Hosts the service of that full name ("package.Service") in shards of the
  // class Shard, one per worker, which are made as Hosting::Host() says. Before
  // Start(). Mistakes show there.
  template <typename Shard>
  ShardedService<Shard>& Host(absl::string_view service) {
    return hosting_.Host<Shard>(service);
  }
  template <typename Shard, typename Make>
  ShardedService<Shard>& Host(absl::string_view service, Make make) {
    return hosting_.Host<Shard>(service, std::move(make));
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
  void Drain() { hosting_.Drain(); }

  // Drain(), and ends all connections and threads, within a second more.
  // DEADLINE_EXCEEDED, naming method, key and time, if a handler has not
  // returned: its call is answered, but its worker's thread and its shard are
  // still there, and the destructor waits for them. May be called again; not
  // from a handler.
  absl::Status Stop() { return hosting_.Stop(); }

  // Has a Drain() or Stop(), under way or to come, wait for no call any longer.
  // Anyone.
  void HurryStop() { hosting_.HurryStop(); }

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
  const Scheduler& scheduler() const { return hosting_.scheduler(); }
  // What grpc.health.v1.Health tells; its last change comes before Stop().
  Health& health() { return hosting_.health(); }
  int io_threads() const { return hosting_.io_threads(); }

  // What became of all calls so far, and what is held of them now. Anyone, also
  // after Stop(); costs the workers nothing.
  ServerSnapshot Snapshot() const { return hosting_.Snapshot(); }

  // A channel to this server within the process. No call may be begun on it
  // once Stop() was called: gRPC 1.51 would crash.
  std::shared_ptr<grpc::Channel> InProcessChannel();

  // What it is below the listener.
  Hosting& hosting() { return hosting_; }

 private:
  const ServerOptions options_;
  Hosting hosting_;
  std::shared_ptr<grpc::Server> grpc_server_;
  std::string address_;
};

}  // namespace pinion

#endif  // PINION_SERVER_SERVER_H_
