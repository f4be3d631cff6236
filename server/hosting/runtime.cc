// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/hosting/runtime.h"

#include <errno.h>
#include <grpcpp/health_check_service_interface.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "pinion/core/base/check.h"
#include "pinion/core/stacks/thread_stacks.h"
#include "pinion/core/watch_stalls.h"
#include "pinion/server/door/plain_caller.h"
#include "pinion/server/hosting/needs_restart.h"
#include "pinion/server/internal/live_span.h"
#include "pinion/server/listener/listen_address.h"
#include "pinion/server/listener/why_not_listening.h"
#include "pinion/server/rpc/unary_call.h"
#include "pinion/server/rpc/unknown_method_call.h"
#include "pinion/server/security/identity/list_of.h"
#include "pinion/server/security/policy/read_policy.h"
#include "pinion/server/security/policy/unknown_paths.h"

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

// How long a stop waits for the collector of spans, after all else: as much of
// the grace period as is left, but not for long, and at least for one answer of
// a collector that is near. So long also once it is hurried.
constexpr std::chrono::milliseconds kSpansLeave(50);
constexpr std::chrono::seconds kSpansLeaveAtMost(5);

constexpr absl::Duration kAsGoodAsNever = absl::Hours(24 * 36500);

// None for what is as good as never.
std::optional<std::chrono::nanoseconds> ToNanos(absl::Duration span) {
  if (span >= kAsGoodAsNever) return std::nullopt;
  return absl::ToChronoNanoseconds(span);
}

FrontDoorOptions DoorOptions(const HostingOptions& options, size_t lanes,
                             size_t methods, Callers* callers, Tracer* tracer,
                             ServerLog& log) {
  // They were validated.
  return {.max_calls = options.server_calls,
          .max_bytes = options.server_bytes,
          .default_timeout = ToNanos(options.default_timeout),
          .lanes = lanes,
          .trusted_proxies = *TrustedProxies::Parse(options.trusted_proxies),
          .callers = callers,
          .tracer = tracer,
          .methods = methods,
          .log = log.sink()};
}

SessionLimits SessionLimitsOf(const HostingOptions& options) {
  return {.max_calls = options.session_calls,
          .max_bytes = options.session_bytes,
          .max_message_bytes = options.max_message_bytes,
          .write_timeout = absl::ToChronoNanoseconds(options.write_timeout)};
}

StreamLimits StreamLimitsOf(const HostingOptions& options) {
  return {.max_bytes = options.stream_bytes,
          .max_message_bytes = options.max_message_bytes,
          .write_timeout = absl::ToChronoNanoseconds(options.write_timeout)};
}

LaneOptions LaneOptionsOf(const HostingOptions& options, size_t first_lane,
                          size_t first_method, ServerLog& log,
                          Observation& observation) {
  return {.max_calls = options.lane_calls,
          .max_bytes = options.lane_bytes,
          .max_streams = options.lane_streams,
          .max_response_bytes = options.max_message_bytes,
          .first_lane = first_lane,
          .first_method = first_method,
          .stall_after = absl::ToChronoNanoseconds(options.stall_after),
          .log = log.sink(),
          .observation = &observation};
}

TokenJudgeOptions JudgeOptions(const HostingOptions& options, ServerLog& log,
                               std::function<void()> on_voided) {
  return {.rules = {.issuer = options.token_issuer,
                    .audience = options.token_audience,
                    .algorithms = ListOf(options.token_algorithms),
                    .leeway = options.token_leeway},
          .keys_path = options.token_keys,
          .cache_entries = static_cast<size_t>(options.token_cache_entries),
          .rates = {.all = options.token_checks_per_second,
                    .per_address = options.token_checks_per_address},
          .log = log.sink(),
          .on_voided = std::move(on_voided)};
}

LogSettings LogSettingsOf(const HostingOptions& options) {
  return {.format = options.log_format,
          .level = options.log_level,
          .keys = options.log_keys};
}

size_t CountMethods(
    const std::vector<std::unique_ptr<HostedService>>& services) {
  size_t methods = 0;
  for (const auto& service : services) methods += service->methods().size();
  return methods;
}

// None: there is no policy.
absl::StatusOr<std::optional<PolicyRules>> PolicyOf(
    const PolicyOptions& options) {
  if (options.policy_file.empty()) return std::nullopt;
  PolicyReading reading = ReadPolicyFile(options.policy_file);
  absl::Status status = reading.status();
  if (!status.ok()) {
    return absl::Status(status.code(),
                        absl::StrCat("policy_file: ", status.message()));
  }
  return std::move(reading.rules);
}

// How the services of the server's own ask who may call them.
CallGuard GuardOf(FrontDoor& door) {
  return [&door](const grpc::ServerContext& context, IoThread& io) {
    return std::make_unique<PlainCaller>(door, context, io);
  };
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

Runtime::Runtime(HostingOptions options, std::optional<ManualRun> manual)
    : options_(std::move(options)),
      asked_io_threads_(options_.io_threads),
      manual_(std::move(manual)),
      wall_clock_(manual_.has_value() ? WallClock(manual_->clock)
                                      : WallClock()),
      log_({.function = options_.log,
            .settings = LogSettingsOf(options_),
            .key_seed = options_.key_seed,
            .clock = manual_.has_value() ? manual_->clock : Clock()}) {}

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
  if (status.ok()) status = MakeTracer();
  if (status.ok()) status = MakeCallers();
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
        log_.Write({.level = LogLevel::kWarning,
                    .area = LogArea::kHosting,
                    .event = "start_forgotten",
                    .message = absl::StrCat(
                        "Hosting::Start() was not called within ",
                        absl::FormatDuration(absl::FromChrono(kStartsWithin)),
                        " of Attach(): until it is, nobody answers the hosted "
                        "methods; give it what BuildAndStart() has returned")});
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
  SetLog(log_.settings());
  if (manual_.has_value()) return;  // Who steps it has each line at once.
  log_.Start();
}

void Runtime::SetLog(const LogSettings& settings) {
  log_.Set(settings);
  // The lines of one output are in one form.
  if (!options_.log) ProcessLog().Set(settings);
}

absl::Status Runtime::CheckServices() const {
  if (services_.empty()) {
    return absl::InvalidArgumentError("the server hosts no service");
  }
  for (const auto& service : services_) {
    if (service->name() == HealthService::kName ||
        service->name() == SessionService::kName ||
        service->name() == ReflectionService::kName) {
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

absl::Status Runtime::MakeTracer() {
  const TracingOptions& tracing = options_.tracing;
  if (!tracing.on()) return absl::OkStatus();
  absl::StatusOr<std::string> ca = std::string();
  if (!tracing.collector_ca.empty()) {
    ca = ReadCollectorCa(tracing.collector_ca);
  }
  if (!ca.ok()) return ca.status();
  const Clock clock = manual_.has_value() ? manual_->clock : Clock();
  span_queue_.emplace();
  tracer_ = std::make_unique<Tracer>(clock, tracing.sample, *span_queue_);
  trace_exporter_ = std::make_unique<TraceExporter>(
      TraceExporterOptions{
          .collector = tracing.collector,
          .ca = *std::move(ca),
          // It was validated.
          .by_proxy = !tracing.collector_ca.empty() &&
                      !*IsLocalAddress(tracing.collector),
          .service_name = tracing.service_name.empty()
                              ? program_invocation_short_name
                              : tracing.service_name,
          .clock = clock,
          .wall_clock = manual_.has_value() ? WallClock(clock) : WallClock(),
          .log = log_.sink()},
      *span_queue_);
  // Release, with the acquire in HurryStop().
  exporter_to_hurry_.store(trace_exporter_.get(), std::memory_order_release);
  return absl::OkStatus();
}

absl::Status Runtime::MakeCallers() {
  const Clock clock = manual_.has_value() ? manual_->clock : Clock();
  if (!options_.token_keys.empty()) {
    token_judge_ =
        std::make_unique<TokenJudge>(JudgeOptions(options_, log_,
                                                  [this] {
                                                    // Streams of callers whose
                                                    // key is gone end.
                                                    for (auto& io : io_threads_)
                                                      io->TellTimesChanged();
                                                  }),
                                     clock, wall_clock_);
    absl::Status status = token_judge_->LoadKeys();
    if (!status.ok()) {
      return absl::Status(status.code(),
                          absl::StrCat("token_keys: ", status.message()));
    }
  }
  callers_ = std::make_unique<Callers>(
      CallersOptions{
          .forwarded_identity_from = ListOf(options_.forwarded_identity_from),
          .trusted_proxies = *TrustedProxies::Parse(options_.trusted_proxies),
          .wall_clock = wall_clock_,
          .log = log_.sink()},
      token_judge_.get());
  return absl::OkStatus();
}

absl::Status Runtime::MakeLanes() {
  absl::StatusOr<std::optional<PolicyRules>> policy = PolicyOf(options_.policy);
  if (!policy.ok()) return policy.status();
  const int workers = scheduler_->worker_count();
  beat_ = std::make_unique<WorkerBeat>(*scheduler_);
  running_calls_ = std::make_unique<RunningCalls>(workers);
  observation_ = std::make_unique<Observation>(
      ObservationOptions{.workers = workers,
                         .clock = scheduler_->clock(),
                         .wall_clock = wall_clock_,
                         .key_seed = options_.key_seed,
                         .sample_calls = options_.sample_calls,
                         .show_keys = options_.show_keys});
  stalls_ = std::make_unique<Stalls>(options_.key_seed);
  stall_reports_ = std::make_unique<StallReports>(
      StallReports::Parts{
          .log = log_.sink(),
          .running = *running_calls_,
          .stalls = *stalls_,
          .clock = scheduler_->clock(),
          .waiting = [this](int worker) { return WaitingFor(worker); }},
      options_.stall_stacks);
  router_ = std::make_unique<Router>(workers, options_.key_seed);
  door_ = std::make_unique<FrontDoor>(
      *router_, scheduler_->clock(),
      DoorOptions(options_, services_.size() * workers, CountMethods(services_),
                  callers_.get(), tracer_.get(), log_));
  SetRules(*std::move(policy), options_);
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
    auto lanes =
        Lanes::Create(*scheduler_, *service,
                      LaneOptionsOf(options_, first_lane, methods_.size(), log_,
                                    *observation_),
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
    health_service_ = std::make_unique<HealthService>(*health_, AddRawService(),
                                                      GuardOf(*door_));
  }
  SetSessionTimes(options_);
  if (what.sessions) {
    session_service_ = std::make_unique<SessionService>(
        AddRawService(), *door_, *expirer_, SessionLimitsOf(options_),
        session_times_);
    for (const auto& method : methods_) {
      session_service_->Serve(*method->served);
    }
  }
  if (options_.reflection) {
    reflection_service_ = std::make_unique<ReflectionService>(
        *door_, absl::ToChronoNanoseconds(options_.write_timeout));
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
  if (reflection_service_ != nullptr) {
    reflection_offer_.emplace(builder, reflection_service_->raw_service());
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
  DescribeToClients();
  AwaitCalls();
  // Before the I/O threads, which tell of the end of a server that is shut
  // down.
  if (health_service_ == nullptr) TellGrpcsHealth(*server);
  stop_.ServingStarts({.health = *health_,
                       .inside = door_->inside(),
                       .io_threads = io_threads_,
                       .expirer = *expirer_,
                       .token_judge = token_judge_.get(),
                       .stall_watch = stall_watch_,
                       .snapshot = [this] { return Snapshot(); },
                       .server = std::move(server)});
  if (token_judge_ != nullptr && !manual_.has_value()) token_judge_->Start();
  if (trace_exporter_ != nullptr) trace_exporter_->Start();
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

absl::Status Runtime::Stop() {
  absl::Status status = stop_.Stop();
  // Last: until now calls end. A test that steps the workers hurries each stop,
  // and still wants its spans.
  if (trace_exporter_ != nullptr) {
    const std::chrono::nanoseconds least =
        manual_.has_value() ? std::chrono::nanoseconds(kSpansLeaveAtMost)
                            : std::chrono::nanoseconds(kSpansLeave);
    trace_exporter_->Stop(std::clamp<std::chrono::nanoseconds>(
                              stop_.grace_left(), least, kSpansLeaveAtMost),
                          /*hurried=*/least);
  }
  return status;
}

void Runtime::HurryStop() {
  stop_.Hurry();
  // Acquire, with the release in MakeTracer().
  TraceExporter* const exporter =
      exporter_to_hurry_.load(std::memory_order_acquire);
  if (exporter != nullptr) exporter->Hurry();
}

absl::Status Runtime::Reload(const HostingOptions& options) {
  absl::Status status = Validate(options);
  if (status.ok()) status = RestartError(NeedsRestart(options));
  if (status.ok() && !stop_.serving()) {
    status = absl::FailedPreconditionError(
        "the server does not serve: it was not started, or has stopped");
  }
  // Also if its name is the same: the file may have changed.
  absl::StatusOr<std::optional<PolicyRules>> policy =
      std::optional<PolicyRules>();
  if (status.ok()) policy = PolicyOf(options.policy);
  if (status.ok()) status = policy.status();
  if (status.ok() && token_judge_ != nullptr) {
    status = token_judge_->Look(/*always=*/true);
  }
  if (!status.ok()) return status;
  SetRules(*std::move(policy), options);
  TakeOver(options);
  return absl::OkStatus();
}

void Runtime::Change(const HostingOptions& options) {
  // The limits first, as in SetRules().
  door_->limits().Set(options.limits);
  door_->policy().SetDryRun(options.policy.policy_dry_run);
  TakeOver(options);
}

void Runtime::TakeOver(const HostingOptions& options) {
  const auto nanos = absl::ToChronoNanoseconds;
  door_->SetDefaultTimeout(ToNanos(options.default_timeout));
  for (auto& lanes : lanes_) {
    lanes->SetStallAfter(nanos(options.stall_after));
    lanes->SetMax(options.lane_calls, options.lane_bytes);
  }
  if (stall_watch_ != nullptr) {
    stall_watch_->SetThreshold(nanos(options.stall_after));
  }
  stall_reports_->SetStacks(options.stall_stacks);
  health_->SetHealthyShare(options.healthy_share);
  if (tracer_ != nullptr) tracer_->SetSample(options.tracing.sample);
  stop_.SetTimes(nanos(options.lame_duck), nanos(options.grace));
  SetSessionTimes(options);
  for (auto& io : io_threads_) {
    io->TellTimesChanged();
    io->TellPolicyChanged();
  }
  observation_->SetSampleCalls(options.sample_calls);
  observation_->SetShowKeys(options.show_keys);
  SetLog(LogSettingsOf(options));
}

void Runtime::SetRules(std::optional<PolicyRules> policy,
                       const HostingOptions& options) {
  if (policy.has_value()) {
    TellUnknownPaths(options.policy.policy_file, *policy);
  }
  // The limits first: who sees the policy's number change sees them.
  door_->limits().Set(options.limits);
  door_->policy().Set(std::move(policy), options.policy.policy_dry_run);
}

void Runtime::TellUnknownPaths(const std::string& file,
                               const PolicyRules& policy) {
  for (const ConfigMistake& path : UnknownPaths(file, policy, MethodPaths())) {
    log_.Write({.level = LogLevel::kWarning,
                .area = LogArea::kSecurity,
                .event = "policy_path_unknown",
                .message = path.ToString()});
  }
}

std::vector<std::string> Runtime::NeedsRestart(
    const HostingOptions& options) const {
  HostingOptions made_with = options_;
  made_with.io_threads = asked_io_threads_;
  return pinion::NeedsRestart(made_with, options);
}

void Runtime::SetSessionTimes(const HostingOptions& options) {
  session_times_.max_age.Set(
      ToNanos(options.max_session_age).value_or(LiveSpan::kForever));
  session_times_.age_grace.Set(absl::ToChronoNanoseconds(options.grace));
  session_times_.stop_grace.Set(
      absl::ToChronoNanoseconds(options.lame_duck + options.grace));
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
          "WithGenericMethod_M<...>; health, sessions and reflection, if you "
          "have your own, are left out by AttachOptions and "
          "HostingOptions::reflection"));
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

void Runtime::DescribeToClients() {
  if (reflection_service_ == nullptr) return;
  if (reflection_offer_->taken()) {
    reflection_service_->Describe(reflection_offer_->services());
  } else {
    reflection_service_ = nullptr;  // gRPC's own answers.
  }
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
        UnknownMethodCall::Await(*unknown_methods_, *door_, *io);
      }
    }
    if (health_service_ != nullptr) health_service_->AwaitCalls(*io);
    if (reflection_service_ != nullptr) reflection_service_->AwaitCalls(*io);
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
  // So that no stall waits for what the first stack needs. If it fails, each
  // stall says why it has no stack.
  if (options_.stall_stacks) ThreadStacks::Prepare().IgnoreError();
  const auto report = [this](const StallReport& stall) {
    stall_reports_->Report(stall);
  };
  const auto state = [this](int worker, bool stalled) {
    health_->SetStalled(worker, stalled);
    stall_reports_->SetState(worker, stalled);
  };
  auto watch = WatchStalls(
      *scheduler_,
      {.threshold = absl::ToChronoNanoseconds(options_.stall_after)}, report,
      state);
  if (!watch.ok()) return watch.status();
  stall_watch_ = *std::move(watch);
  return absl::OkStatus();
}

int64_t Runtime::WaitingFor(int worker) const {
  int64_t waiting = 0;
  for (const auto& lanes : lanes_) {
    waiting += static_cast<int64_t>(lanes->Snapshot(worker).counts.waiting);
  }
  return waiting;
}

std::vector<std::string> Runtime::MethodPaths() const {
  std::vector<std::string> paths;
  for (const auto& service : services_) {
    for (const HostedMethod& method : service->methods()) {
      paths.push_back(method.path);
    }
  }
  return paths;
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

void Runtime::ReadHealth(ServerSnapshot& snapshot) const {
  snapshot.serving = health_->Of("") == HealthStatus::kServing;
  snapshot.stopping = health_->stopping();
  for (int i = 0; i < scheduler_->worker_count(); ++i) {
    snapshot.stalls.push_back(
        {.stalled = health_->IsStalled(i), .times = health_->TimesStalled(i)});
  }
}

std::vector<ThreadTimes> Runtime::WorkerTimes() const {
  std::vector<ThreadTimes> all;
  if (scheduler_->manual()) return all;
  for (int i = 0; i < scheduler_->worker_count(); ++i) {
    const auto times = ReadThreadTimes(scheduler_->thread_id(i));
    if (!times.ok()) return {};
    all.push_back(*times);
  }
  return all;
}

ServerSnapshot Runtime::Snapshot() const {
  ServerSnapshot snapshot;
  snapshot.workers = scheduler_->Snapshot();
  snapshot.held_calls = door_->credit().calls();
  snapshot.held_bytes = door_->credit().bytes();
  snapshot.most_calls = door_->credit().most_calls();
  snapshot.most_bytes = door_->credit().most_bytes();
  snapshot.max_calls = door_->credit().max_calls();
  snapshot.max_bytes = door_->credit().max_bytes();
  if (health_ != nullptr) ReadHealth(snapshot);
  if (session_service_ != nullptr) {
    snapshot.sessions = session_service_->counts();
  }
  if (token_judge_ != nullptr) snapshot.tokens = token_judge_->counts();
  snapshot.log = {.left_out = log_.left_out(), .dropped = log_.dropped()};
  snapshot.policy = door_->policy().Snapshot();
  snapshot.limits = door_->limits().Snapshot();
  if (trace_exporter_ != nullptr) {
    snapshot.tracing = trace_exporter_->Snapshot();
  }
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

void Runtime::TurnIo() {
  for (auto& io : io_threads_) io->Post([] {});
}

}  // namespace pinion::internal
