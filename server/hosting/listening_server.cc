// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/hosting/listening_server.h"

#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "pinion/core/base/check.h"
#include "pinion/server/call/metadata_meter.h"
#include "pinion/server/listener/listen_address.h"
#include "pinion/server/listener/listening_sockets.h"
#include "pinion/server/party/party.h"
#include "pinion/server/party/trusted_proxies.h"

namespace pinion::internal {
namespace {

// What gRPC itself may be asked to hold or do by those who connect.
struct GrpcLimit {
  const char* argument;
  int value;
};
constexpr GrpcLimit kGrpcLimits[] = {
    // How many calls one connection may have open. A client of gRPC's waits
    // with more. A client that ignores it is bounded by its Party.
    {GRPC_ARG_MAX_CONCURRENT_STREAMS, Party::kAnnouncedCalls},
    // Bytes of metadata with a call. Pinion's own bound comes before it.
    {GRPC_ARG_MAX_METADATA_SIZE, MetadataMeter::kGrpcMostBytes},
    // From the connection to the end of its handshake: a client on a slow line
    // makes it, and one that says nothing is soon gone.
    {GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10'000},
    // How much of a stream may be on its way, always: what gRPC would find by
    // probing, 64 KiB on a fast network, is one full message of a session,
    // after which its client would wait.
    {GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 1 << 20},
    {GRPC_ARG_HTTP2_BDP_PROBE, 0},
    // A client that is gone is looked for also where nothing is open or sent:
    // gRPC would stop to ask after the second time.
    {GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0},
    // Clients may ask likewise, also while no call is open.
    {GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1},
    // The third ping that comes too early ends its connection.
    {GRPC_ARG_HTTP2_MAX_PING_STRIKES, 2},
};

int Millis(absl::Duration span) {
  return static_cast<int>(absl::ToInt64Milliseconds(span));
}

void SetLimits(const ListenOptions& options, int64_t max_message_bytes,
               grpc::ServerBuilder& builder) {
  for (const GrpcLimit& limit : kGrpcLimits) {
    builder.AddChannelArgument(limit.argument, limit.value);
  }
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS,
                             Millis(options.keepalive_time));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                             Millis(options.keepalive_timeout));
  builder.AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
      Millis(options.min_ping_interval));
  builder.SetResourceQuota(
      grpc::ResourceQuota("pinion").Resize(options.grpc_memory_bytes));
  builder.SetMaxReceiveMessageSize(static_cast<int>(max_message_bytes));
  // gRPC looks at the size of a compressed request only when it has unpacked
  // it, however large it grew.
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
}

using Acceptor = grpc::experimental::ExternalConnectionAcceptor;

AcceptLoop::Take GiveTo(const std::shared_ptr<Acceptor>& acceptor) {
  return [acceptor](int descriptor, int listener) {
    Acceptor::NewConnectionParameters connection;
    connection.fd = descriptor;
    connection.listener_fd = listener;
    acceptor->HandleNewConnection(&connection);
  };
}

ConnectionLimits LimitsOf(const ListenOptions& options) {
  const int64_t half = std::max<int64_t>(options.max_connections / 2, 1);
  return {.in_all = options.max_connections,
          .per_group = options.max_connections_per_address == 0
                           ? half
                           : options.max_connections_per_address};
}

}  // namespace

ListeningServer::ListeningServer(ListenOptions options,
                                 std::unique_ptr<Hosting> hosting)
    : options_(std::move(options)), hosting_(std::move(hosting)) {}

ListeningServer::~ListeningServer() { Stop().IgnoreError(); }

absl::Status ListeningServer::Start() {
  PINION_CHECK(grpc_server_ == nullptr, "a server starts once");
  absl::Status status = Validate(options_);
  if (!status.ok()) return status;
  grpc::ServerBuilder builder;
  status = hosting_->Attach(builder);
  if (!status.ok()) return status;
  SetLimits(options_, hosting_->options().max_message_bytes, builder);
  const std::shared_ptr<Acceptor> acceptor =
      builder.experimental().AddExternalConnectionAcceptor(
          grpc::ServerBuilder::experimental_type::ExternalConnectionType::
              FROM_FD,
          grpc::InsecureServerCredentials());
  auto sockets = ListeningSockets::Open(
      options_.listen,
      {.silence = absl::ToChronoMilliseconds(options_.keepalive_timeout)});
  if (sockets.ok()) grpc_server_ = builder.BuildAndStart();
  status = hosting_->Start(grpc_server_);
  if (!sockets.ok()) return sockets.status();
  if (!status.ok()) return status;
  address_ = WithPort(options_.listen, sockets->port());
  accept_loop_ = std::make_unique<AcceptLoop>(
      *std::move(sockets),
      AcceptOptions{
          .limits = LimitsOf(options_),
          .proxies =
              *TrustedProxies::Parse(hosting_->options().trusted_proxies),
          .log = [this](absl::string_view line) { hosting_->LogLine(line); }},
      GiveTo(acceptor));
  // Release, with the acquire in Snapshot(): it sees the whole loop.
  counted_.store(accept_loop_.get(), std::memory_order_release);
  status = accept_loop_->Start();
  if (!status.ok()) Stop().IgnoreError();
  return status;
}

absl::Status ListeningServer::Stop() {
  hosting_->Drain();
  // gRPC leaks a connection that it is given once it is shut down.
  if (accept_loop_ != nullptr) accept_loop_->Stop();
  return hosting_->Stop();
}

ServerSnapshot ListeningServer::Snapshot() const {
  ServerSnapshot snapshot = hosting_->Snapshot();
  if (auto* const loop = counted_.load(std::memory_order_acquire)) {
    snapshot.connections = loop->Counts();
  }
  return snapshot;
}

std::shared_ptr<grpc::Channel> ListeningServer::InProcessChannel() {
  return grpc_server_->InProcessChannel(grpc::ChannelArguments());
}

}  // namespace pinion::internal
