// SPDX-License-Identifier: Apache-2.0
#include "server/server.h"

#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "server/listen_address.h"

namespace pinion {
namespace {

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

void SetLimits(const ServerOptions& options, grpc::ServerBuilder& builder) {
  for (const GrpcLimit& limit : kGrpcLimits) {
    builder.AddChannelArgument(limit.argument, limit.value);
  }
  builder.SetResourceQuota(
      grpc::ResourceQuota("pinion").Resize(options.grpc_memory_bytes));
  builder.SetMaxReceiveMessageSize(static_cast<int>(options.max_message_bytes));
  // gRPC looks at the size of a compressed request only when it has unpacked
  // it, however large it grew.
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
}

}  // namespace

Server::Server(ServerOptions options)
    : options_(std::move(options)), hosting_(WithoutListener(options_)) {}

Server::Server(ServerOptions options, ManualRun manual)
    : options_(std::move(options)),
      hosting_(WithoutListener(options_), std::move(manual)) {}

Server::~Server() { Stop().IgnoreError(); }

absl::Status Server::Start() {
  PINION_CHECK(grpc_server_ == nullptr, "a server starts once");
  absl::Status status = Validate(options_);
  if (!status.ok()) return status;
  grpc::ServerBuilder builder;
  status = hosting_.Attach(builder);
  if (!status.ok()) return status;
  int port = 0;
  builder.AddListeningPort(options_.listen, grpc::InsecureServerCredentials(),
                           &port);
  SetLimits(options_, builder);
  // gRPC would take a Unix socket away from a server that listens on it.
  if (!IsServedUnixSocket(options_.listen)) {
    grpc_server_ = builder.BuildAndStart();
  }
  status = hosting_.Start(grpc_server_);
  if (grpc_server_ == nullptr) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", options_.listen, ": ",
                     WhyNotListening(options_.listen)));
  }
  address_ = WithPort(options_.listen, port);
  return status;
}

std::shared_ptr<grpc::Channel> Server::InProcessChannel() {
  return grpc_server_->InProcessChannel(grpc::ChannelArguments());
}

}  // namespace pinion
