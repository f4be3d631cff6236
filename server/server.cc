// SPDX-License-Identifier: Apache-2.0
#include "server/server.h"

#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "core/check.h"
#include "core/watch_stalls.h"
#include "server/listen_address.h"
#include "server/unknown_call.h"

namespace pinion {
namespace {

// How many calls each I/O thread awaits for each method. One that arrives when
// all are taken waits within gRPC for the next to be awaited, which happens as
// soon as an I/O thread looks; so this is the burst that passes without a wait.
constexpr int kAwaitedCalls = 64;
constexpr int kAwaitedUnknownCalls = 4;

// A stop's last second, in which nothing waits for a handler any more: for the
// answers to leave, for the connections to end, for the workers to let go of
// calls that were answered without them. What is left is for the rest.
constexpr std::chrono::milliseconds kAnswersLeave(600);
constexpr absl::Duration kConnectionsEnd = absl::Milliseconds(150);
constexpr std::chrono::milliseconds kWorkersEnd(100);

// What gRPC itself may be asked to hold or do by those who connect.
struct GrpcLimit {
  const char* argument;
  int value;
};
constexpr GrpcLimit kGrpcLimits[] = {
    // A second server on the same port is a mistake to be told, not to be
    // shared.
    {GRPC_ARG_ALLOW_REUSEPORT, 0},
    // How many calls one connection may have open. A client of gRPC's waits
    // with more; without a bound one connection could fill the memory.
    {GRPC_ARG_MAX_CONCURRENT_STREAMS, 16384},
    // Bytes of metadata with a call: twice gRPC's default, for tokens.
    {GRPC_ARG_MAX_METADATA_SIZE, 16 << 10},
    // From the connection to the end of its handshake: a client on a slow line
    // makes it, and one that says nothing is soon gone.
    {GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10'000},
    // How much of a stream may be on its way, always: what gRPC would find by
    // probing, 64 KiB on a fast network, is one full message of a session,
    // after which its client would wait.
    {GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 1 << 20},
    {GRPC_ARG_HTTP2_BDP_PROBE, 0},
    // A client that is gone without a word is found out within some 80 s.
    {GRPC_ARG_KEEPALIVE_TIME_MS, 60'000},
    {GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000},
    // Clients may ask likewise, also while no call is open, but not so often
    // that it is a load.
    {GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1},
    {GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000},
};

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
  return {
      .most_calls = options.session_calls,
      .most_bytes = options.session_bytes,
      .most_message_bytes = options.max_message_bytes,
      .write_timeout = absl::ToChronoNanoseconds(options.session_write_timeout),
      .max_age = ToNanos(options.max_session_age),
      .age_grace = absl::ToChronoNanoseconds(options.grace)};
}

LaneOptions LaneOptionsOf(const ServerOptions& options) {
  return {.most_calls = options.lane_capacity,
          .most_bytes = options.lane_bytes,
          .max_response_bytes = options.max_message_bytes,
          .stall_after = absl::ToChronoNanoseconds(options.stall_after),
          .log = options.log};
}

}  // namespace

Server::~Server() {
  Stop().IgnoreError();
  const absl::Status ended = EndWorkers(Scheduler::kForever);
  PINION_CHECK(ended.ok(), ended.message());
}

absl::Status Server::Start() {
  PINION_CHECK(scheduler_ == nullptr, "a server starts once");
  const absl::Status status = TryStart();
  if (!status.ok() && !serving_) {
    const absl::Status ended = EndWorkers(Scheduler::kForever);
    PINION_CHECK(ended.ok(), ended.message());
  }
  return status;
}

absl::Status Server::TryStart() {
  absl::Status status = Validate(options_);
  if (status.ok()) status = CheckServices();
  if (status.ok()) status = StartWorkers();
  if (status.ok()) status = MakeLanes();
  if (status.ok()) MakeHealth();
  if (status.ok()) status = StartGrpc();
  if (!status.ok()) return status;
  for (auto& io : io_threads_) io->Start();
  expirer_->Start();
  serving_ = true;
  status = WatchForStalls();
  if (!status.ok()) {
    Stop().IgnoreError();
    return status;
  }
  health_->SetStarted();
  return absl::OkStatus();
}

void Server::Drain() {
  if (!serving_ || drained_) return;
  drained_ = true;
  health_->SetStopping();
  for (auto& io : io_threads_) io->BeginStop();
  hurry_.WaitForNotificationWithTimeout(options_.lame_duck);
  door_->Close();
  // It may have been hurried when it had no door yet.
  if (hurry_.HasBeenNotified()) door_->GiveUpWaiting();
  door_->AwaitEmpty(options_.grace);
  // What is open has used its grace; each I/O thread answers its own.
  for (auto& io : io_threads_) io->StopOpenCalls();
  const auto deadline = std::chrono::steady_clock::now() + kAnswersLeave;
  for (auto& io : io_threads_) io->AwaitOpenCalls(deadline);
}

absl::Status Server::Stop() {
  if (serving_) {
    Drain();
    EndIo();
    serving_ = false;
  }
  return EndWorkers(kWorkersEnd);
}

void Server::HurryStop() {
  // A notification may be notified once only.
  if (!hurried_.exchange(true)) hurry_.Notify();
  if (door_ != nullptr) door_->GiveUpWaiting();
}

void Server::EndIo() {
  if (stall_watch_ != nullptr) stall_watch_->Stop();  // It tells the I/O.
  // It cuts off at once what is open in-process, so nothing is by now.
  grpc_server_->Shutdown(absl::ToChronoTime(absl::Now() + kConnectionsEnd));
  for (auto& io : io_threads_) io->Stop();
  expirer_->Stop();
}

absl::Status Server::EndWorkers(std::chrono::nanoseconds timeout) {
  if (workers_ended_) return absl::OkStatus();
  for (auto& lanes : lanes_) lanes->EndOwnWork();
  // They let go of the calls that others have answered, and run the hops.
  const auto begun = std::chrono::steady_clock::now();
  const auto drain = [&] {
    const auto used = std::chrono::steady_clock::now() - begun;
    return scheduler_->Drain(timeout - used).ok();
  };
  bool drained = drain();
  const auto hops_are_under_way = [](const auto& lanes) {
    return lanes->HopsAreUnderWay();
  };
  while (drained &&
         std::any_of(lanes_.begin(), lanes_.end(), hops_are_under_way)) {
    drained = drain();
  }
  if (!drained) {
    std::vector<std::string> stuck;
    for (const auto& lanes : lanes_) {
      if (!lanes->HopsAreUnderWay()) continue;
      stuck.push_back(
          absl::StrCat("hops of ", lanes->service().name(), " have not ended"));
    }
    for (int i = 0; i < scheduler_->worker_count(); ++i) {
      const std::string call = running_calls_->Describe(i, scheduler_->clock());
      if (!call.empty()) {
        stuck.push_back(absl::StrCat("worker ", i, " runs ", call));
      }
    }
    return absl::DeadlineExceededError(
        absl::StrCat("the stop did not wait for handlers that do not return: ",
                     absl::StrJoin(stuck, "; ")));
  }
  for (auto& lanes : lanes_) lanes->DestroyShards();
  const absl::Status ended = scheduler_->Stop();
  PINION_CHECK(ended.ok(), ended.message());
  workers_ended_ = true;
  const absl::Status at_rest = CheckAtRest(Snapshot());
  PINION_CHECK(at_rest.ok(), at_rest.message());
  return absl::OkStatus();
}

ServerSnapshot Server::Snapshot() const {
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

std::shared_ptr<grpc::Channel> Server::InProcessChannel() {
  return grpc_server_->InProcessChannel(grpc::ChannelArguments());
}

absl::Status Server::CheckServices() const {
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

absl::Status Server::StartWorkers() {
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

absl::Status Server::MakeLanes() {
  const int workers = scheduler_->worker_count();
  running_calls_ = std::make_unique<RunningCalls>(workers);
  router_ = std::make_unique<Router>(workers, options_.key_seed);
  door_ = std::make_unique<FrontDoor>(*router_, scheduler_->clock(),
                                      DoorOptions(options_));
  expirer_ =
      std::make_unique<Expirer>(scheduler_->clock(), options_.io_threads);
  session_service_ = std::make_unique<SessionService>(
      raw_service_, *door_, *expirer_, SessionLimitsOf(options_),
      absl::ToChronoNanoseconds(options_.lame_duck + options_.grace));
  for (const auto& service : services_) {
    auto lanes = Lanes::Create(*scheduler_, *service, LaneOptionsOf(options_),
                               *running_calls_, router_->owners());
    if (!lanes.ok()) return lanes.status();
    lanes_.push_back(*std::move(lanes));
    for (const HostedMethod& method : service->methods()) {
      session_service_->Serve(method, *lanes_.back());
      methods_.push_back(std::make_unique<UnaryMethod>(
          UnaryMethod{.method = &method,
                      .lanes = lanes_.back().get(),
                      .service = &raw_service_,
                      .index = raw_service_.AddMethod(method.path),
                      .door = door_.get(),
                      .expirer = expirer_.get()}));
    }
  }
  return absl::OkStatus();
}

absl::Status Server::WatchForStalls() {
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

void Server::MakeHealth() {
  std::vector<std::string> names;
  for (const auto& service : services_) names.push_back(service->name());
  health_ = std::make_unique<Health>(names, scheduler_->worker_count());
  health_service_ = std::make_unique<HealthService>(*health_, raw_service_);
}

absl::Status Server::StartGrpc() {
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(options_.listen, grpc::InsecureServerCredentials(),
                           &port);
  for (const GrpcLimit& limit : kGrpcLimits) {
    builder.AddChannelArgument(limit.argument, limit.value);
  }
  builder.SetResourceQuota(
      grpc::ResourceQuota("pinion").Resize(options_.grpc_memory_bytes));
  builder.SetMaxReceiveMessageSize(
      static_cast<int>(options_.max_message_bytes));
  // gRPC looks at the size of a compressed request only when it has unpacked
  // it, however large it grew.
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder.RegisterService(&raw_service_);
  builder.RegisterAsyncGenericService(&unknown_methods_);
  for (int i = 0; i < options_.io_threads; ++i) {
    io_threads_.push_back(
        std::make_unique<IoThread>(i, builder.AddCompletionQueue()));
  }
  // gRPC would take a Unix socket away from a server that listens on it.
  if (!IsServedUnixSocket(options_.listen)) {
    grpc_server_ = builder.BuildAndStart();
  }
  if (grpc_server_ == nullptr) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", options_.listen, ": ",
                     WhyNotListening(options_.listen)));
  }
  address_ = WithPort(options_.listen, port);
  AwaitCalls();
  return absl::OkStatus();
}

void Server::AwaitCalls() {
  for (auto& io : io_threads_) {
    for (const auto& method : methods_) {
      for (int i = 0; i < kAwaitedCalls; ++i) UnaryCall::Await(*method, *io);
    }
    for (int i = 0; i < kAwaitedUnknownCalls; ++i) {
      UnknownCall::Await(unknown_methods_, *io);
    }
    health_service_->AwaitCalls(*io);
    session_service_->AwaitSessions(*io);
  }
}

}  // namespace pinion
