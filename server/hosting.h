// SPDX-License-Identifier: Apache-2.0
//
// Hosting: hosts gRPC services on pinned workers in a gRPC server that you
//          build.
//
// It attaches to a grpc::ServerBuilder, beside everything else that the builder
// has: other services, interceptors, credentials, reflection. A pinion::Server
// is a Hosting with its own builder.
//
// Threads: one thread builds, starts and stops it. Any thread may call the
//          functions that only look.
// Example: pinion::Hosting hosting({.workers = 4});
//          hosting.Host<Cart>("shop.v1.CartService").On("Add", &Cart::Add);
//          absl::Status status = hosting.Attach(builder);
//          std::shared_ptr<grpc::Server> server = builder.BuildAndStart();
//          if (status.ok()) status = hosting.Start(server);
//          ...
//          hosting.Drain();                  // Stop in this order. The first
//          server->Shutdown(deadline);       // two steps are optional.
//          status = hosting.Stop();
//
// Methods: Pinion serves exactly the methods that you host. If another service
//          class serves the rest of the same service, that class must leave the
//          hosted methods out: derive it from the generated
//          CartService::WithGenericMethod_Add<CartService::Service>.
#ifndef PINION_SERVER_HOSTING_H_
#define PINION_SERVER_HOSTING_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "pinion/server/attach_options.h"
#include "pinion/server/hosted_service.h"
#include "pinion/server/internal/shard_factory.h"
#include "pinion/server/log.h"
#include "pinion/server/options.h"

namespace grpc {
class Server;
class ServerBuilder;
}  // namespace grpc

namespace pinion {

class AdminSource;
class Health;
class LiveSettings;
class Scheduler;
class Server;
struct ManualRun;
struct ServerSnapshot;

namespace internal {
class AdminView;
class HostingForAdmin;
class HostingForTest;
class ListeningServer;
class Runtime;
}  // namespace internal

class Hosting {
 public:
  explicit Hosting(HostingOptions options);
  ~Hosting();  // Calls Stop() first.
  Hosting(const Hosting&) = delete;
  Hosting& operator=(const Hosting&) = delete;

  // Hosts the service with this full name ("package.Service") in shards of
  // class Shard, one per worker. Each worker makes its shard on its own thread,
  // with the constructor that takes a const ShardInfo& if there is one, else
  // with the default constructor; it destroys the shard there after the last
  // call. (A thread that the shard makes inherits the worker's CPU, policy and
  // name; core/leave_worker.h resets them.) Call Host() before Attach(), which
  // reports mistakes.
  template <typename Shard>
  ShardedService<Shard>& Host(absl::string_view service) {
    return Add<Shard>(service, ShardFactory::Of<Shard>());
  }

  // The same, with shards that `make` makes. `make` takes a const ShardInfo& or
  // nothing, and returns a std::unique_ptr<Shard> or an absl::StatusOr of one,
  // whose error stops the start. All workers call it at the same time.
  template <typename Shard, typename Make>
  ShardedService<Shard>& Host(absl::string_view service, Make make) {
    return Add<Shard>(service, ShardFactory::Of<Shard>(std::move(make)));
  }

  // Starts the workers, makes the shards, and adds the hosted methods and the
  // completion queues for their calls to `builder`; it changes nothing else
  // there. Call it once, for one BuildAndStart(). Returns one line:
  // INVALID_ARGUMENT for a mistake in the options or in a hosted service, or
  // the error of a shard's factory. After an error no shard is left, and
  // `builder` is unchanged. After success, destroy the built server before this
  // Hosting, unless you give it to Start().
  absl::Status Attach(grpc::ServerBuilder& builder,
                      const AttachOptions& what = {});

  // Starts accepting calls on `server`, the result of builder.BuildAndStart().
  // Before that the server answers nothing, and a line in options.log says so
  // after 5 s. Holds a reference to it until Stop(). Call it once. If `server`
  // is null, Start() returns why gRPC could not build it, as far as that can be
  // known: INVALID_ARGUMENT if a method is registered twice, UNAVAILABLE if the
  // server cannot listen on an address. FAILED_PRECONDITION if `server` comes
  // from another builder and this builder has built none.
  absl::Status Start(std::shared_ptr<grpc::Server> server);

  // Changes what may change while it serves: default_timeout, limits,
  // lane_calls, lane_bytes, stall_after, stall_stacks, healthy_share,
  // lame_duck, grace, max_session_age, log_format, log_level, log_keys,
  // sample_calls, show_keys, tracing.sample and policy; all of it, or nothing.
  // Give it the options that this was made with, but for what should change;
  // `log` is not compared. What an operator has changed at run time is gone,
  // and a line names it. It reads the policy's file in any case. A stream, or a
  // session, whose client the new policy does not allow to have it, ends. Calls
  // that are open keep the deadline that they have, and a stop that has begun
  // its times. A session that is older than max_session_age by now is asked to
  // end; one that was asked already still ends. Returns one line:
  // INVALID_ARGUMENT for a mistake in the options, FAILED_PRECONDITION with the
  // names of those that need a restart, or if it does not serve. It costs calls
  // nothing.
  absl::Status Reload(const HostingOptions& options);

  // Stops accepting calls and waits for the open ones. Health becomes
  // NOT_SERVING; after `lame_duck` Pinion refuses new calls; open calls then
  // have up to `grace`, and those that are not done by then are answered
  // UNAVAILABLE; streams that cannot hear of the stop are at once (stream.h).
  // While it waits, a line in options.log says what for, each second and, after
  // ten, each ten seconds. Services that Pinion does not host go on, and
  // connections stay open. When you shut the gRPC server down, it drains in the
  // same way, but without `lame_duck`. You may call it more than once, but not
  // from a handler.
  void Drain();

  // Drain(); then shuts the gRPC server down, if it still runs, which cuts off
  // the open calls of your other services; then ends all of Pinion's threads.
  // Handlers that still run after their call was answered, hops, and a shard's
  // background work under way have the rest of the grace period. Everything
  // ends within a second after that, except workers whose threads get no CPU:
  // Stop() waits up to 30 s for those. (gRPC itself waits for the handlers of
  // your other services.) Returns DEADLINE_EXCEEDED, with the method, the key
  // (as log_keys says) and the time, if a hosted handler has not returned. Its
  // call is answered, but its worker's thread and its shard still exist, and
  // the destructor waits for them. You may call Stop() more than once, but not
  // from a handler.
  absl::Status Stop();

  // The first half of a Drain(): returns when Pinion accepts no new calls.
  void BeginDrain();

  // Ends the waiting for open calls in a Drain() or Stop(), now or later. Any
  // thread may call it.
  void HurryStop();

  // What it was made with. Attach() fills in what it chooses, such as
  // `io_threads`. Reload() changes nothing here.
  const HostingOptions& options() const;

  // The paths of the methods that are hosted so far, as gRPC and policies write
  // them: "/shop.v1.CartService/Add".
  std::vector<std::string> MethodPaths() const;

  // Call the functions below only after Attach().

  const Scheduler& scheduler() const;
  // The state that grpc.health.v1.Health reports. Change it only before Stop().
  Health& health();
  int io_threads() const;

  // What it hosts, for people: a line for each service, with its methods and
  // their keys. Each line ends with a line end.
  std::string DescribeServices() const;

  // All calls so far by their outcome, and what the server holds now. Any
  // thread may call it, also after Stop(). It costs the workers nothing.
  ServerSnapshot Snapshot() const;

  // For a watchdog: returns how many workers have given a sign of life since
  // the last call, and asks all of them for the next one. A worker gives it by
  // running a small task between two others. So 0 means that each worker has
  // been held by one handler since the last call. Wakes all workers, so call it
  // every few seconds at most. One thread at a time may call it, but for a
  // worker's. SystemdNotifier (systemd.h) does it for systemd.
  int CountBeats();

  // Writes a line to the log, as Pinion does with its own lines: a record, or
  // a message of level info. Any thread may call it, and does not wait.
  void LogLine(LogRecord record) const;
  void LogLine(absl::string_view message) const;
  // Changes log_format, log_level and log_keys from the next line on. Any
  // thread may call it. options() keeps those of the start.
  void SetLog(const LogSettings& settings);
  LogSettings log_settings() const;
  // Waits until options.log has received all lines so far, and gives up once
  // that has kept them for `timeout`. The time in which Pinion's log thread was
  // given no CPU does not count, up to 30 s. Returns whether all were received.
  // Any thread may call it.
  bool FlushLog(absl::Duration timeout);

 private:
  friend class Server;
  friend class internal::HostingForAdmin;
  friend class internal::HostingForTest;
  friend class internal::ListeningServer;

  // With workers that a test steps.
  Hosting(HostingOptions options, ManualRun manual);

  template <typename Shard>
  ShardedService<Shard>& Add(absl::string_view service, ShardFactory shards) {
    auto hosted =
        std::make_unique<ShardedService<Shard>>(service, std::move(shards));
    ShardedService<Shard>& result = *hosted;
    Keep(std::move(hosted));
    return result;
  }

  void Keep(std::unique_ptr<HostedService> service);

  // The names of the options that Reload() would refuse to change.
  std::vector<std::string> NeedsRestart(const HostingOptions& options) const;

  const std::unique_ptr<internal::Runtime> runtime_;
  // What an operator sees of it, and may change.
  const std::unique_ptr<internal::AdminView> admin_;
};

}  // namespace pinion

#endif  // PINION_SERVER_HOSTING_H_
