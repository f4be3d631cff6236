// SPDX-License-Identifier: Apache-2.0
#include "server/server.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/check.h"
#include "server/listen_address.h"
#include "server/unknown_call.h"

namespace pinion {
namespace {

// How many calls each I/O thread awaits for each method. One that arrives when
// all are taken waits within gRPC for the next to be awaited, which happens as
// soon as an I/O thread looks; so this is the burst that passes without a wait.
constexpr int kAwaitedCalls = 64;
constexpr int kAwaitedUnknownCalls = 4;

// How many calls one connection may have open. A client of gRPC's waits with
// more; without a bound one connection could fill the memory.
constexpr int kMostStreams = 16384;

// How long a stop waits for the last answers to leave; they need no worker.
constexpr absl::Duration kFarewell = absl::Milliseconds(500);

}  // namespace

Server::~Server() { Stop(); }

absl::Status Server::Start() {
  PINION_CHECK(scheduler_ == nullptr, "a server starts once");
  absl::Status status = Validate(options_);
  if (status.ok()) status = CheckServices();
  if (status.ok()) status = StartWorkers();
  if (status.ok()) status = MakeLanes();
  if (status.ok()) status = StartGrpc();
  if (!status.ok()) {
    for (auto& lanes : lanes_) lanes->DestroyShards();
    return status;
  }
  for (auto& io : io_threads_) io->Start();
  running_ = true;
  return absl::OkStatus();
}

void Server::Drain() {
  if (!running_) return;
  door_->Close();
  door_->AwaitEmpty(options_.grace);
  for (auto& lanes : lanes_) lanes->Close();  // What waits has used its grace.
}

void Server::Stop() {
  if (!running_) return;
  Drain();
  running_ = false;
  // Only now, because it cuts off at once what is open in-process.
  grpc_server_->Shutdown(absl::ToChronoTime(absl::Now() + kFarewell));
  // The last answers to what batches had left, before the shards go.
  absl::Status status = scheduler_->Drain(Scheduler::kForever);
  PINION_CHECK(status.ok(), status.message());
  for (auto& lanes : lanes_) lanes->DestroyShards();
  status = scheduler_->Stop();
  PINION_CHECK(status.ok(), status.message());
  for (auto& io : io_threads_) io->Stop();
}

int Server::Run(std::function<void(const Server&)> started) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const absl::Status status = Start();
  if (!status.ok()) {
    std::fprintf(stderr, "cannot start: %s\n",
                 std::string(status.message()).c_str());
    return 2;
  }
  if (started) started(*this);
  int signal = 0;
  sigwait(&signals, &signal);
  Stop();
  return 0;
}

std::shared_ptr<grpc::Channel> Server::InProcessChannel() {
  return grpc_server_->InProcessChannel(grpc::ChannelArguments());
}

absl::Status Server::CheckServices() const {
  if (services_.empty()) {
    return absl::InvalidArgumentError("the server hosts no service");
  }
  for (const auto& service : services_) {
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
  router_ =
      std::make_unique<Router>(scheduler_->worker_count(), options_.key_seed);
  door_ = std::make_unique<FrontDoor>(*router_);
  for (const auto& service : services_) {
    auto lanes = Lanes::Create(*scheduler_, *service, options_.lane_capacity,
                               options_.max_message_bytes);
    if (!lanes.ok()) return lanes.status();
    lanes_.push_back(*std::move(lanes));
    for (const Method& method : service->methods()) {
      methods_.push_back(std::make_unique<UnaryMethod>(
          UnaryMethod{.method = &method,
                      .lanes = lanes_.back().get(),
                      .service = &raw_service_,
                      .index = raw_service_.AddMethod(method.path),
                      .door = door_.get()}));
    }
  }
  return absl::OkStatus();
}

absl::Status Server::StartGrpc() {
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(options_.listen, grpc::InsecureServerCredentials(),
                           &port);
  // A second server on the same port is a mistake to be told, not to be shared.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetMaxReceiveMessageSize(
      static_cast<int>(options_.max_message_bytes));
  // gRPC looks at the size of a compressed request only when it has unpacked
  // it, however large it grew.
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMostStreams);
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
  }
}

}  // namespace pinion
