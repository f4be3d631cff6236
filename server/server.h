// SPDX-License-Identifier: Apache-2.0
//
// Server: hosts gRPC services on pinned workers, and owns the gRPC server
//         around them: a listener with a limit on connections, a limit on
//         gRPC's memory, signal handling. To host services in a gRPC server
//         that you build yourself, use a Hosting (hosting.h).
//
// Threads: one thread builds, starts and stops it. Any thread may call the
//          functions that only look.
// Example: pinion::Server server({.listen = "127.0.0.1:50051"});
//          server.Host<Counter>("shop.v1.CounterService")
//              .On("Add", &Counter::Add);
//          return server.Run();
#ifndef PINION_SERVER_SERVER_H_
#define PINION_SERVER_SERVER_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "pinion/server/hosted_service.h"
#include "pinion/server/hosting.h"
#include "pinion/server/options.h"
#include "pinion/server/run_options.h"

namespace grpc {
class Channel;
}  // namespace grpc

namespace pinion {

struct ManualRun;

namespace internal {
class ListeningServer;
class ServerForTest;
}  // namespace internal

class Server {
 public:
  explicit Server(ListenOptions listen, HostingOptions hosting = {});
  ~Server();  // Calls Stop() first.
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Hosts the service with this full name ("package.Service") in shards of
  // class Shard, one per worker. Hosting::Host() says how the shards are made.
  // Call it before Start(), which reports mistakes.
  template <typename Shard>
  ShardedService<Shard>& Host(absl::string_view service) {
    return hosting().Host<Shard>(service);
  }
  template <typename Shard, typename Make>
  ShardedService<Shard>& Host(absl::string_view service, Make make) {
    return hosting().Host<Shard>(service, std::move(make));
  }

  // Starts serving. Call it once. Returns one line: INVALID_ARGUMENT for a
  // mistake in the options, in the files of ListenOptions::tls or in a hosted
  // service, UNAVAILABLE if the server
  // cannot listen on the address, or the error of a shard's factory with the
  // shard's name and worker. After an error no shard is left.
  absl::Status Start();

  // Changes what may change while the server runs; all of it, or nothing. Of
  // the ListenOptions that is max_connections and max_connections_per_address;
  // of the HostingOptions what Hosting::Reload() says, as it says. Connections
  // that are open stay so, even if there are now too many. Give it the options
  // that the server was made with, but for what should change. It also reads
  // the files of ListenOptions::tls, which else happens each second, and
  // changes nothing if they are wrong. Call it between Start() and Stop(). (A
  // program of ServerMain() does so on SIGHUP.)
  absl::Status Reload(const ListenOptions& listen,
                      const HostingOptions& hosting);

  // Stops accepting calls and waits for the open ones. Health becomes
  // NOT_SERVING; after `lame_duck` the server refuses new calls; open calls
  // then have up to `grace`, and those that are not done by then are answered
  // UNAVAILABLE; streams that cannot hear of the stop are at once (stream.h).
  // While it waits, a line in options.log says what for, each second and, after
  // ten, each ten seconds. Connections stay open. You may call it more than
  // once, but not from a handler.
  void Drain() { hosting().Drain(); }

  // Drain(), and then ends all connections and threads. A handler that still
  // runs after its call was answered has the rest of the grace period.
  // Everything ends within a second after that, except workers whose threads
  // get no CPU: Stop() waits up to 30 s for those. Returns DEADLINE_EXCEEDED,
  // with the method, the key (as log_keys says) and the time, if a handler has
  // not returned. Its call is answered, but its worker's thread and its shard
  // still exist, and the destructor waits for them. You may call Stop() more
  // than once, but not from a handler.
  absl::Status Stop();

  // Ends the waiting for open calls in a Drain() or Stop(), now or later. Any
  // thread may call it.
  void HurryStop() { hosting().HurryStop(); }

  // Runs the whole server: Start(), and Stop() on SIGTERM or SIGINT. A second
  // such signal ends the wait at once. It says what it serves, and at the end
  // what became of the calls: see RunOptions. It tells systemd, if that has
  // started it, that it serves and stops, and that its workers get on
  // (systemd.h). Returns the exit code for main():
  // 0, or 2 if the server could not start; the reason then goes to standard
  // error. If a handler does not return, Run() ends the process with code 3; if
  // options.log does not return, with code 0. Call it before you create any
  // other thread, because it blocks the two signals in the calling thread (and
  // SIGHUP, if options.reload is set), and new threads inherit that. It also
  // ignores SIGPIPE in this process, unless
  // SIGPIPE has a handler, opens /dev/null in place of each closed standard
  // descriptor, raises the process's limit of open files to its hard limit, and
  // switches off the deadlock detection of Abseil's mutexes, which would cost
  // gRPC some percent.
  int Run(const RunOptions& options = {});

  // Call the functions below only after Start().

  // The address that the server listens on, with its real port; of sockets that
  // systemd has handed over, the first one's.
  const std::string& address() const;
  const Scheduler& scheduler() const;
  // The state that grpc.health.v1.Health reports. Change it only before Stop().
  Health& health() { return hosting().health(); }
  int io_threads() const;

  // All calls so far by their outcome, and what the server holds now. Any
  // thread may call it, also after Stop(). It costs the workers nothing.
  ServerSnapshot Snapshot() const;

  // A channel to this server within the process. Do not begin a call on it
  // after Stop() was called: gRPC 1.51 would crash.
  std::shared_ptr<grpc::Channel> InProcessChannel();

  // The Hosting below the listener. Stop this Server rather than the Hosting;
  // only this Server's Stop() ends in time.
  Hosting& hosting();

 private:
  friend class internal::ServerForTest;

  // With workers that a test steps.
  Server(ListenOptions listen, HostingOptions hosting, ManualRun manual);

  const std::unique_ptr<internal::ListeningServer> server_;
};

}  // namespace pinion

#endif  // PINION_SERVER_SERVER_H_
