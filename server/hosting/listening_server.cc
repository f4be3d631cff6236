// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/hosting/listening_server.h"

#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "pinion/core/base/check.h"
#include "pinion/server/call/metadata_meter.h"
#include "pinion/server/hosting/admin_view.h"
#include "pinion/server/hosting/live_settings.h"
#include "pinion/server/hosting/needs_restart.h"
#include "pinion/server/hosting/runtime.h"
#include "pinion/server/listener/listen_address.h"
#include "pinion/server/listener/listening_sockets.h"
#include "pinion/server/listener/socket_address.h"
#include "pinion/server/log.h"
#include "pinion/server/party/party.h"
#include "pinion/server/party/trusted_proxies.h"
#include "pinion/server/reflection/reflection_offer.h"
#include "pinion/server/security/tls/tls_files.h"
#include "pinion/server/systemd/inherited_sockets.h"

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
    // What gRPC would do for each call in vain. Calls have Pinion's deadlines,
    // which are told apart from a client that has gone; half a request that
    // is never completed ends with its client, or its connection. Compressed
    // messages are refused below, before they would be unpacked; answers are
    // not compressed. And nobody asks for channelz.
    {GRPC_ARG_ENABLE_DEADLINE_CHECKS, 0},
    {GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0},
    {GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0},
    {GRPC_ARG_ENABLE_CHANNELZ, 0},
    // A client that is gone is looked for also where nothing is open or sent:
    // gRPC would stop to ask after the second time.
    {GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0},
    // Clients may ask likewise, also while no call is open.
    {GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1},
    // The third ping that comes too early ends its connection.
    {GRPC_ARG_HTTP2_MAX_PING_STRIKES, 2},
};

// As gRPC takes it: INT_MAX is never.
int Millis(absl::Duration span) {
  return static_cast<int>(std::min<int64_t>(absl::ToInt64Milliseconds(span),
                                            std::numeric_limits<int>::max()));
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
  // Without a grace, the calls and sessions that are open end in their time.
  if (options.max_connection_age < absl::InfiniteDuration()) {
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS,
                               Millis(options.max_connection_age));
  }
  builder.SetResourceQuota(
      grpc::ResourceQuota("pinion").Resize(options.grpc_memory_bytes));
  builder.SetMaxReceiveMessageSize(static_cast<int>(max_message_bytes));
  // gRPC looks at the size of a compressed request only when it has unpacked
  // it, however large it grew.
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
}

using Acceptor = grpc::experimental::ExternalConnectionAcceptor;

// `tls` is null if the listener does not encrypt.
AcceptLoop::Take GiveTo(const std::shared_ptr<Acceptor>& acceptor,
                        ListenerTls* tls) {
  return [acceptor, tls](int descriptor, int listener) {
    Acceptor::NewConnectionParameters connection;
    connection.fd = descriptor;
    connection.listener_fd = listener;
    const auto give = [&] { acceptor->HandleNewConnection(&connection); };
    if (tls == nullptr) {
      give();
    } else {
      tls->Give(descriptor, give);
    }
  };
}

ConnectionLimits LimitsOf(const ListenOptions& options) {
  const int64_t half = std::max<int64_t>(options.max_connections / 2, 1);
  return {.in_all = options.max_connections,
          .per_group = options.max_connections_per_address == 0
                           ? half
                           : options.max_connections_per_address};
}

absl::Status Refused(const ListenOptions& options, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("listen is \"", options.listen, "\", but ", why));
}

// The sockets that systemd hands over. That others cannot reach them is checked
// here: whoever made them has not read our options.
absl::StatusOr<ListeningSockets> Adopt(const ListenOptions& options,
                                       const ListeningOptions& tcp) {
  const auto descriptors = TakeInheritedSockets(*SystemdName(options.listen));
  if (!descriptors.ok()) {
    return Refused(options, descriptors.status().message());
  }
  auto sockets = ListeningSockets::Adopt(*descriptors, tcp);
  if (!sockets.ok()) return Refused(options, sockets.status().message());
  if (options.tls.on() || options.allow_unencrypted_public_traffic) {
    return sockets;
  }
  for (const SocketAddress& address : sockets->addresses()) {
    if (IsLocal(address)) continue;
    return Refused(
        options,
        absl::StrCat("it has handed over ", ToString(address),
                     ", which others can reach, and the traffic is not "
                     "encrypted; set tls_certificate and tls_key, let the "
                     "socket unit listen on a loopback address, or set "
                     "allow_unencrypted_public_traffic"));
  }
  return sockets;
}

absl::StatusOr<ListeningSockets> OpenOrAdopt(const ListenOptions& options) {
  const ListeningOptions tcp = {
      .silence = absl::ToChronoMilliseconds(options.keepalive_timeout)};
  return SystemdName(options.listen).has_value()
             ? Adopt(options, tcp)
             : ListeningSockets::Open(options.listen, tcp);
}

TlsEnds EndsOf(const TlsFiles& files) {
  TlsEnds ends = {.certificate = files.certificate.not_after};
  if (files.client_ca.has_value()) ends.client_ca = files.client_ca->not_after;
  return ends;
}

}  // namespace

ListeningServer::ListeningServer(ListenOptions options,
                                 std::unique_ptr<Hosting> hosting)
    : options_(std::move(options)), hosting_(std::move(hosting)) {
  hosting_->admin_->settings().Listens(
      options_, [this](const ListenOptions& changed) {
        if (auto* const loop = counted_.load(std::memory_order_acquire)) {
          loop->SetLimits(LimitsOf(changed));
        }
      });
}

ListeningServer::~ListeningServer() { Stop().IgnoreError(); }

absl::Status ListeningServer::Start() {
  PINION_CHECK(grpc_server_ == nullptr, "a server starts once");
  absl::Status status = Validate(options_);
  if (!status.ok()) return status;
  adopts_ = SystemdName(options_.listen).has_value();
  // It changes the environment, and there will be threads.
  if (adopts_) ReadInheritedSockets();
  status = OpenTls();
  if (!status.ok()) return status;
  grpc::ServerBuilder builder;
  // Whoever links it has no say here: `reflection` has.
  LeaveOutGrpcsReflection(builder);
  status = hosting_->Attach(builder);
  if (!status.ok()) return status;
  SetLimits(options_, hosting_->options().max_message_bytes, builder);
  const std::shared_ptr<Acceptor> acceptor =
      builder.experimental().AddExternalConnectionAcceptor(
          grpc::ServerBuilder::experimental_type::ExternalConnectionType::
              FROM_FD,
          Credentials());
  auto sockets = OpenOrAdopt(options_);
  if (sockets.ok()) grpc_server_ = builder.BuildAndStart();
  status = hosting_->Start(grpc_server_);
  if (!sockets.ok()) return sockets.status();
  if (!status.ok()) return status;
  address_ = adopts_ ? ToString(sockets->addresses()[0])
                     : WithPort(options_.listen, sockets->port());
  accept_loop_ = std::make_unique<AcceptLoop>(
      *std::move(sockets),
      AcceptOptions{.limits = LimitsOf(options_),
                    .proxies = *TrustedProxies::Parse(
                        hosting_->options().trusted_proxies),
                    .log = Sink()},
      GiveTo(acceptor, tls_.get()));
  // Release, with the acquire in Snapshot(): it sees the whole loop.
  counted_.store(accept_loop_.get(), std::memory_order_release);
  status = accept_loop_->Start();
  if (!status.ok()) Stop().IgnoreError();
  hosting_->admin_->Listens(address_, [this] { return Snapshot(); });
  return status;
}

LogSink ListeningServer::Sink() {
  return [this](LogRecord record) { hosting_->LogLine(std::move(record)); };
}

absl::Status ListeningServer::OpenTls() {
  if (!options_.tls.on()) return absl::OkStatus();
  auto tls = ListenerTls::Open(options_.tls, Sink());
  if (!tls.ok()) return tls.status();
  tls_ = *std::move(tls);
  return absl::OkStatus();
}

std::shared_ptr<grpc::ServerCredentials> ListeningServer::Credentials() const {
  if (tls_ == nullptr) return grpc::InsecureServerCredentials();
  return tls_->credentials();
}

absl::Status ListeningServer::Reload(const ListenOptions& listen,
                                     const HostingOptions& hosting) {
  absl::Status status = Validate(listen);
  if (status.ok()) status = Validate(hosting);
  if (!status.ok()) return status;
  std::vector<std::string> names = NeedsRestart(options_, listen);
  for (std::string& name : hosting_->NeedsRestart(hosting)) {
    names.push_back(std::move(name));
  }
  status = RestartError(names);
  if (!status.ok()) return status;
  return hosting_->admin_->settings().Reload(&listen, hosting, [&] {
    absl::Status reloaded;
    if (tls_ != nullptr) reloaded = tls_->Reload();
    if (reloaded.ok()) reloaded = hosting_->runtime_->Reload(hosting);
    if (reloaded.ok()) accept_loop_->SetLimits(LimitsOf(listen));
    return reloaded;
  });
}

absl::Status ListeningServer::Stop() {
  if (adopts_ && accept_loop_ != nullptr) {
    // The sockets outlive this server: what connects now is for the next one,
    // and need not be refused by this one.
    hosting_->BeginDrain();
    accept_loop_->Stop();
  }
  hosting_->Drain();
  // gRPC leaks a connection that it is given once it is shut down.
  if (accept_loop_ != nullptr) accept_loop_->Stop();
  return hosting_->Stop();
}

ServerSnapshot ListeningServer::Snapshot() const {
  ServerSnapshot snapshot = hosting_->Snapshot();
  if (auto* const loop = counted_.load(std::memory_order_acquire)) {
    snapshot.connections = loop->Counts();
    // It was there before the loop.
    if (tls_ != nullptr) snapshot.tls = EndsOf(*tls_->files());
  }
  return snapshot;
}

std::shared_ptr<grpc::Channel> ListeningServer::InProcessChannel() {
  return grpc_server_->InProcessChannel(grpc::ChannelArguments());
}

}  // namespace pinion::internal
