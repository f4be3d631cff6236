// SPDX-License-Identifier: Apache-2.0
#include "server/hosting.h"

#include <grpcpp/health_check_service_interface.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/check.h"
#include "core/watch_stalls.h"
#include "server/log.h"
#include "server/unary_call.h"
#include "server/unknown_call.h"

namespace pinion {
namespace {

// How many calls each I/O thread awaits for each method. One that arrives when
// all are taken waits within gRPC for the next to be awaited, which happens as
// soon as an I/O thread looks; so this is the burst that passes without a wait.
constexpr int kAwaitedCalls = 64;
constexpr int kAwaitedStreams = 16;  // They last, so fewer come at once.
constexpr int kAwaitedUnknownCalls = 4;

constexpr absl::Duration kAsGoodAsNever = absl::Hours(24 * 36500);

// None for what is as good as never.
std::optional<std::chrono::nanoseconds> ToNanos(absl::Duration span) {
  if (span >= kAsGoodAsNever) return std::nullopt;
  return absl::ToChronoNanoseconds(span);
}

FrontDoorOptions DoorOptions(const ServerOptions& options) {
  return {.most_calls = options.max_calls,
          .most_bytes = options.max_bytes,
          .default_timeout = ToNanos(options.default_timeout)};
}

SessionLimits SessionLimitsOf(const ServerOptions& options) {
  return {.most_calls = options.session_calls,
          .most_bytes = options.session_bytes,
          .most_message_bytes = options.max_message_bytes,
          .write_timeout = absl::ToChronoNanoseconds(options.write_timeout),
          .max_age = ToNanos(options.max_session_age),
          .age_grace = absl::ToChronoNanoseconds(options.grace)};
}

StreamLimits StreamLimitsOf(const ServerOptions& options) {
  return {.most_bytes = options.stream_bytes,
          .most_message_bytes = options.max_message_bytes,
          .write_timeout = absl::ToChronoNanoseconds(options.write_timeout)};
}

LaneOptions LaneOptionsOf(const ServerOptions& options) {
  return {.most_calls = options.lane_capacity,
          .most_bytes = options.lane_bytes,
          .max_response_bytes = options.max_message_bytes,
          .stall_after = absl::ToChronoNanoseconds(options.stall_after),
          .log = options.log};
}

}  // namespace

Hosting::~Hosting() {
  Stop().IgnoreError();
  const absl::Status ended = EndWorkers(Scheduler::kForever);
  PINION_CHECK(ended.ok(), ended.message());
}

absl::Status Hosting::Attach(grpc::ServerBuilder& builder,
                             const AttachOptions& what) {
  PINION_CHECK(scheduler_ == nullptr, "a hosting is attached once");
  absl::Status status = ValidateHosting(options_);
  if (status.ok()) status = CheckServices();
  if (status.ok() && what.health && grpc::DefaultHealthCheckServiceEnabled()) {
    status = absl::InvalidArgumentError(
        "gRPC's own health service is enabled in this process, and a server "
        "can have one: attach with health = false, which has it told");
  }
  if (status.ok()) status = StartWorkers();
  if (status.ok()) status = MakeLanes();
  if (!status.ok()) {
    const absl::Status ended = EndWorkers(Scheduler::kForever);
    PINION_CHECK(ended.ok(), ended.message());
    return status;
  }
  MakeOwnServices(what);
  Register(builder);
  return absl::OkStatus();
}

absl::Status Hosting::CheckServices() const {
  if (services_.empty()) {
    return absl::InvalidArgumentError("the server hosts no service");
  }
  for (const auto& service : services_) {
    if (service->name() == HealthService::kName ||
        service->name() == SessionService::kName) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the server itself serves ", service->name(), "; do not host it"));
    }
    const absl::Status status = service->Check();
    if (!status.ok()) return status;
    const auto same = std::count_if(
        services_.begin(), services_.end(),
        [&](const auto& other) { return other->name() == service->name(); });
    if (same > 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("the service ", service->name(), " is hosted twice"));
    }
  }
  return absl::OkStatus();
}

absl::Status Hosting::StartWorkers() {
  if (manual_.has_value()) {
    scheduler_ = Scheduler::Manual({.workers = std::max(options_.workers, 1)},
                                   manual_->clock);
    options_.io_threads = 1;
    workers_ended_ = false;
    return absl::OkStatus();
  }
  auto scheduler = Scheduler::Start({.workers = options_.workers,
                                     .cpus = options_.worker_cpus,
                                     .cpu_policy = options_.cpu_policy});
  if (!scheduler.ok()) return scheduler.status();
  scheduler_ = *std::move(scheduler);
  workers_ended_ = false;
  if (options_.io_threads == 0) {
    const size_t left = scheduler_->cpu_plan().io_cpus.size();
    const size_t cpus = scheduler_->cpu_plan().allowed.size();
    // With a worker on every CPU, I/O shares them all; one thread is enough.
    options_.io_threads =
        left == cpus ? 1 : static_cast<int>(std::clamp<size_t>(left, 1, 64));
  }
  return absl::OkStatus();
}

absl::Status Hosting::MakeLanes() {
  const int workers = scheduler_->worker_count();
  running_calls_ = std::make_unique<RunningCalls>(workers);
  router_ = std::make_unique<Router>(workers, options_.key_seed);
  door_ = std::make_unique<FrontDoor>(*router_, scheduler_->clock(),
                                      DoorOptions(options_));
  // Release, with the acquire in HurryStop().
  door_to_hurry_.store(door_.get(), std::memory_order_release);
  expirer_ =
      std::make_unique<Expirer>(scheduler_->clock(), options_.io_threads);
  stream_limits_ = StreamLimitsOf(options_);
  for (const auto& service : services_) {
    auto lanes = Lanes::Create(*scheduler_, *service, LaneOptionsOf(options_),
                               *running_calls_, router_->owners());
    if (!lanes.ok()) return lanes.status();
    lanes_.push_back(*std::move(lanes));
    MakeMethods(*lanes_.back());
  }
  return absl::OkStatus();
}

void Hosting::MakeMethods(Lanes& lanes) {
  RawService& raw = AddRawService();
  for (const HostedMethod& method : lanes.service().methods()) {
    methods_.push_back(std::make_unique<GrpcMethod>(GrpcMethod{
        .method = &method,
        .lanes = &lanes,
        .service = &raw,
        .index = method.handler.streams ? raw.AddStreamingMethod(method.path)
                                        : raw.AddMethod(method.path),
        .door = door_.get(),
        .expirer = expirer_.get()}));
  }
}

void Hosting::MakeOwnServices(const AttachOptions& what) {
  std::vector<std::string> names;
  for (const auto& service : services_) names.push_back(service->name());
  health_ = std::make_unique<Health>(names, scheduler_->worker_count());
  if (what.health) {
    health_service_ =
        std::make_unique<HealthService>(*health_, AddRawService());
  }
  if (what.sessions) {
    session_service_ = std::make_unique<SessionService>(
        AddRawService(), *door_, *expirer_, SessionLimitsOf(options_),
        absl::ToChronoNanoseconds(options_.lame_duck + options_.grace));
    for (const auto& method : methods_) {
      session_service_->Serve(*method->method, *method->lanes);
    }
  }
  if (what.unknown_methods) unknown_methods_.emplace();
}

// gRPC's reflection knows a registered object by the service of one of its
// methods; so each service has one of its own.
RawService& Hosting::AddRawService() {
  raw_services_.push_back(std::make_unique<RawService>());
  return *raw_services_.back();
}

void Hosting::Register(grpc::ServerBuilder& builder) {
  for (const auto& raw : raw_services_) builder.RegisterService(raw.get());
  if (unknown_methods_.has_value()) {
    builder.RegisterAsyncGenericService(&*unknown_methods_);
  }
  IoThreadHooks hooks = {.on_server_end = [this] { OnServerEnd(); }};
  if (manual_.has_value()) hooks.after_turn = manual_->after_io_turn;
  for (int i = 0; i < options_.io_threads; ++i) {
    io_threads_.push_back(
        std::make_unique<IoThread>(i, builder.AddCompletionQueue(), hooks));
  }
  build_.emplace(builder);
}

absl::Status Hosting::Start(std::shared_ptr<grpc::Server> server) {
  PINION_CHECK(build_.has_value(), "a hosting is attached before its start");
  const bool built = build_->reached() == BuildWatch::Reached::kServer;
  if (server == nullptr || !built) {
    const absl::Status ended = EndWorkers(Scheduler::kForever);
    PINION_CHECK(ended.ok(), ended.message());
    if (server == nullptr) return WhyNotBuilt();
    return absl::FailedPreconditionError(
        "the server is of another builder than this is attached to; start with "
        "what that one's BuildAndStart() returns");
  }
  server_ = std::move(server);
  AwaitCalls();
  // Before the I/O threads, which tell of the end of a server that is shut
  // down.
  if (health_service_ == nullptr) TellGrpcsHealth();
  for (auto& io : io_threads_) io->Start();
  if (!manual_.has_value()) {
    expirer_->Start();
    const absl::Status status = WatchForStalls();
    if (!status.ok()) {
      Stop().IgnoreError();
      return status;
    }
  }
  health_->SetStarted();
  return absl::OkStatus();
}

absl::Status Hosting::WhyNotBuilt() const {
  std::vector<std::string> paths;
  switch (build_->reached()) {
    case BuildWatch::Reached::kNothing:
      return absl::FailedPreconditionError(
          "there is no server: its builder's BuildAndStart() was not called");
    case BuildWatch::Reached::kBegun:
      for (const auto& method : methods_) paths.push_back(method->method->path);
      return absl::InvalidArgumentError(absl::StrCat(
          "gRPC built no server, because a method is registered twice (its log "
          "names it, as a duplicate registration); hosted are ",
          absl::StrJoin(paths, ", "),
          ": a service of your own leaves a hosted method M out as a "
          "WithGenericMethod_M<...>"));
    case BuildWatch::Reached::kServices:
    case BuildWatch::Reached::kServer:
      break;
  }
  return absl::UnavailableError(absl::StrCat(
      "gRPC built no server, because an address of the builder's cannot be "
      "listened on (its log says why)",
      unknown_methods_.has_value()
          ? ""
          : ", or a method is marked generic and there is no generic service"));
}

void Hosting::AwaitCalls() {
  for (auto& io : io_threads_) {
    for (const auto& method : methods_) AwaitCallsOf(*method, *io);
    if (unknown_methods_.has_value()) {
      for (int i = 0; i < kAwaitedUnknownCalls; ++i) {
        UnknownCall::Await(*unknown_methods_, *io);
      }
    }
    if (health_service_ != nullptr) health_service_->AwaitCalls(*io);
    if (session_service_ != nullptr) session_service_->AwaitSessions(*io);
  }
}

void Hosting::AwaitCallsOf(const GrpcMethod& method, IoThread& io) {
  if (method.method->handler.streams) {
    for (int i = 0; i < kAwaitedStreams; ++i) {
      StreamCall::Await(method, stream_limits_, io);
    }
  } else {
    for (int i = 0; i < kAwaitedCalls; ++i) UnaryCall::Await(method, io);
  }
}

void Hosting::TellGrpcsHealth() {
  grpc::HealthCheckServiceInterface* const told =
      server_->GetHealthCheckService();
  if (told == nullptr) return;
  health_->AddObserver([this, told] {
    for (const auto& service : services_) {
      const HealthStatus status = health_->Of(service->name());
      told->SetServingStatus(service->name(), status == HealthStatus::kServing);
    }
  });
}

absl::Status Hosting::WatchForStalls() {
  const auto report = [this](const StallReport& stall) {
    const std::string call =
        running_calls_->Describe(stall.worker, scheduler_->clock());
    Log(options_.log, absl::StrCat(Describe(stall, stall.task->name()),
                                   call.empty() ? "" : "; its call: ", call));
  };
  const auto state = [this](int worker, bool stalled) {
    health_->SetStalled(worker, stalled);
  };
  auto watch = WatchStalls(
      *scheduler_,
      {.threshold = absl::ToChronoNanoseconds(options_.stall_after)}, report,
      state);
  if (!watch.ok()) return watch.status();
  stall_watch_ = *std::move(watch);
  return absl::OkStatus();
}

ServerSnapshot Hosting::Snapshot() const {
  ServerSnapshot snapshot;
  snapshot.workers = scheduler_->Snapshot();
  snapshot.held_calls = door_->credit().calls();
  snapshot.held_bytes = door_->credit().bytes();
  for (const auto& lanes : lanes_) {
    for (int i = 0; i < scheduler_->worker_count(); ++i) {
      snapshot.lanes.push_back(lanes->Snapshot(i));
    }
    for (const HostedMethod& method : lanes->service().methods()) {
      snapshot.methods.push_back(lanes->Snapshot(method));
    }
  }
  return snapshot;
}

Scheduler& Hosting::manual_scheduler() {
  PINION_CHECK(manual_.has_value(), "only a manual hosting is stepped");
  return *scheduler_;
}

Expirer& Hosting::manual_expirer() {
  PINION_CHECK(manual_.has_value(), "only a manual hosting is stepped");
  return *expirer_;
}

void Hosting::TurnIo() {
  for (auto& io : io_threads_) io->Post([] {});
}

}  // namespace pinion
