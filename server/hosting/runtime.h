// SPDX-License-Identifier: Apache-2.0
//
// Runtime: what a Hosting consists of: its workers, lanes, I/O threads and
//          services. It makes and starts them in their order; its StopSequence
//          stops them.
//
// Threads: as Hosting says of its functions (server/hosting.h), which these
// are. Example: Runtime runtime(options, /*manual=*/std::nullopt);
//          runtime.Keep(std::move(service));
//          absl::Status status = runtime.Attach(builder, {});
#ifndef PINION_SERVER_HOSTING_RUNTIME_H_
#define PINION_SERVER_HOSTING_RUNTIME_H_

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "pinion/core/scheduler.h"
#include "pinion/core/stall_watch.h"
#include "pinion/core/task.h"
#include "pinion/core/thread_times.h"
#include "pinion/server/attach_options.h"
#include "pinion/server/door/front_door.h"
#include "pinion/server/door/router.h"
#include "pinion/server/expiry/expirer.h"
#include "pinion/server/health.h"
#include "pinion/server/health/health_service.h"
#include "pinion/server/hosted_service.h"
#include "pinion/server/hosting/build_watch.h"
#include "pinion/server/hosting/stall_reports.h"
#include "pinion/server/hosting/stop_sequence.h"
#include "pinion/server/internal/manual_run.h"
#include "pinion/server/io/io_thread.h"
#include "pinion/server/io/raw_service.h"
#include "pinion/server/lane/lanes.h"
#include "pinion/server/lane/running_calls.h"
#include "pinion/server/log.h"
#include "pinion/server/log/server_log.h"
#include "pinion/server/observe/observation.h"
#include "pinion/server/observe/stalls.h"
#include "pinion/server/options.h"
#include "pinion/server/reflection/reflection_offer.h"
#include "pinion/server/reflection/reflection_service.h"
#include "pinion/server/rpc/grpc_call.h"
#include "pinion/server/rpc/stream_call.h"
#include "pinion/server/security/identity/callers.h"
#include "pinion/server/security/identity/token_judge.h"
#include "pinion/server/security/identity/wall_clock.h"
#include "pinion/server/security/policy/policy_rules.h"
#include "pinion/server/session/session_host.h"
#include "pinion/server/session/session_list.h"
#include "pinion/server/session/session_service.h"
#include "pinion/server/shard/slot_owners.h"
#include "pinion/server/snapshot.h"
#include "pinion/server/systemd/worker_beat.h"
#include "pinion/server/tracing/span_queue.h"
#include "pinion/server/tracing/trace_exporter.h"
#include "pinion/server/tracing/tracer.h"

namespace pinion::internal {

class Runtime {
 public:
  // With `manual` its test steps it.
  Runtime(HostingOptions options, std::optional<ManualRun> manual);
  ~Runtime();  // Stops first.
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // Hosts `service`. Before Attach().
  void Keep(std::unique_ptr<HostedService> service) {
    services_.push_back(std::move(service));
  }

  absl::Status Attach(grpc::ServerBuilder& builder, const AttachOptions& what);
  absl::Status Start(std::shared_ptr<grpc::Server> server);
  absl::Status Reload(const HostingOptions& options);
  // Takes over what may change at run time, but for the policy's file. The
  // options are valid, and differ in nothing else. While it serves; one thread
  // at a time calls this or Reload().
  void Change(const HostingOptions& options);
  // The options that Reload() would refuse to change.
  std::vector<std::string> NeedsRestart(const HostingOptions& options) const;
  void BeginDrain() { stop_.BeginDrain(); }
  void Drain() { stop_.Drain(); }
  absl::Status Stop();
  void HurryStop();

  const HostingOptions& options() const { return options_; }
  // Of the services that it keeps so far.
  std::vector<std::string> MethodPaths() const;

  ServerLog& log() { return log_; }
  void SetLog(const LogSettings& settings);

  // The rest is for after Attach().

  const Scheduler& scheduler() const { return *scheduler_; }
  Health& health() { return *health_; }
  const Health& health() const { return *health_; }
  const FrontDoor& door() const { return *door_; }
  const SlotOwners& slot_owners() const { return router_->owners(); }
  // One for each hosted service.
  absl::Span<const std::unique_ptr<Lanes>> lanes() const { return lanes_; }
  RunningCalls& running_calls() { return *running_calls_; }
  // The time of people.
  absl::Time Now() const { return wall_clock_.Now(); }
  int io_threads() const { return static_cast<int>(io_threads_.size()); }
  std::string DescribeServices() const;
  ServerSnapshot Snapshot() const;
  // By worker, as the kernel has them. None if a test steps the workers, and
  // after the stop: there are no threads.
  std::vector<ThreadTimes> WorkerTimes() const;
  int CountBeats() { return beat_->Count(); }
  // What is noted of calls. Any thread may use it.
  Observation& observation() { return *observation_; }
  // The handlers that have held a worker for too long.
  const Stalls& stalls() const { return *stalls_; }
  // The open sessions. Null if no sessions are attached.
  const SessionList* sessions() const {
    return session_service_ == nullptr ? nullptr : &session_service_->list();
  }

  // Null if tokens are not judged. For tests.
  TokenJudge* token_judge() { return token_judge_.get(); }

  // For manual runs only: the workers that the test steps, and the expirer.
  Scheduler& manual_scheduler();
  Expirer& manual_expirer();
  // Makes the I/O thread check once more. Any thread may call it, until Stop().
  void TurnIo();

 private:
  // Attach().
  void StartLog();
  absl::Status CheckServices() const;
  absl::Status StartWorkers();
  absl::Status MakeTracer();
  absl::Status MakeCallers();
  absl::Status MakeLanes();
  void MakeMethods(Lanes& lanes);
  void MakeOwnServices(const AttachOptions& what);
  void Register(grpc::ServerBuilder& builder);
  RawService& AddRawService();

  // So that someone is told who has forgotten Start().
  void AwaitStart();

  // Start().
  void NoteStart();
  absl::Status WhyNotBuilt() const;
  void DescribeToClients();
  void AwaitCalls();
  void AwaitCallsOf(const GrpcMethod& method, IoThread& io);
  void TellGrpcsHealth(grpc::Server& server);
  absl::Status WatchForStalls();
  // How many calls wait for `worker`, of all services.
  int64_t WaitingFor(int worker) const;

  // Snapshot().
  void ReadHealth(ServerSnapshot& snapshot) const;

  // Reload() and Change().
  void TakeOver(const HostingOptions& options);
  void SetRules(std::optional<PolicyRules> policy,
                const HostingOptions& options);
  void TellUnknownPaths(const std::string& file, const PolicyRules& policy);
  void SetSessionTimes(const HostingOptions& options);

  // What a Reload() changes is not changed here: any thread may read it.
  HostingOptions options_;
  const int asked_io_threads_;  // Attach() chooses if it is 0.
  const std::optional<ManualRun> manual_;
  const WallClock wall_clock_;
  std::vector<std::unique_ptr<HostedService>> services_;

  // In the order in which they are made; destroyed in the reverse order.
  ServerLog log_;
  // If there is a collector of spans: these three.
  std::optional<SpanQueue> span_queue_;
  std::unique_ptr<Tracer> tracer_;
  std::unique_ptr<TraceExporter> trace_exporter_;
  // For HurryStop(), which may come meanwhile; null before there is one.
  std::atomic<TraceExporter*> exporter_to_hurry_{nullptr};
  std::unique_ptr<Scheduler> scheduler_;
  std::unique_ptr<WorkerBeat> beat_;
  Task* start_alarm_ = nullptr;  // The scheduler's, until Start().
  std::unique_ptr<RunningCalls> running_calls_;
  std::unique_ptr<Observation> observation_;
  std::unique_ptr<Stalls> stalls_;
  std::unique_ptr<StallReports> stall_reports_;
  std::unique_ptr<StallWatch> stall_watch_;
  std::unique_ptr<Router> router_;
  std::unique_ptr<TokenJudge> token_judge_;  // If tokens are judged.
  std::unique_ptr<Callers> callers_;
  std::unique_ptr<FrontDoor> door_;
  std::vector<std::unique_ptr<Lanes>> lanes_;
  std::vector<std::unique_ptr<RawService>> raw_services_;
  std::unique_ptr<Expirer> expirer_;
  std::vector<std::unique_ptr<GrpcMethod>> methods_;
  StreamLimits stream_limits_;
  std::unique_ptr<Health> health_;
  SessionTimes session_times_;
  std::unique_ptr<SessionService> session_service_;           // If attached.
  std::unique_ptr<HealthService> health_service_;             // If attached.
  std::unique_ptr<ReflectionService> reflection_service_;     // If wanted.
  std::optional<grpc::AsyncGenericService> unknown_methods_;  // If attached.
  std::optional<ReflectionOffer> reflection_offer_;           // The same.
  std::optional<BuildWatch> build_;
  std::vector<std::unique_ptr<IoThread>> io_threads_;

  // It ends what is above, and holds the gRPC server until then.
  StopSequence stop_{options_, log_};
};

}  // namespace pinion::internal

#endif  // PINION_SERVER_HOSTING_RUNTIME_H_
