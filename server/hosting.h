// SPDX-License-Identifier: Apache-2.0
//
// Hosting: hosts gRPC services on pinned workers in a server of the user's own.
//
// It attaches to a grpc::ServerBuilder, beside whatever else that builds with:
// other services, interceptors, credentials, reflection. A pinion::Server is
// this with a builder of its own.
//
// Threads: one thread builds, starts and stops it; anyone may ask it things.
// Example: pinion::Hosting hosting({.workers = 4});
//          hosting.Host<Cart>("shop.v1.CartService").On("Add", &Cart::Add);
//          absl::Status status = hosting.Attach(builder);
//          std::shared_ptr<grpc::Server> server = builder.BuildAndStart();
//          if (status.ok()) status = hosting.Start(server);
//          ...
//          hosting.Drain();                  // The order of a stop; the first
//          server->Shutdown(deadline);       // two may be left out.
//          status = hosting.Stop();
//
// Methods: what is hosted is taken from the .proto's service one by one. A
//          service class of the user's own that has the others must leave the
//          hosted ones out: it derives from the generated
//          CartService::WithGenericMethod_Add<CartService::Service>.
#ifndef PINION_SERVER_HOSTING_H_
#define PINION_SERVER_HOSTING_H_

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "core/scheduler.h"
#include "core/stall_watch.h"
#include "server/build_watch.h"
#include "server/expirer.h"
#include "server/front_door.h"
#include "server/grpc_call.h"
#include "server/health.h"
#include "server/health_service.h"
#include "server/hosted_service.h"
#include "server/io_thread.h"
#include "server/lanes.h"
#include "server/manual_run.h"
#include "server/options.h"
#include "server/raw_service.h"
#include "server/router.h"
#include "server/running_calls.h"
#include "server/session_service.h"
#include "server/shard_factory.h"
#include "server/snapshot.h"
#include "server/stream_call.h"

namespace pinion {

// What of Pinion's own is attached with the hosted services.
struct AttachOptions {
  // pinion.v1.SessionService, within which the hosted methods can be called.
  bool sessions = true;

  // grpc.health.v1.Health. Without it gRPC's own, if the server has that, is
  // told of the hosted services.
  bool health = true;

  // Has calls of methods that nobody serves answered. A builder with a generic
  // service of its own must do without: it can have one.
  bool unknown_methods = true;
};

class Hosting {
 public:
  // What of the options is the listener's must be left as it is.
  explicit Hosting(ServerOptions options) : options_(std::move(options)) {}
  // One that its test steps; see //server:testing.
  Hosting(ServerOptions options, ManualRun manual)
      : options_(std::move(options)), manual_(std::move(manual)) {}
  ~Hosting();  // Stops first.
  Hosting(const Hosting&) = delete;
  Hosting& operator=(const Hosting&) = delete;

  // Hosts the service of that full name ("package.Service") in shards of the
  // class Shard, one per worker. Each is made on its worker's thread: from a
  // const ShardInfo&, if there is such a constructor, else from nothing; and
  // destroyed there after its last call. Before Attach(). Mistakes show there.
  template <typename Shard>
  ShardedService<Shard>& Host(absl::string_view service) {
    return Add<Shard>(service, ShardFactory::Of<Shard>());
  }

  // The same with shards that `make` makes: it takes a const ShardInfo& or
  // nothing, and returns a std::unique_ptr<Shard>, or an absl::StatusOr of one,
  // whose error stops the start. It is called on all workers at once.
  template <typename Shard, typename Make>
  ShardedService<Shard>& Host(absl::string_view service, Make make) {
    return Add<Shard>(service, ShardFactory::Of<Shard>(std::move(make)));
  }

  // Starts the workers, makes the shards, and gives `builder` the hosted
  // methods and the queues on which their calls arrive; nothing else of it
  // changes. INVALID_ARGUMENT for a mistake in the options or a hosted service,
  // or what the factory of a shard says; one line each. Then no shard is left
  // and `builder` is as it was. Once, and for one BuildAndStart(). From then on
  // the server, if it is not given to Start(), must go before this.
  absl::Status Attach(grpc::ServerBuilder& builder,
                      const AttachOptions& what = {});

  // Has `server`, which the builder has built, take calls, until when it serves
  // nothing at all. It is kept until Stop(). If it is null: why gRPC has built
  // none, as far as can be told; INVALID_ARGUMENT if a method is registered
  // twice, UNAVAILABLE if an address cannot be listened on.
  // FAILED_PRECONDITION if it is another builder's, and this one's has built
  // none. Once.
  absl::Status Start(std::shared_ptr<grpc::Server> server);

  // Says NOT_SERVING, waits for `lame_duck`, takes no new calls from then on,
  // and waits for the open ones up to `grace`; those that are not done then are
  // answered UNAVAILABLE. What is not hosted goes on, and connections stay
  // open. A server that is shut down does the same by itself, but for the lame
  // duck. May be called again; not from a handler.
  void Drain();

  // Drain(); shuts the server down, if it is not: what is still open there of
  // the user's own is cut off; and ends all threads of Pinion's, within a
  // second more (gRPC itself waits for handlers of the user's own).
  // DEADLINE_EXCEEDED, naming method, key and time, if a hosted handler has not
  // returned: its call is answered, but its worker's thread and its shard are
  // still there, and the destructor waits for them. May be called again; not
  // from a handler.
  absl::Status Stop();

  // The first half of a Drain(): up to when no new call is taken.
  void BeginDrain();

  // Has a Drain() or Stop(), under way or to come, wait for no call any longer.
  // Anyone.
  void HurryStop();

  // The rest is for after Attach().

  const Scheduler& scheduler() const { return *scheduler_; }
  // What grpc.health.v1.Health tells; its last change comes before Stop().
  Health& health() { return *health_; }
  int io_threads() const { return static_cast<int>(io_threads_.size()); }

  // What became of all calls so far, and what is held of them now. Anyone, also
  // after Stop(); costs the workers nothing.
  ServerSnapshot Snapshot() const;

  // Manual only: the workers to step, and what is to look at the time.
  Scheduler& manual_scheduler();
  Expirer& manual_expirer();
  // Has the I/O thread look about once more. Anyone, until Stop().
  void TurnIo();

 private:
  template <typename Shard>
  ShardedService<Shard>& Add(absl::string_view service, ShardFactory shards) {
    auto hosted =
        std::make_unique<ShardedService<Shard>>(service, std::move(shards));
    ShardedService<Shard>& result = *hosted;
    services_.push_back(std::move(hosted));
    return result;
  }

  // Attach().
  absl::Status CheckServices() const;
  absl::Status StartWorkers();
  absl::Status MakeLanes();
  void MakeMethods(Lanes& lanes);
  void MakeOwnServices(const AttachOptions& what);
  void Register(grpc::ServerBuilder& builder);
  RawService& AddRawService();

  // Start().
  absl::Status WhyNotBuilt() const;
  void AwaitCalls();
  void AwaitCallsOf(const GrpcMethod& method, IoThread& io);
  void TellGrpcsHealth();
  absl::Status WatchForStalls();

  // Stop().
  void BeginDrain(absl::Duration lame_duck);
  void Drain(absl::Duration lame_duck);
  void OnServerEnd();
  void EndIo();
  // Lets the workers finish, and ends them; which call has one not, if not.
  absl::Status EndWorkers(std::chrono::nanoseconds timeout);
  absl::Status LetWorkersFinish(std::chrono::nanoseconds timeout);
  std::string WhatIsStuck() const;

  ServerOptions options_;
  const std::optional<ManualRun> manual_;
  std::vector<std::unique_ptr<HostedService>> services_;

  // In order of their making; destroyed in the reverse.
  std::unique_ptr<Scheduler> scheduler_;
  std::unique_ptr<RunningCalls> running_calls_;
  std::unique_ptr<StallWatch> stall_watch_;
  std::unique_ptr<Router> router_;
  std::unique_ptr<FrontDoor> door_;
  std::vector<std::unique_ptr<Lanes>> lanes_;
  std::vector<std::unique_ptr<RawService>> raw_services_;
  std::unique_ptr<Expirer> expirer_;
  std::vector<std::unique_ptr<GrpcMethod>> methods_;
  StreamLimits stream_limits_;
  std::unique_ptr<Health> health_;
  std::unique_ptr<SessionService> session_service_;           // If attached.
  std::unique_ptr<HealthService> health_service_;             // If attached.
  std::optional<grpc::AsyncGenericService> unknown_methods_;  // If attached.
  std::optional<BuildWatch> build_;
  std::vector<std::unique_ptr<IoThread>> io_threads_;
  std::shared_ptr<grpc::Server> server_;  // From Start() to Stop().
  bool workers_ended_ = true;

  // Shared by those who stop it: the owner, and the one who finds that the
  // server was shut down.
  absl::Notification hurry_;
  std::atomic<bool> hurried_{false};
  std::atomic<FrontDoor*> door_to_hurry_{nullptr};  // Once there is one.
  std::once_flag drain_begun_;
  std::once_flag drained_;
  std::atomic<bool> draining_{false};
  std::atomic<bool> server_ended_{false};
  std::thread drainer_;  // An I/O thread's, until that has ended.
};

}  // namespace pinion

#endif  // PINION_SERVER_HOSTING_H_
