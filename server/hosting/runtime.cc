// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/hosting/runtime.h"

#include <grpcpp/health_check_service_interface.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "pinion/core/base/check.h"
#include "pinion/core/watch_stalls.h"
#include "pinion/server/listener/why_not_listening.h"
#include "pinion/server/log.h"
#include "pinion/server/rpc/unary_call.h"
#include "pinion/server/rpc/unknown_method_call.h"

namespace pinion::internal {
namespace {

// How many calls each I/O thread awaits for each method. One that arrives when
// all are taken waits within gRPC for the next to be awaited, which happens as
// soon as an I/O thread looks; so this is the burst that passes without a wait.
constexpr int kAwaitedCalls = 64;
constexpr int kAwaitedStreams = 16;  // They last, so fewer come at once.
constexpr int kAwaitedUnknownCalls = 4;

// From Attach() to Start(): what comes between them takes milliseconds.
constexpr std::chrono::seconds kStartsWithin(5);

constexpr absl::Duration kAsGoodAsNever = absl::Hours(24 * 36500);

// None for what is as good as never.
std::optional<std::chrono::nanoseconds> ToNanos(absl::Duration span) {
  if (span >= kAsGoodAsNever) return std::nullopt;
  return absl::ToChronoNanoseconds(span);
}

FrontDoorOptions DoorOptions(const HostingOptions& options, size_t lanes) {
  // They were validated.
  return {.max_calls = options.server_calls,
          .max_bytes = options.server_bytes,
          .default_timeout = ToNanos(options.default_timeout),
          .lanes = lanes,
          .trusted_proxies = *TrustedProxies::Parse(options.trusted_proxies)};
}

SessionLimits SessionLimitsOf(const HostingOptions& options) {
  return {.max_calls = options.session_calls,
          .max_bytes = options.session_bytes,
          .max_message_bytes = options.max_message_bytes,
          .write_timeout = absl::ToChronoNanoseconds(options.write_timeout),
          .max_age = ToNanos(options.max_session_age),
          .age_grace = absl::ToChronoNanoseconds(options.grace)};
}

StreamLimits StreamLimitsOf(const HostingOptions& options) {
  return {.max_bytes = options.stream_bytes,
          .max_message_bytes = options.max_message_bytes,
          .write_timeout = absl::ToChronoNanoseconds(options.write_timeout)};
}

LaneOptions LaneOptionsOf(const HostingOptions& options, size_t first_lane,
                          LimitedLog& log) {
  return {.max_calls = options.lane_calls,
          .max_bytes = options.lane_bytes,
          .max_streams = options.lane_streams,
          .max_response_bytes = options.max_message_bytes,
          .first_lane = first_lane,
          .stall_after = absl::ToChronoNanoseconds(options.stall_after),
          .log = [&log](absl::string_view line) { log.Add(line); }};
}

// "Add (key name)", "Watch (key topic, stream)"
std::string DescribeMethod(const HostedMethod& method) {
  return absl::StrCat(
      absl::string_view(method.path).substr(method.path.rfind('/') + 1), " (",
      method.key.has_value() ? absl::StrCat("key ", method.key->path())
                             : "any worker",
      method.handler.streams ? ", stream)" : ")");
}

}  // namespace

Runtime::~Runtime() {
  Stop().IgnoreError();
  stop_.EndWorkersHoweverLong();
}

absl::Status Runtime::Attach(grpc::ServerBuilder& builder,
                             const AttachOptions& what) {
  PINION_CHECK(scheduler_ == nullptr, "a hosting is attached once");
  StartLog();
  absl::Status status = Validate(options_);
  if (status.ok()) status = CheckServices();
  if (status.ok() && what.health && grpc::DefaultHealthCheckServiceEnabled()) {
    status = absl::InvalidArgumentError(
        "gRPC's own health service is enabled in this process, and a server "
        "can have one: attach with health = false, which has it told");
  }
  if (status.ok()) status = StartWorkers();
  if (status.ok()) status = MakeLanes();
  if (!status.ok()) {
    stop_.EndWorkersHoweverLong();
    return status;
  }
  MakeOwnServices(what);
  Register(builder);
  AwaitStart();
  return absl::OkStatus();
}

// A server that was built but not started accepts connections and answers
// nothing, which looks like a handler that hangs.
void Runtime::AwaitStart() {
  start_alarm_ = scheduler_->AddTask(
      0, {.name = "the alarm for a start"}, [this](WakeReasons reasons) {
        if ((reasons & kWakeTimer) == 0) return;
        LogLine(absl::StrCat(
            "Hosting::Start() was not called within ",
            absl::FormatDuration(absl::FromChrono(kStartsWithin)),
            " of Attach(): until it is, nobody answers the hosted methods; "
            "give it what BuildAndStart() has returned"));
      });
  start_alarm_->WakeAfter(kStartsWithin);
  if (scheduler_->manual()) scheduler_->RunUntilIdle(/*seed=*/0);
}

void Runtime::NoteStart() {
  start_alarm_->Kill();
  if (scheduler_->manual()) scheduler_->RunUntilIdle(/*seed=*/0);
}

// From now on whoever logs only adds to a queue. Here, because its thread is
// born with the mask of this one, which is no worker.
void Runtime::StartLog() {
  if (!options_.log) {
    StandardErrorLog();
    return;
  }
  if (manual_.has_value()) return;  // Who steps it has each line at once.
  log_queue_ = std::make_unique<LogQueue>(
      [log = std::move(options_.log)](absl::string_view line) {
        log(line);
        return true;
      });
  options_.log = [this](absl::string_view line) { log_queue_->Add(line); };
}

absl::Status Runtime::CheckServices() const {
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

absl::Status Runtime::StartWorkers() {
  if (manual_.has_value()) {
    scheduler_ = Scheduler::Manual({.workers = std::max(options_.workers, 1)},
                                   manual_->clock);
    options_.io_threads = 1;
    options_.session_io_threads = 0;
    return absl::OkStatus();
  }
  auto scheduler = Scheduler::Start({.workers = options_.workers,
                                     .cpus = options_.worker_cpus,
                                     .cpu_policy = options_.cpu_policy});
  if (!scheduler.ok()) return scheduler.status();
  scheduler_ = *std::move(scheduler);
  if (options_.io_threads == 0) {
    const size_t left = scheduler_->cpu_plan().io_cpus.size();
    const size_t cpus = scheduler_->cpu_plan().allowed.size();
    // With a worker on every CPU, I/O shares them all; one thread is enough.
    options_.io_threads =
        left == cpus ? 1 : static_cast<int>(std::clamp<size_t>(left, 1, 64));
  }
  return absl::OkStatus();
}

absl::Status Runtime::MakeLanes() {
  const int workers = scheduler_->worker_count();
  running_calls_ = std::make_unique<RunningCalls>(workers);
  router_ = std::make_unique<Router>(workers, options_.key_seed);
  door_ = std::make_unique<FrontDoor>(
      *router_, scheduler_->clock(),
      DoorOptions(options_, services_.size() * workers));
  stop_.WorkersStarted({.scheduler = *scheduler_,
                        .running_calls = *running_calls_,
                        .lanes = lanes_,
                        .snapshot = [this] { return Snapshot(); }});
  stop_.DoorIsMade(door_->inside());
  expirer_ = std::make_unique<Expirer>(
      scheduler_->clock(), options_.io_threads + options_.session_io_threads);
  stream_limits_ = StreamLimitsOf(options_);
  for (const auto& service : services_) {
    const size_t first_lane = lanes_.size() * workers;
    lane_logs_.push_back(std::make_unique<LimitedLog>(
        service->name(), options_.log, scheduler_->clock()));
    auto lanes =
        Lanes::Create(*scheduler_, *service,
                      LaneOptionsOf(options_, first_lane, *lane_logs_.back()),
                      *running_calls_, router_->owners());
    if (!lanes.ok()) return lanes.status();
    lanes_.push_back(*std::move(lanes));
    MakeMethods(*lanes_.back());
  }
  return absl::OkStatus();
}

void Runtime::MakeMethods(Lanes& lanes) {
  RawService& raw = AddRawService();
  for (const HostedMethod& method : lanes.service().methods()) {
    methods_.push_back(std::make_unique<GrpcMethod>(GrpcMethod{
        .served = &lanes.served(method.index),
        .service = &raw,
        .index = method.handler.streams ? raw.AddStreamingMethod(method.path)
                                        : raw.AddMethod(method.path),
        .door = door_.get(),
        .expirer = expirer_.get(),
        .max_request_bytes = static_cast<size_t>(options_.max_message_bytes)}));
  }
}

void Runtime::MakeOwnServices(const AttachOptions& what) {
  std::vector<std::string> names;
  for (const auto& service : services_) names.push_back(service->name());
  health_ = std::make_unique<Health>(names, scheduler_->worker_count(),
                                     options_.healthy_share);
  if (what.health) {
    health_service_ =
        std::make_unique<HealthService>(*health_, AddRawService());
  }
  if (what.sessions) {
    session_service_ = std::make_unique<SessionService>(
        AddRawService(), *door_, *expirer_, SessionLimitsOf(options_),
        absl::ToChronoNanoseconds(options_.lame_duck + options_.grace));
    for (const auto& method : methods_) {
      session_service_->Serve(*method->served);
    }
  }
  if (what.unknown_methods) unknown_methods_.emplace();
}

// gRPC's reflection knows a registered object by the service of one of its
// methods; so each service has one of its own.
RawService& Runtime::AddRawService() {
  raw_services_.push_back(std::make_unique<RawService>());
  return *raw_services_.back();
}

void Runtime::Register(grpc::ServerBuilder& builder) {
  for (const auto& raw : raw_services_) builder.RegisterService(raw.get());
  if (unknown_methods_.has_value()) {
    builder.RegisterAsyncGenericService(&*unknown_methods_);
  }
  IoThreadHooks hooks = {.on_server_end = [this] { stop_.OnServerEnd(); }};
  if (manual_.has_value()) hooks.after_turn = manual_->after_io_turn;
  const int io_threads = options_.io_threads + options_.session_io_threads;
  for (int i = 0; i < io_threads; ++i) {
    io_threads_.push_back(std::make_unique<IoThread>(
        i, builder.AddCompletionQueue(), hooks,
        absl::ToChronoNanoseconds(options_.write_timeout)));
  }
  build_.emplace(builder);
}

absl::Status Runtime::Start(std::shared_ptr<grpc::Server> server) {
  PINION_CHECK(build_.has_value(), "a hosting is attached before its start");
  NoteStart();
  const bool built = build_->reached() == BuildWatch::Reached::kServer;
  if (server == nullptr || !built) {
    stop_.EndWorkersHoweverLong();
    if (server == nullptr) return WhyNotBuilt();
    return absl::FailedPreconditionError(
        "the server is of another builder than this is attached to; start with "
        "what that one's BuildAndStart() returns");
  }
  AwaitCalls();
  // Before the I/O threads, which tell of the end of a server that is shut
  // down.
  if (health_service_ == nullptr) TellGrpcsHealth(*server);
  stop_.ServingStarts({.health = *health_,
                       .inside = door_->inside(),
                       .io_threads = io_threads_,
                       .expirer = *expirer_,
                       .stall_watch = stall_watch_,
                       .snapshot = [this] { return Snapshot(); },
                       .server = std::move(server)});
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

absl::Status Runtime::WhyNotBuilt() const {
  std::vector<std::string> paths;
  switch (build_->reached()) {
    case BuildWatch::Reached::kNothing:
      return absl::FailedPreconditionError(
          "there is no server: its builder's BuildAndStart() was not called");
    case BuildWatch::Reached::kBegun:
      for (const auto& method : methods_) {
        paths.push_back(method->served->method.path);
      }
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
  for (const std::string& address : build_->addresses()) {
    const absl::Status status = WhyNotListening(address);
    if (status.ok()) continue;
    return absl::Status(status.code(), absl::StrCat("gRPC built no server: ",
                                                    status.message()));
  }
  return absl::UnavailableError(absl::StrCat(
      "gRPC built no server, because an address of the builder's cannot be "
      "listened on (its log says why)",
      unknown_methods_.has_value()
          ? ""
          : ", or a method is marked generic and there is no generic service"));
}

void Runtime::AwaitCalls() {
  // The last ones are for sessions alone, if there are such.
  const bool sessions_apart = options_.session_io_threads > 0;
  for (auto& io : io_threads_) {
    const bool only_sessions = io->index() >= options_.io_threads;
    if (session_service_ != nullptr && only_sessions == sessions_apart) {
      session_service_->AwaitSessions(*io);
    }
    if (only_sessions) continue;
    for (const auto& method : methods_) AwaitCallsOf(*method, *io);
    if (unknown_methods_.has_value()) {
      for (int i = 0; i < kAwaitedUnknownCalls; ++i) {
        UnknownMethodCall::Await(*unknown_methods_, *io);
      }
    }
    if (health_service_ != nullptr) health_service_->AwaitCalls(*io);
  }
}

void Runtime::AwaitCallsOf(const GrpcMethod& method, IoThread& io) {
  if (method.served->method.handler.streams) {
    for (int i = 0; i < kAwaitedStreams; ++i) {
      StreamCall::Await(method, stream_limits_, io);
    }
  } else {
    for (int i = 0; i < kAwaitedCalls; ++i) UnaryCall::Await(method, io);
  }
}

void Runtime::TellGrpcsHealth(grpc::Server& server) {
  grpc::HealthCheckServiceInterface* const told =
      server.GetHealthCheckService();
  if (told == nullptr) return;
  // What "" is of the whole server is the user's to say.
  health_->AddObserver([this, told] {
    for (const std::string& name : health_->names()) {
      told->SetServingStatus(name, health_->Of(name) == HealthStatus::kServing);
    }
  });
}

absl::Status Runtime::WatchForStalls() {
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

std::string Runtime::DescribeServices() const {
  std::string text;
  for (const auto& service : services_) {
    std::vector<std::string> methods;
    for (const HostedMethod& method : service->methods()) {
      methods.push_back(DescribeMethod(method));
    }
    absl::StrAppend(&text, "serving ", service->name(), ": ",
                    absl::StrJoin(methods, ", "), "\n");
  }
  return text;
}

ServerSnapshot Runtime::Snapshot() const {
  ServerSnapshot snapshot;
  snapshot.workers = scheduler_->Snapshot();
  snapshot.held_calls = door_->credit().calls();
  snapshot.held_bytes = door_->credit().bytes();
  snapshot.most_calls = door_->credit().most_calls();
  snapshot.most_bytes = door_->credit().most_bytes();
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

Scheduler& Runtime::manual_scheduler() {
  PINION_CHECK(manual_.has_value(), "only a manual hosting is stepped");
  return *scheduler_;
}

Expirer& Runtime::manual_expirer() {
  PINION_CHECK(manual_.has_value(), "only a manual hosting is stepped");
  return *expirer_;
}

void Runtime::LogLine(absl::string_view line) const { Log(options_.log, line); }

bool Runtime::FlushLog(absl::Duration timeout) {
  LogQueue* const queue = options_.log ? log_queue_.get() : &StandardErrorLog();
  return queue == nullptr || queue->Flush(absl::ToChronoNanoseconds(timeout));
}

void Runtime::TurnIo() {
  for (auto& io : io_threads_) io->Post([] {});
}

}  // namespace pinion::internal
